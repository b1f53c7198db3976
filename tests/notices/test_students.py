"""What becomes of what waits when a student is reached otherwise, refuses it, or leaves."""

from typing import Any

import pytest

from rpcbackend.app import Application
from rpcbackend.schema.users import Role
from rpcbackend.store import Store
from rpcbackend.testing import Client, FrozenClock
from tests.clauses import clause
from tests.factories import School, create_student, save_branch
from tests.notices.desk import ADA, PHONE, agree, cancel, move
from tests.notices.outbox import outbox_of, planned_in, remind, waiting_in
from tests.notices.test_payments import ask, keep
from tests.notices.test_reminders import WEDNESDAY
from tests.people import add_role, signed_in
from tests.store.test_outbox import lease, settle

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


# By another way


async def reminded_by_sms(
    client: Client, store: Store, school: School, clock: FrozenClock
) -> dict[str, Any]:
    """Let a reminder wait for its student by SMS, and return the lesson."""
    await update(client, school, phone=PHONE)
    await agree(client, school, "sms")
    lesson = await school.book()
    clock.advance(3_600)
    await remind(store)
    assert [row.channel for row in await outbox_of(store, "queued")] == ["sms"]
    return lesson


@clause("messages-consent")
@pytest.mark.parametrize("how", ["refuses", "has no phone any more"])
async def test_who_closes_the_way_of_a_reminder_that_waits_has_it_by_mail(
    client: Client, store: Store, school: School, clock: FrozenClock, how: str
) -> None:
    await reminded_by_sms(client, store, school, clock)
    (before,) = await outbox_of(store)

    if how == "refuses":
        await agree(client, school, "sms", is_granted=False)
    else:
        await update(client, school, phone=None)

    (row,) = await outbox_of(store)
    assert (row.id, row.key, row.at, row.not_after) == (
        before.id,
        before.key,
        before.at,
        before.not_after,
    )
    assert (row.channel, row.recipient, row.state) == ("mail", ADA, "queued")
    assert row.payload["subject"] == "Deine Fahrstunde am Di, 24.11. um 10:00 Uhr"
    assert row.payload["text"].startswith("Hallo Ada,")
    assert row.payload["language"] == "de"


@clause("messages-consent")
async def test_who_closes_both_ways_has_it_by_none(
    client: Client, store: Store, school: School, clock: FrozenClock
) -> None:
    await reminded_by_sms(client, store, school, clock)

    await agree(client, school, "mail", is_granted=False)
    still = [row.channel for row in await outbox_of(store, "queued")]
    await agree(client, school, "sms", is_granted=False)

    assert still == ["sms"]
    assert await waiting_in(store) == []


@pytest.mark.parametrize("how", ["refuses", "has no address"])
async def test_who_can_be_told_again_before_his_lesson_is_reminded_of_it_after_all(
    client: Client, store: Store, school: School, clock: FrozenClock, how: str
) -> None:
    lesson = await school.book()
    clock.advance(3_600)
    await remind(store)
    if how == "refuses":
        await agree(client, school, "mail", is_granted=False)
    else:
        await update(client, school, email=None)
    await remind(store)
    meanwhile = await waiting_in(store)

    if how == "refuses":
        await agree(client, school, "mail")
    else:
        await update(client, school, email=ADA)
    clock.advance(1_000)
    await remind(store)
    await remind(store)

    assert meanwhile == []
    assert [(template, to) for template, to, _ in await waiting_in(store)] == [
        ("lesson_reminder", ADA)
    ]
    assert await planned_in(store) == [(lesson["id"], None)]


async def test_who_closes_the_way_of_mail_has_it_by_sms_in_words_for_that(
    client: Client, store: Store, school: School
) -> None:
    lesson = await school.book()
    await move(client, lesson, startsAt=WEDNESDAY)
    await update(client, school, phone=PHONE)
    await agree(client, school, "sms")

    await agree(client, school, "mail", is_granted=False)

    (row,) = await outbox_of(store)
    assert (row.template, row.channel, row.recipient) == ("lesson_moved", "sms", PHONE)
    assert row.payload == {
        "text": "Geändert: deine Fahrstunde ist jetzt Mi, 25.11. 14:00 Uhr mit Ines Kraft, "
        "Treffpunkt: wie vereinbart. Mitte"
    }


async def test_a_student_does_so_himself(
    app: Application, client: Client, store: Store, school: School, clock: FrozenClock
) -> None:
    await reminded_by_sms(client, store, school, clock)
    await add_role(app, Role.OWNER)
    student = await signed_in(app, Role.STUDENT, school.student["id"])

    await agree(student, school, "sms", is_granted=False, source="app")

    assert [(row.channel, row.state) for row in await outbox_of(store)] == [("mail", "queued")]


async def test_what_may_have_arrived_is_not_said_again_by_another_way(
    client: Client, store: Store, school: School, clock: FrozenClock
) -> None:
    await reminded_by_sms(client, store, school, clock)
    (leased,) = await lease(store, room={"sms": 1})
    await settle(store, "retry", leased, "no answer in time", 60_000)

    await agree(client, school, "sms", is_granted=False)

    assert [(row.channel, row.state) for row in await outbox_of(store)] == [("sms", "cancelled")]


async def test_what_somebody_sent_by_sms_on_purpose_is_no_mail_instead(
    client: Client, store: Store, school: School
) -> None:
    await update(client, school, phone=PHONE)
    await agree(client, school, "sms")
    await client.call(
        "notifications.send",
        studentIds=[school.student["id"]],
        template="message",
        channel="sms",
        values={"text": "Closed."},
    )

    await agree(client, school, "sms", is_granted=False)

    assert [(row.channel, row.state) for row in await outbox_of(store)] == [("sms", "cancelled")]


async def test_a_link_that_waits_goes_by_the_other_way_too(
    client: Client, store: Store, school: School
) -> None:
    await update(client, school, phone=PHONE)
    await agree(client, school, "sms", purpose="payments")
    await keep(store, await ask(client, school))

    await agree(client, school, "sms", purpose="payments", is_granted=False)

    (row,) = [row for row in await outbox_of(store) if row.channel != "payment"]
    assert (row.channel, row.recipient) == ("mail", ADA)
    assert row.payload["subject"] == "Bitte um Zahlung von 45,00 €"


@clause("messages-consent")
async def test_a_refusal_holds_though_the_lesson_of_what_waits_is_gone(
    client: Client, store: Store, school: School, clock: FrozenClock
) -> None:
    """A file that was damaged and salvaged may hold messages of what it lost."""
    lesson = await reminded_by_sms(client, store, school, clock)
    await store.write(
        lambda work: work.tx.run(
            "DELETE FROM lessons WHERE school_id = :school AND id = :id", id=lesson["id"]
        ),
        actor="tests",
    )

    await agree(client, school, "sms", is_granted=False)

    assert [(row.channel, row.state) for row in await outbox_of(store)] == [("sms", "cancelled")]


# At other hours


@clause("messages-quiet-hours")
async def test_what_waits_leaves_him_alone_at_the_new_hours_of_his_branch(
    client: Client, store: Store, told: School
) -> None:
    other = await save_branch(client, name="Nord")
    stranger = await create_student(client, other["id"], email="eva@example.org")
    await client.call(
        "notifications.send",
        studentIds=[stranger["id"]],
        template="message",
        channel="mail",
        values={"subject": "x", "text": "x"},
    )

    await save_branch(client, branchId=told.branch["id"], quietFrom="18:00", quietUntil="09:30")

    assert [row.quiet for row in await outbox_of(store)] == [
        ["Europe/Berlin", "18:00", "09:30"],
        ["Europe/Berlin", "21:00", "08:00"],
    ]


@clause("messages-quiet-hours")
async def test_who_changes_to_another_branch_has_its_hours_and_its_reminders(
    client: Client, store: Store, told: School
) -> None:
    lesson = await told.book(startsAt="2026-11-26T09:00:00Z")
    other = await save_branch(
        client, name="Lissabon", zone="Europe/Lisbon", quietFrom="20:00", reminderMinutes=120
    )

    await update(client, told, branchId=other["id"])
    await remind(store)

    (row,) = await outbox_of(store)
    assert row.quiet == ["Europe/Lisbon", "20:00", "08:00"]
    assert await planned_in(store) == [(lesson["id"], "2026-11-26T08:00:00Z")]
