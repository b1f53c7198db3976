"""What becomes of what waits when a student is reached otherwise, refuses it, or leaves."""

import pytest

from rpcbackend.store import Store
from rpcbackend.testing import Client
from tests.clauses import clause
from tests.factories import School
from tests.notices.desk import ADA, PHONE, agree, cancel
from tests.notices.outbox import outbox_of, waiting_in

NOW = "2026-11-23T08:00:00Z"


async def update(client: Client, school: School, **given: object) -> None:
    await client.call("students.update", studentId=school.student["id"], **given)


@pytest.fixture
async def told(client: Client, school: School) -> School:
    """The same school, after it has cancelled a lesson: the news wait."""
    await cancel(client, await school.book())
    return school


async def test_what_waits_goes_to_the_new_address(
    client: Client, store: Store, told: School
) -> None:
    await update(client, told, email="a@example.org", phone=PHONE)

    assert await waiting_in(store) == [("lesson_cancelled", "a@example.org", NOW)]


async def test_who_has_no_address_any_more_is_not_written_to(
    client: Client, store: Store, told: School
) -> None:
    await update(client, told, email=None)

    assert await waiting_in(store) == []


async def test_what_does_not_matter_for_it_leaves_what_waits_alone(
    client: Client, store: Store, told: School
) -> None:
    before = await outbox_of(store)

    await update(client, told, bornOn="2007-12-11", email=ADA, language="en")
    await client.call("students.transition", studentId=told.student["id"], to="paused")

    assert await outbox_of(store) == before


@clause("messages-consent")
async def test_what_is_refused_waits_no_more_and_the_rest_does(
    client: Client, store: Store, told: School
) -> None:
    await agree(client, told, "sms", is_granted=False)
    await agree(client, told, "mail", purpose="payments", is_granted=False)
    still = await waiting_in(store)

    await agree(client, told, "mail", is_granted=False)

    assert still == [("lesson_cancelled", ADA, NOW)]
    assert await waiting_in(store) == []


async def test_nothing_is_said_to_who_was_archived(
    client: Client, store: Store, told: School
) -> None:
    await client.call(
        "notifications.send",
        studentIds=[told.student["id"]],
        template="message",
        channel="mail",
        values={"subject": "Well done", "text": "You passed."},
        sendAt="2026-12-01T09:00:00Z",
    )
    assert len(await waiting_in(store)) == 2

    for state in ("graduated", "archived"):
        await client.call("students.transition", studentId=told.student["id"], to=state)

    assert await waiting_in(store) == []
