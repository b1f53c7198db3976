"""Two processes that serve one school from a server: what is done in one holds in the other."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import asyncpg
import orjson
import pytest

from rpcbackend.app import Application
from rpcbackend.errors import UnavailableError
from rpcbackend.jobs.scheduler import LeadsNoMoreError
from rpcbackend.middleware.rate_limit import SHARED
from rpcbackend.resilience.shares import Told
from rpcbackend.schema.jobs import JobState
from rpcbackend.schema.limits import Limits
from rpcbackend.schema.schedules import ScheduleName
from rpcbackend.schema.users import Role
from rpcbackend.store import Place, Work, open_server_store, postgres_neighbours
from rpcbackend.store.postgres import PostgresEngine
from rpcbackend.store.postgres_connections import Server
from rpcbackend.store.postgres_neighbours import Neighbours
from rpcbackend.surroundings import Surroundings
from rpcbackend.testing import CallFailedError, Client, FrozenClock, running_app
from tests.factories import School, save_branch
from tests.methods.test_events import next_events
from tests.people import PASSWORD, add_role, be_quick, log_in

pytestmark = pytest.mark.postgresql


@asynccontextmanager
async def process(
    place: Place, clock: FrozenClock, limits: Limits | None = None
) -> AsyncIterator[Application]:
    bugs: list[Exception] = []
    surroundings = Surroundings(
        clock=clock, place=place, report_bug=lambda bug, _: bugs.append(bug)
    )
    async with running_app(surroundings=surroundings, limits=limits) as app:
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


async def leave(work: Work) -> None:
    await work.record("x.y", ("a", "b", 1), {})


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
    async with asyncio.timeout(30):
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


@asynccontextmanager
async def workers(
    place: Place, clock: FrozenClock, count: int, **limits: int
) -> AsyncIterator[list[Application]]:
    async with AsyncExitStack() as stack:
        yield [
            await stack.enter_async_context(process(place, clock, Limits(**limits)))
            for _ in range(count)
        ]


def over_http(app: Application, source: str = "192.0.2.1") -> Client:
    """Return a caller that comes over a network."""
    client = Client(app)
    client.server = app.connections.open(client, audience="http", source=source)
    return client


async def guess(client: Client, number: int) -> str:
    """Try a password on an account that nobody tried before."""
    return await outcome_of(client, "auth.login", {"login": f"user{number}", "password": PASSWORD})


async def test_guesses_at_once_in_several_processes_are_answered_as_if_one_took_them(
    place: Place, clock: FrozenClock
) -> None:
    """Exactly as many as one process answers: the misses are counted where the try is judged."""
    async with workers(place, clock, 3, auth_per_minute=1_000) as apps:
        callers = [over_http(app) for app in apps]

        outcomes = await asyncio.gather(*(guess(callers[n % 3], n) for n in range(60)))
        later = [await guess(caller, 100) for caller in callers]
        elsewhere = await guess(over_http(apps[0], "192.0.2.2"), 101)

    counts = Counter(outcomes)
    assert counts == {"UNAUTHENTICATED": 20, "RATE_LIMITED": 40}
    assert (later, elsewhere) == (["RATE_LIMITED"] * 3, "UNAUTHENTICATED")


async def test_what_one_desk_missed_keeps_no_other_desk_out(
    place: Place, clock: FrozenClock
) -> None:
    """All of them call their first connection the same."""
    async with workers(place, clock, 2, auth_per_minute=1_000) as (one, two):
        here, there = Client(one), Client(two)
        outcomes = [await guess(here, number) for number in range(21)]

        assert outcomes[-1] == "RATE_LIMITED"
        assert await guess(there, 100) == "UNAUTHENTICATED"


async def test_what_a_caller_took_in_one_process_he_has_no_more_in_another(
    place: Place, clock: FrozenClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with workers(place, clock, 2, auth_per_minute=1) as (one, two):
        hear, heard, total = two.rates.hear, asyncio.Event(), 0

        def count(told: Told, now: float) -> None:
            nonlocal total
            hear(told, now)
            total += told.get("address", {}).get("192.0.2.1", 0)
            if total == SHARED:
                heard.set()

        monkeypatch.setattr(two.rates, "hear", count)
        here = over_http(one)
        outcomes = [await guess(here, number) for number in range(SHARED + 1)]
        async with asyncio.timeout(30):
            await heard.wait()

        assert outcomes == ["UNAUTHENTICATED"] * SHARED + ["RATE_LIMITED"]
        assert await guess(over_http(two), 100) == "RATE_LIMITED"
        assert await guess(over_http(two, "192.0.2.2"), 100) == "UNAUTHENTICATED"


async def test_what_another_version_tells_is_let_pass(one: Application, two: Application) -> None:
    failures: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, what: failures.append(what))
    heard: asyncio.Queue[Told] = asyncio.Queue()
    one.rates.hear = lambda told, now: heard.put_nowait(told)  # type: ignore[method-assign]  # noqa: ARG005 (what is understood gets here)
    known = {"query": {"usr_1": 1}}

    messages = iter([["no such thing", '{"query": [1]}', orjson.dumps(known).decode()]])
    two.store.engine.others.talk(lambda: next(messages, []), lambda _: None)()

    async with asyncio.timeout(30):
        assert await heard.get() == known
    assert failures == []


async def test_what_there_is_to_tell_does_not_pile_up_while_the_server_is_away() -> None:
    neighbours = Neighbours(Server("postgresql://x@/x?host=/nowhere"), 1, lambda _: False)
    untold = ["once"]

    def take() -> list[str]:
        told = untold.copy()
        untold.clear()
        return told

    neighbours.talk(take, lambda _: None)
    with pytest.raises(UnavailableError):
        await neighbours._look()  # noqa: SLF001 (what is done every second)

    assert untold == []


async def test_a_process_that_hangs_leads_no_more_after_a_while(
    place: Place, clock: FrozenClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its connection is there all the same: nobody but the server can end it."""
    monkeypatch.setattr(postgres_neighbours, "SILENT_SECONDS", 3)
    monkeypatch.setattr(postgres_neighbours, "LOOK_SECONDS", 0.05)
    async with workers(place, clock, 2) as (one, two):
        hung = neighbours_of(one)
        leads = asyncio.Event()
        two.store.on_lead.append(leads.set)
        assert (hung.is_leader, neighbours_of(two).is_leader) == (True, False)

        never = asyncio.Event()
        monkeypatch.setattr(hung, "_look", never.wait)
        async with asyncio.timeout(30):
            await leads.wait()

        assert await one.store.write(lambda work: hung.leads(work.tx), actor="tests") is False
        assert (
            await two.store.write(lambda work: neighbours_of(two).leads(work.tx), actor="tests")
            is True
        )
        never.set()


async def test_a_server_that_does_not_answer_is_given_up_by_who_leads(
    place: Place, clock: FrozenClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgres_neighbours, "ANSWER_SECONDS", 0.1)
    monkeypatch.setattr(postgres_neighbours, "LOOK_SECONDS", 0.05)
    async with process(place, clock) as app:
        neighbours = neighbours_of(app)
        look, leads, is_silent = neighbours._look, asyncio.Event(), True  # noqa: SLF001 (what hangs)

        async def look_or_hang() -> None:
            nonlocal is_silent
            if is_silent:
                is_silent = False
                await asyncio.Event().wait()
            await look()

        app.store.on_lead.append(leads.set)
        monkeypatch.setattr(neighbours, "_look", look_or_hang)
        async with asyncio.timeout(30):
            # On another connection, for the one that was silent is gone.
            await leads.wait()


async def test_who_stood_still_and_leads_no_more_runs_no_schedule(
    one: Application, two: Application
) -> None:
    """He finds out where it is begun, in the transaction, as the sender does."""
    neighbours_of(two).is_leader = True

    with pytest.raises(LeadsNoMoreError):
        await two.scheduler.run(ScheduleName.UPKEEP)

    assert (await Client(one).call("jobs.list"))["items"] == []
    job = await one.scheduler.run(ScheduleName.UPKEEP)
    assert job is not None
    assert job.state is JobState.DONE


def neighbours_of(app: Application) -> Neighbours:
    engine = app.store.engine
    assert isinstance(engine, PostgresEngine)
    return engine.neighbours


async def test_who_opens_while_another_one_commits_knows_of_it(place: Place) -> None:
    """What is told between his look and his first answer is not missed."""
    other = await open_server_store(place)
    looked_at = await asyncpg.connect(place.url)
    async with looked_at.transaction():
        await looked_at.execute("LOCK TABLE audit")
        opening = asyncio.create_task(open_server_store(place))
        while not await looked_at.fetchval(_WAITS):
            pass
        await other.write(leave, actor="tests")
    store = await opening
    heard = asyncio.Event()
    store.on_commit.append(heard.set)
    try:
        async with asyncio.timeout(30):
            while store.head_seq < other.head_seq:
                await heard.wait()
    finally:
        await looked_at.close()
        await store.close()
        await other.close()


_WAITS = "SELECT true FROM pg_locks WHERE relation = 'audit'::regclass AND NOT granted"
