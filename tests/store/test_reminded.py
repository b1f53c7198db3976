"""A restore reminds nobody again who was reminded since the backup."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from rpcbackend.jobs.reminders import look
from rpcbackend.notices.reminders import remind_later
from rpcbackend.store import Message, Store
from rpcbackend.store.driver import Opener
from rpcbackend.store.migrations import migrate
from rpcbackend.store.reminded import reminded_in
from tests.clauses import clause
from tests.factories import NINE, add_all, an_id, at, make_lesson, make_student, store_in
from tests.notices.outbox import planned_in
from tests.store.test_outbox import HELLO, lease, rows_in, settle, withdraw
from tests.store.test_settled import nobody, restored

LATER = at("2026-11-25T09:00:00Z")


async def fill(store: Store, *, is_queued: bool = False) -> None:
    """Add a lesson whose student is to be reminded now, and back it up.

    Args:
        store: Where.
        is_queued: Whether the reminder waits already then.
    """
    await add_all(store)
    student = make_student(email="ada@example.org")
    await store.write(lambda work: work.students.put(student), actor="tests")
    await store.write(lambda work: work.lessons.add(make_lesson()), actor="tests")
    await store.write(lambda work: work.reminders.put(an_id("les"), work.now), actor="tests")
    if is_queued:
        await look(store)
    await store.backup("manual")


async def change_lesson(store: Store, **given: Any) -> None:
    changed = make_lesson(**given)
    await store.write(lambda work: work.lessons.put(changed), actor="tests")


@clause("restore-sends-nothing-twice")
@pytest.mark.parametrize("end", ["sent", "fail", "retry", "on its way"])
async def test_whoever_was_reminded_since_the_backup_is_not_reminded_again(
    tmp_path: Path, end: str
) -> None:
    async with store_in(tmp_path) as store:
        await fill(store)
        await look(store)
        [reminder] = await lease(store)
        match end:
            case "fail":
                await settle(store, "fail", reminder, "no such user")
            case "retry":
                await settle(store, "retry", reminder, "busy", 60_000)
            case "sent":
                await settle(store, "sent", reminder, "ref 1")
        before = await rows_in(store)

        await restored(store)
        await look(store, is_to_plan=True)

        assert await rows_in(store) == before
        assert await planned_in(store) == [(an_id("les"), None)]


async def test_whoever_was_reminded_of_a_lesson_that_was_changed_since_knows_its_start(
    tmp_path: Path,
) -> None:
    async with store_in(tmp_path) as store:
        await fill(store)
        await change_lesson(store, pickup="Main station", version=2)
        await look(store)
        [reminder] = await lease(store)
        await settle(store, "sent", reminder)

        await restored(store)
        await look(store)

        assert [row["id"] for row in await rows_in(store)] == [reminder.id]


async def test_whoever_was_reminded_of_another_start_is_reminded_of_that_of_the_backup(
    tmp_path: Path,
) -> None:
    async with store_in(tmp_path) as store:
        await fill(store)
        await change_lesson(store, starts_at=LATER, version=2)
        await look(store)
        [reminder] = await lease(store)
        await settle(store, "sent", reminder)

        await restored(store)
        await look(store)

        [row] = await rows_in(store)
        assert row["id"] != reminder.id
        assert row["not_after"] == at(NINE).timestamp() * 1_000


async def test_a_reminder_that_was_queued_and_never_tried_is_queued_anew(tmp_path: Path) -> None:
    async with store_in(tmp_path) as store:
        await fill(store)
        await look(store)

        await restored(store)
        assert await rows_in(store) == []
        await look(store)

        assert [row["state"] for row in await rows_in(store)] == ["queued"]


async def test_a_reminder_that_was_withdrawn_since_and_never_sent_goes_after_all(
    tmp_path: Path,
) -> None:
    async with store_in(tmp_path) as store:
        await fill(store, is_queued=True)
        [reminder] = await rows_in(store)
        assert await withdraw(store, reminder["dedupe_key"])

        await restored(store)

        assert [row["state"] for row in await rows_in(store)] == ["queued"]


@clause("restore-sends-nothing-twice")
async def test_a_reminder_that_went_in_the_place_of_the_one_in_the_backup_is_the_only_one(
    tmp_path: Path,
) -> None:
    async with store_in(tmp_path) as store:
        await fill(store, is_queued=True)
        [first] = await rows_in(store)
        assert await withdraw(store, first["dedupe_key"])
        await store.write(lambda work: remind_later(work, first["dedupe_key"]), actor="tests")
        await store.write(lambda work: work.reminders.put(an_id("les"), work.now), actor="tests")
        await look(store)
        [second] = await lease(store)
        await settle(store, "sent", second)

        await restored(store)
        await look(store, is_to_plan=True)

        states = {row["id"]: row["state"] for row in await rows_in(store)}
        assert states == {first["id"]: "cancelled", second.id: "sent"}


async def test_a_webhook_is_told_of_the_event_that_has_a_number_now(tmp_path: Path) -> None:
    """The numbers of events go back in a restore: the same key is another event's."""
    async with store_in(tmp_path) as store:
        await fill(store)
        await store.write(
            lambda work: work.outbox.queue(webhook_message("the old one")), actor="tests"
        )
        [told] = await lease(store, room={"webhook": 1})
        await settle(store, "sent", told)

        await restored(store)

        assert await store.write(
            lambda work: work.outbox.queue(webhook_message("the new one")), actor="tests"
        )


def webhook_message(template: str) -> Message:
    return replace(HELLO, channel="webhook", template=template, dedupe_key="whk_1:7")


def test_a_database_from_before_there_were_reminders_has_reminded_nobody(tmp_path: Path) -> None:
    connection = Opener(tmp_path / "old.db", None, may_write=True)()
    migrate(connection, 0, to=13)
    connection.close()

    assert reminded_in(tmp_path / "old.db", None)(nobody) == []
