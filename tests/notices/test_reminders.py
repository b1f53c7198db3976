"""Reminders: decided with the booking, composed when they are due, for whom may be told then."""

from datetime import timedelta

import pytest

from rpcbackend.notices import reminders
from rpcbackend.store import Store
from rpcbackend.testing import CallFailedError, Client, FrozenClock
from tests.clauses import clause
from tests.factories import (
    NINE,
    School,
    an_id,
    create_student,
    events_in,
    save_branch,
    save_instructor,
)
from tests.notices.desk import ADA, PHONE, agree, cancel, move
from tests.notices.outbox import outbox_of, planned_in, remind, waiting_in

A_DAY_BEFORE = "2026-11-23T09:00:00Z"
WEDNESDAY = "2026-11-25T13:00:00Z"
HOUR = 3_600


async def until_due(store: Store, clock: FrozenClock, seconds: float = HOUR) -> None:
    """Let time pass until the lesson at nine is a day ahead, and look what is due."""
    clock.advance(seconds)
    await remind(store)


async def test_a_booked_lesson_is_reminded_of_a_day_before(
    store: Store, school: School, clock: FrozenClock
) -> None:
    lesson = await school.book(pickup="Bahnhof")
    planned = await planned_in(store)
    await remind(store)
    early, before = await outbox_of(store), store.head_seq

    await until_due(store, clock)

    assert planned == [(lesson["id"], A_DAY_BEFORE)]
    assert early == []
    assert await planned_in(store) == [(lesson["id"], None)]
    (row,) = await outbox_of(store)
    told = {"messageId": row.id, "channel": "mail", "studentId": school.student["id"]}
    (event,) = await events_in(store, before)
    assert (event["type"], event["data"]) == ("messages.queued", told)
    assert (row.template, row.channel, row.recipient) == ("lesson_reminder", "mail", ADA)
    assert (row.at, row.not_after) == (A_DAY_BEFORE, NINE)
    assert row.key == f"{school.student['id']}/lessons/{lesson['id']}/1/lesson_reminder/{NINE}"
    assert row.quiet == ["Europe/Berlin", "21:00", "08:00"]
    assert row.payload == {
        "subject": "Deine Fahrstunde am Di, 24.11. um 10:00 Uhr",
        "text": "Hallo Ada,\n\nam Dienstag, 24. November 2026 um 10:00 Uhr hast du eine "
        "Fahrstunde mit Ines Kraft.\nTreffpunkt: Bahnhof\n\nWenn du nicht kommen kannst, sag "
        "bitte so früh wie möglich Bescheid.\n\nMitte",
        "language": "de",
    }


async def test_a_dry_run_and_a_refused_booking_plan_nothing(
    client: Client, store: Store, school: School
) -> None:
    await client.call("lessons.book", **school.booking(_meta={"dryRun": True}))
    await school.book()
    with pytest.raises(CallFailedError):
        await school.book(durationMinutes=30)

    assert len(await planned_in(store)) == 1


async def test_what_was_due_is_queued_once(
    store: Store, school: School, clock: FrozenClock
) -> None:
    await school.book()
    await until_due(store, clock)

    await until_due(store, clock)

    assert len(await outbox_of(store)) == 1


# How a branch does it


async def test_the_branch_says_how_long_before_in_which_language_and_when_not(
    client: Client, store: Store, school: School, clock: FrozenClock
) -> None:
    habits = {"quietFrom": "06:00", "quietUntil": "08:30", "reminderMinutes": 180}
    await save_branch(client, branchId=school.branch["id"], language="en", **habits)
    lesson = await school.book()

    await until_due(store, clock, 23.5 * HOUR)

    assert (await planned_in(store))[0][0] == lesson["id"]
    (row,) = await outbox_of(store)
    assert (row.at, row.payload["language"]) == ("2026-11-24T07:30:00Z", "en")
    assert row.quiet == ["Europe/Berlin", "06:00", "08:30"]


async def test_a_branch_that_never_reminds_never_does_until_it_does(
    client: Client, store: Store, school: School
) -> None:
    await save_branch(client, branchId=school.branch["id"], reminderMinutes=0)
    lesson = await school.book()
    await remind(store)
    never = await planned_in(store)
    await save_branch(client, branchId=school.branch["id"], reminderMinutes=60)

    await remind(store)

    assert never == []
    assert await planned_in(store) == [(lesson["id"], "2026-11-24T08:00:00Z")]


async def test_other_habits_move_the_reminders_that_are_planned_and_none_that_is_done(
    client: Client, store: Store, school: School, clock: FrozenClock
) -> None:
    done = await school.book()
    await until_due(store, clock)
    later = await school.book(startsAt=WEDNESDAY)
    await save_branch(client, branchId=school.branch["id"], reminderMinutes=120)

    await remind(store)

    assert sorted(await planned_in(store)) == [
        (done["id"], None),
        (later["id"], "2026-11-25T11:00:00Z"),
    ]


async def test_the_student_s_own_branch_decides_and_the_lesson_s_clock_is_told(
    client: Client, store: Store, school: School, clock: FrozenClock
) -> None:
    lisbon = await save_branch(client, name="Lissabon", zone="Europe/Lisbon", language="en")
    teacher = await save_instructor(client, lisbon["id"])
    await school.book(instructorId=teacher["id"])

    await until_due(store, clock)

    (row,) = await outbox_of(store)
    assert row.quiet == ["Europe/Berlin", "21:00", "08:00"]
    assert row.payload["subject"] == "Deine Fahrstunde am Di, 24.11. um 09:00 Uhr"


# As things are when it is due


async def test_it_reads_as_the_student_the_school_and_the_lesson_are_then(
    client: Client, store: Store, school: School, clock: FrozenClock
) -> None:
    await school.book()
    await client.call(
        "students.update",
        studentId=school.student["id"],
        givenName="Augusta",
        email="a@example.org",
        language="en",
    )
    words = {"subject": "{time}!", "text": "{givenName} {familyName}, {meetingPoint}, {endTime}"}
    await client.call(
        "templates.save", kind="lesson_reminder", channel="mail", language="en", **words
    )

    await until_due(store, clock)

    (row,) = await outbox_of(store)
    assert row.recipient == "a@example.org"
    assert row.payload == {
        "subject": "10:00!",
        "text": "Augusta Byron, as agreed, 11:30",
        "language": "en",
    }


@clause("messages-one-line-subject")
async def test_a_name_with_lines_in_it_makes_no_second_line_of_a_subject(
    client: Client, store: Store, school: School, clock: FrozenClock
) -> None:
    name = "Ada\nBcc: x@y.z"
    await client.call("students.update", studentId=school.student["id"], givenName=name)
    words = {"subject": "{givenName}", "text": "-"}
    await client.call(
        "templates.save", kind="lesson_reminder", channel="mail", language="de", **words
    )
    await school.book()

    await until_due(store, clock)

    (row,) = await outbox_of(store)
    assert row.payload["subject"] == "Ada Bcc: x@y.z"


@clause("messages-consent")
async def test_who_wants_sms_is_reminded_by_sms_and_not_by_mail_too(
    client: Client, store: Store, school: School, clock: FrozenClock
) -> None:
    await school.book()
    await client.call("students.update", studentId=school.student["id"], phone=PHONE)
    await agree(client, school)

    await until_due(store, clock)

    (row,) = await outbox_of(store)
    assert (row.channel, row.recipient) == ("sms", PHONE)
    assert row.payload == {
        "text": "Fahrstunde Di, 24.11. 10:00 Uhr mit Ines Kraft, Treffpunkt: wie vereinbart. Mitte"
    }


async def test_who_wants_sms_and_has_no_phone_is_reminded_by_mail(
    client: Client, store: Store, school: School, clock: FrozenClock
) -> None:
    await school.book()
    await agree(client, school)

    await until_due(store, clock)

    assert [row.channel for row in await outbox_of(store)] == ["mail"]


@clause("messages-consent")
async def test_who_refuses_or_cannot_be_reached_is_not_reminded(
    client: Client, store: Store, school: School, clock: FrozenClock
) -> None:
    await school.book()
    unreached = await create_student(client, school.branch["id"], phone=PHONE)
    await school.book(studentId=unreached["id"], startsAt="2026-11-24T11:00:00Z")
    await agree(client, school, "mail", is_granted=False)

    for _ in range(30):
        await until_due(store, clock)

    assert await outbox_of(store) == []
    assert {due_at for _, due_at in await planned_in(store)} == {None}


@clause("messages-consent")
async def test_who_agrees_before_the_lesson_is_reminded_after_all(
    client: Client, store: Store, school: School, clock: FrozenClock
) -> None:
    await school.book()
    await agree(client, school, "mail", is_granted=False)
    await until_due(store, clock)
    await agree(client, school, "mail")

    await until_due(store, clock, 15 * 60)

    assert await waiting_in(store) == [("lesson_reminder", ADA, "2026-11-23T09:15:00Z")]


@clause("messages-quiet-hours")
async def test_who_could_not_be_reminded_in_time_is_not_woken_for_it(
    store: Store, school: School, clock: FrozenClock
) -> None:
    """The program runs again at midnight."""
    await school.book()
    early = await school.book(startsAt="2026-11-24T06:00:00Z")

    await until_due(store, clock, 15 * HOUR)

    assert [(row.template, row.at) for row in await outbox_of(store)] == [
        ("lesson_reminder", "2026-11-24T07:00:00Z")
    ]
    assert (early["id"], None) in await planned_in(store)


# Moved, and off


@clause("messages-follow-lessons")
async def test_the_reminder_of_a_moved_lesson_moves_with_it(
    client: Client, store: Store, school: School, clock: FrozenClock
) -> None:
    lesson = await school.book()
    await move(client, lesson, startsAt=WEDNESDAY)
    planned = await planned_in(store)
    await until_due(store, clock)
    early = [row.template for row in await outbox_of(store)]

    await until_due(store, clock, 28 * HOUR)

    assert planned == [(lesson["id"], "2026-11-24T13:00:00Z")]
    assert early == ["lesson_moved"]
    assert [(row.template, row.not_after) for row in await outbox_of(store)] == [
        ("lesson_moved", WEDNESDAY),
        ("lesson_reminder", WEDNESDAY),
    ]


async def test_who_hears_of_a_move_within_a_day_is_not_reminded_of_it_too(
    client: Client, store: Store, school: School, clock: FrozenClock
) -> None:
    lesson = await school.book(startsAt=WEDNESDAY)
    await move(client, lesson, startsAt="2026-11-23T15:00:00Z")

    await until_due(store, clock)

    assert [row.template for row in await outbox_of(store)] == ["lesson_moved"]


async def test_another_vehicle_reminds_of_nothing_again(
    client: Client, store: Store, school: School, clock: FrozenClock
) -> None:
    lesson = await school.book()
    await until_due(store, clock)

    await move(client, lesson, vehicleId=None)
    await until_due(store, clock)

    assert len(await outbox_of(store)) == 1


@clause("messages-follow-lessons")
async def test_nobody_is_reminded_of_a_lesson_that_is_off(
    client: Client, store: Store, school: School, clock: FrozenClock
) -> None:
    await cancel(client, await school.book(), "student")
    planned = await planned_in(store)

    await until_due(store, clock)

    assert planned == []
    assert await outbox_of(store) == []


# Where nobody has decided


async def forget(store: Store) -> None:
    """Let there be lessons of before there were reminders."""
    await store.write(
        lambda work: work.tx.run("DELETE FROM reminders WHERE school_id = :school"),
        actor="tests",
    )


async def test_lessons_of_before_there_were_reminders_are_found_some_at_a_time(
    store: Store, school: School, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reminders, "AT_A_TIME", 2)
    for day in range(4, 9):
        await school.book(startsAt=f"2026-11-2{day}T12:00:00Z")
    far = await school.book(startsAt="2026-12-24T12:00:00Z")
    planned = await planned_in(store)
    await forget(store)

    await remind(store)

    assert await planned_in(store) == [one for one in planned if one[0] != far["id"]]


async def test_many_that_are_due_are_all_queued(
    store: Store, school: School, clock: FrozenClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reminders, "AT_A_TIME", 2)
    for hour in range(10, 15):
        await school.book(startsAt=f"2026-11-24T{hour}:00:00Z", durationMinutes=30)

    await until_due(store, clock, 7 * HOUR)

    assert len(await outbox_of(store)) == 5


@pytest.mark.parametrize("at_a_time", [1, 100])
async def test_a_reminder_whose_lesson_is_gone_stops_no_other_one_and_is_forgotten(
    store: Store,
    school: School,
    clock: FrozenClock,
    monkeypatch: pytest.MonkeyPatch,
    at_a_time: int,
) -> None:
    monkeypatch.setattr(reminders, "AT_A_TIME", at_a_time)
    lesson = await school.book()
    await store.write(
        lambda work: work.reminders.put(an_id("les"), work.now - timedelta(days=1)),
        actor="tests",
    )

    await until_due(store, clock)

    assert [row.template for row in await outbox_of(store)] == ["lesson_reminder"]
    forgotten = await store.write(lambda work: work.reminders.forget_old(work.now), actor="tests")
    assert forgotten == 1
    assert await planned_in(store) == [(lesson["id"], None)]
