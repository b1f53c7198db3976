"""What was given up and is tried again by hand: nothing that is over, and to who is meant today."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from rpcbackend.store import Store
from rpcbackend.testing import CallFailedError, Client, FrozenClock
from tests.clauses import clause
from tests.factories import School
from tests.notices.desk import agree, cancel, move
from tests.notices.outbox import outbox_of, waiting_in
from tests.notices.test_reminders import A_DAY_BEFORE, WEDNESDAY, until_due
from tests.store.test_outbox import lease, settle

DAY = 86_400
Act = Callable[[Client, School, dict[str, Any]], Awaitable[Any]]


async def give_up(store: Store) -> str:
    """Let the only message fail for good."""
    (leased,) = await lease(store)
    await settle(store, "fail", leased, "535 wrong password")
    return leased.id


async def refusal(client: Client, message_id: str) -> Any:
    with pytest.raises(CallFailedError) as failed:
        await client.call("outbox.retry", ids=[message_id], action="retry")
    assert failed.value.symbol == "INVALID_TRANSITION"
    return failed.value.details


ENDS: dict[str, Act] = {
    "cancelled": lambda client, _, lesson: cancel(client, lesson, "student"),
    "moved": lambda client, _, lesson: move(
        client, lesson, startsAt=WEDNESDAY, expectedVersion=lesson["version"]
    ),
    "refused": lambda client, school, _: agree(client, school, "mail", is_granted=False),
}


@clause("messages-consent")
@pytest.mark.parametrize("end", ENDS.values(), ids=ENDS)
async def test_a_reminder_that_failed_is_not_sent_once_it_is_over(
    client: Client, store: Store, school: School, clock: FrozenClock, end: Act
) -> None:
    lesson = await school.book()
    await until_due(store, clock)
    message_id = await give_up(store)

    await end(client, school, lesson)

    assert await refusal(client, message_id) == {
        "id": message_id,
        "from": "cancelled",
        "to": "queued",
    }
    assert "lesson_reminder" not in [kind for kind, *_ in await waiting_in(store)]


async def test_what_was_withdrawn_on_its_way_and_failed_is_not_sent_again(
    client: Client, store: Store, school: School, clock: FrozenClock
) -> None:
    lesson = await school.book()
    await until_due(store, clock)
    (leased,) = await lease(store)
    await cancel(client, lesson, "student")
    await settle(store, "fail", leased, "550 no")

    told = await refusal(client, leased.id)

    assert (told["from"], told["reason"]) == ("failed", "withdrawn")


async def test_a_reminder_that_failed_is_not_sent_after_the_lesson(
    client: Client, store: Store, school: School, clock: FrozenClock
) -> None:
    await school.book()
    await until_due(store, clock)
    message_id = await give_up(store)
    clock.advance(DAY)

    told = await refusal(client, message_id)

    assert (told["from"], told["reason"]) == ("failed", "late")


async def test_what_failed_goes_to_the_new_address_and_in_time(
    client: Client, store: Store, school: School, clock: FrozenClock
) -> None:
    lesson = await school.book()
    await until_due(store, clock)
    message_id = await give_up(store)
    await client.call("students.update", studentId=school.student["id"], email="new@example.org")

    await client.call("outbox.retry", ids=[message_id], action="retry")

    assert await waiting_in(store) == [("lesson_reminder", "new@example.org", A_DAY_BEFORE)]
    (row,) = await outbox_of(store)
    assert row.not_after == lesson["startsAt"]
