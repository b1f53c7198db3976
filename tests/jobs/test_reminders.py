"""Whoever looks what students are to be reminded of, again and again."""

import asyncio

import pytest

from rpcbackend.jobs import reminders
from rpcbackend.jobs.reminders import Reminders, look
from rpcbackend.store import Store
from rpcbackend.testing import Client, FrozenClock
from tests.factories import School
from tests.notices.desk import open_school
from tests.notices.outbox import outbox_of, planned_in


@pytest.fixture
async def school(client: Client) -> School:
    """A school whose student has a mail address."""
    return await open_school(client)


async def until_sent(store: Store, count: int) -> None:
    async with asyncio.timeout(30):
        while len(await outbox_of(store)) < count:
            continue


async def test_a_store_is_looked_after_from_its_opening_on(
    store: Store, school: School, clock: FrozenClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reminders, "LOOK_SECONDS", 0)
    await school.book()
    await school.book(startsAt="2026-11-24T12:00:00Z")
    loop = Reminders(delay_seconds=0)

    loop.welcome(store)
    clock.advance(3_600)
    await until_sent(store, 1)
    clock.advance(3 * 3_600)
    await until_sent(store, 2)
    loop.close()

    clock.advance(24 * 3_600)
    assert [row.template for row in await outbox_of(store)] == ["lesson_reminder"] * 2


async def test_what_nobody_has_decided_is_decided_once_in_a_while(
    store: Store, school: School, clock: FrozenClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reminders, "LOOK_SECONDS", 0)
    loop = Reminders(delay_seconds=0)
    loop.welcome(store)
    lesson = await school.book()
    await store.write(lambda work: work.reminders.remove(lesson["id"]), actor="tests")

    clock.advance(reminders.PLAN_SECONDS)

    async with asyncio.timeout(30):
        while not await planned_in(store):
            continue
    loop.close()


async def test_a_store_that_is_only_read_has_rest(
    store: Store, school: School, clock: FrozenClock
) -> None:
    await school.book()
    clock.advance(3_600)
    store.engine.read_only = "setting"

    await look(store, is_to_plan=True)

    assert await outbox_of(store) == []


async def test_what_goes_wrong_is_tried_again(
    store: Store, school: School, clock: FrozenClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    await school.book()
    clock.advance(3_600)

    async def fails(_: object) -> bool:
        raise LookupError

    with monkeypatch.context() as broken:
        broken.setattr(reminders, "queue_due", fails)
        await look(store)
    await look(store)

    assert len(await outbox_of(store)) == 1
