"""Two processes that serve one school from a server: what is done in one holds in the other."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from rpcbackend.app import Application
from rpcbackend.schema.users import Role
from rpcbackend.store import Place
from rpcbackend.surroundings import Surroundings
from rpcbackend.testing import CallFailedError, Client, FrozenClock, running_app
from tests.factories import School, save_branch
from tests.methods.test_events import next_events
from tests.people import add_role, be_quick, log_in

pytestmark = pytest.mark.postgresql


@asynccontextmanager
async def process(place: Place, clock: FrozenClock) -> AsyncIterator[Application]:
    bugs: list[Exception] = []
    surroundings = Surroundings(
        clock=clock, place=place, report_bug=lambda bug, _: bugs.append(bug)
    )
    async with running_app(surroundings=surroundings) as app:
        be_quick(app)
        await app.open_store()
        yield app
    assert bugs == []


@pytest.fixture
async def one(place: Place, clock: FrozenClock) -> AsyncIterator[Application]:
    """The first process."""
    async with process(place, clock) as app:
        yield app


@pytest.fixture
async def two(one: Application, place: Place, clock: FrozenClock) -> AsyncIterator[Application]:
    """The second one."""
    assert one.has_store
    async with process(place, clock) as app:
        yield app


async def outcome_of(client: Client, channel: str, params: dict[str, Any]) -> str:
    try:
        await client.call_with_meta(channel, params)
    except CallFailedError as failed:
        return failed.symbol
    return "done"


async def test_two_who_book_the_same_hour_in_two_processes_do_not_both_get_it(
    one: Application, two: Application
) -> None:
    here, there = Client(one), Client(two)
    school = await School(here).open()

    for day in range(1, 11):
        hour = school.booking(startsAt=f"2026-12-{day:02}T09:00:00Z")
        outcomes = await asyncio.gather(
            outcome_of(here, "lessons.book", hour), outcome_of(there, "lessons.book", hour)
        )

        assert sorted(outcomes) == ["CONFLICT_INSTRUCTOR", "done"]


async def test_a_command_that_is_sent_to_two_processes_takes_effect_once(
    one: Application, two: Application
) -> None:
    here, there = Client(one), Client(two)
    school = await School(here).open()
    hour = school.booking() | {"_meta": {"idempotencyKey": "the same"}}

    answers = await asyncio.gather(
        here.call_with_meta("lessons.book", hour), there.call_with_meta("lessons.book", hour)
    )

    assert answers[0]["lesson"] == answers[1]["lesson"]
    assert sorted("replayed" in answer["_meta"] for answer in answers) == [False, True]


async def test_a_subscriber_hears_what_another_process_did_in_its_order(
    one: Application, two: Application
) -> None:
    here, there = Client(one), Client(two)
    await here.call("events.subscribe")

    for name in ("a", "b", "c", "d"):
        await save_branch(there if name < "c" else here, name=name)

    events = await next_events(here, 4)
    assert [event["seq"] for event in events] == [1, 2, 3, 4]


async def test_a_session_is_good_in_every_process_until_it_is_ended_in_one(
    one: Application, two: Application
) -> None:
    await add_role(one, Role.OWNER)
    signed = await log_in(Client(two))
    meta = {"_meta": {"token": signed["accessToken"]}}
    elsewhere = Client(one)
    assert await outcome_of(elsewhere, "branches.list", meta) == "done"

    await elsewhere.call("auth.logout", **meta)

    there = Client(two)
    branch = {"name": "Mitte", "zone": "Europe/Berlin", "currency": "EUR"}
    # At once where it could change anything, whatever was heard of it.
    assert await outcome_of(there, "branches.save", branch | meta) == "SESSION_EXPIRED"
    async with asyncio.timeout(10):
        while await outcome_of(there, "branches.list", meta) == "done":
            continue


async def test_what_answers_were_made_of_is_never_from_before_a_commit(
    one: Application, two: Application
) -> None:
    """Nothing is kept where others write: no process could tell in time that it is old."""
    here, there = Client(one), Client(two)

    for number in range(20):
        await save_branch(here if number % 2 else there, name=str(number))

        listed = await (there if number % 2 else here).call("branches.list")
        assert len(listed["items"]) == number + 1
