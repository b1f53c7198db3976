"""What a student is told of his lessons, as commands leave it in the outbox."""

from typing import Any

import pytest

from rpcbackend.notices.keys import Known, first_known
from rpcbackend.store import Store
from rpcbackend.testing import Client, FrozenClock
from tests.clauses import clause
from tests.factories import NINE, School, at, events_in, save_instructor
from tests.notices.desk import ADA, agree, cancel, move
from tests.notices.outbox import outbox_of, planned_in, remind, waiting_in
from tests.store.test_outbox import lease, settle

WEDNESDAY = "2026-11-25T13:00:00Z"


# Moved


@clause("messages-follow-lessons")
async def test_a_moved_lesson_is_told_of_at_once(
    client: Client, store: Store, school: School
) -> None:
    lesson = await school.book()

    await move(client, lesson, startsAt=WEDNESDAY)

    (told,) = await outbox_of(store)
    assert (told.template, told.channel, told.recipient) == ("lesson_moved", "mail", ADA)
    assert (told.at, told.not_after) == ("2026-11-23T08:00:00Z", WEDNESDAY)
    about = f"{school.student['id']}/lessons/{lesson['id']}/2/lesson_moved"
    assert told.key == f"{about}/{NINE}/{lesson['endsAt']}/{school.instructor['id']}"
    assert told.payload["text"] == (
        "Hallo Ada,\n\ndeine Fahrstunde vom Dienstag, 24. November 2026, 10:00 Uhr, wurde "
        "geändert. Sie ist jetzt am Mittwoch, 25. November 2026 von 14:00 bis 15:30 Uhr mit "
        "Ines Kraft.\nTreffpunkt: wie vereinbart\n\nWenn das nicht passt, melde dich bitte bei "
        "uns.\n\nMitte"
    )


@clause("messages-consent")
async def test_who_refuses_is_told_of_no_move(client: Client, store: Store, school: School) -> None:
    lesson = await school.book()
    await agree(client, school, "mail", is_granted=False)

    await move(client, lesson, startsAt=WEDNESDAY)

    assert await outbox_of(store) == []


async def test_news_that_nobody_heard_of_are_replaced_by_the_last(
    client: Client, store: Store, school: School, clock: FrozenClock
) -> None:
    """Moved twice in the evening: in the morning one mail tells from where to where."""
    lesson = await school.book(startsAt=WEDNESDAY)
    clock.advance(13 * 3_600)
    await move(client, lesson, startsAt="2026-11-26T13:00:00Z")

    await move(client, lesson, startsAt="2026-11-27T13:00:00Z")

    (told,) = await outbox_of(store, "queued")
    assert (told.template, told.at) == ("lesson_moved", "2026-11-24T07:00:00Z")
    assert "vom Mittwoch, 25. November 2026, 14:00 Uhr" in told.payload["text"]
    assert "jetzt am Freitag, 27. November 2026" in told.payload["text"]


async def test_another_vehicle_is_no_news(client: Client, store: Store, school: School) -> None:
    lesson = await school.book()

    await move(client, lesson, vehicleId=None)

    assert await outbox_of(store) == []


async def test_another_instructor_is_news(client: Client, store: Store, school: School) -> None:
    lesson = await school.book()
    other = await save_instructor(client, school.branch["id"], givenName="Otto")

    await move(client, lesson, instructorId=other["id"])

    (told,) = await outbox_of(store)
    assert told.template == "lesson_changed"
    assert told.payload["subject"] == "Änderung deiner Fahrstunde am Di, 24.11. um 10:00 Uhr"
    assert told.payload["text"] == (
        "Hallo Ada,\n\ndeine Fahrstunde am Dienstag, 24. November 2026 um 10:00 Uhr hat sich "
        "geändert: Sie dauert bis 11:30 Uhr, und zwar mit Otto Kraft.\nTreffpunkt: wie "
        "vereinbart\n\nWenn das nicht passt, melde dich bitte bei uns.\n\nMitte"
    )


async def test_who_never_heard_that_it_was_moved_is_not_told_that_it_was_moved_back(
    client: Client, store: Store, school: School, clock: FrozenClock
) -> None:
    """From ten to twelve in the evening, and back to ten: nobody hears of "ten to ten"."""
    lesson = await school.book(startsAt=WEDNESDAY)
    clock.advance(13 * 3_600)
    await move(client, lesson, startsAt="2026-11-26T13:00:00Z")

    await move(client, lesson, startsAt=WEDNESDAY)

    assert await waiting_in(store) == []
    assert await planned_in(store) == [(lesson["id"], "2026-11-24T13:00:00Z")]


@pytest.mark.parametrize(
    "end",
    [("retry", "busy", 60_000), ("fail", "mailbox full"), None],
    ids=["tried again", "given up", "on its way"],
)
async def test_who_may_not_have_heard_of_a_move_is_told_where_it_was_moved_back_to(
    client: Client,
    store: Store,
    school: School,
    clock: FrozenClock,
    end: tuple[str, *tuple[Any, ...]] | None,
) -> None:
    """To Thursday, which he may not have read; by night to Friday, and back to Thursday."""
    thursday = "2026-11-26T13:00:00Z"
    lesson = await school.book(startsAt=WEDNESDAY)
    await move(client, lesson, startsAt=thursday)
    (news,) = await lease(store)
    if end is not None:
        how, *more = end
        await settle(store, how, news, *more)
    clock.advance(13 * 3_600)
    await move(client, lesson, startsAt="2026-11-27T13:00:00Z")

    await move(client, lesson, startsAt=thursday)

    (told,) = await outbox_of(store, "queued")
    assert told.template == "lesson_changed"
    assert told.payload["subject"] == "Änderung deiner Fahrstunde am Do, 26.11. um 14:00 Uhr"


async def test_what_was_moved_back_is_reminded_of_once_and_not_never(
    client: Client, store: Store, school: School, clock: FrozenClock
) -> None:
    """The reminder waited for the morning, was withdrawn with the move, and is due again."""
    lesson = await school.book(startsAt="2026-11-24T20:00:00Z")
    clock.advance(12.5 * 3_600)
    await remind(store)
    await move(client, lesson, startsAt="2026-11-24T15:00:00Z")
    await move(client, lesson, startsAt="2026-11-24T20:00:00Z")
    clock.advance(11 * 3_600)
    await remind(store)
    once = await waiting_in(store)

    await settle(store, "sent", (await lease(store))[0])
    await move(client, lesson, startsAt="2026-11-24T15:00:00Z")
    await move(client, lesson, startsAt="2026-11-24T20:00:00Z")
    await remind(store)

    assert once == [("lesson_reminder", ADA, "2026-11-24T07:30:00Z")]
    assert await waiting_in(store) == []


async def test_what_is_said_of_a_lesson_and_withdrawn_leaves_events(
    client: Client, store: Store, school: School
) -> None:
    lesson = await school.book()
    before = store.head_seq
    await move(client, lesson, startsAt=WEDNESDAY)
    await cancel(client, lesson, "student")

    (row,) = await outbox_of(store)
    told = {"messageId": row.id, "channel": "mail", "studentId": school.student["id"]}
    assert [
        (event["type"], event["data"])
        for event in await events_in(store, before)
        if event["type"].startswith("messages.")
    ] == [("messages.queued", told), ("messages.cancelled", told)]


# Cancelled


@clause("messages-follow-lessons")
@pytest.mark.parametrize("by", ["school", "instructor"])
async def test_a_lesson_that_the_school_cancels_is_told_off(
    client: Client, store: Store, school: School, by: str
) -> None:
    lesson = await school.book()

    await cancel(client, lesson, by)

    (told,) = await outbox_of(store)
    assert (told.template, told.state, told.not_after) == ("lesson_cancelled", "queued", NINE)
    assert told.payload["subject"] == "Deine Fahrstunde am Di, 24.11. um 10:00 Uhr fällt aus"


@clause("messages-follow-lessons")
async def test_who_cancels_himself_knows_it_and_is_not_reminded_any_more(
    client: Client, store: Store, school: School, clock: FrozenClock
) -> None:
    lesson = await school.book()
    clock.advance(3_600)
    await remind(store)
    waiting = await waiting_in(store)

    await cancel(client, lesson, "student")

    assert waiting == [("lesson_reminder", ADA, "2026-11-23T09:00:00Z")]
    assert await waiting_in(store) == []


async def test_cancelling_twice_tells_once(client: Client, store: Store, school: School) -> None:
    lesson = await school.book()
    await cancel(client, lesson)

    await cancel(client, lesson)

    assert [row[0] for row in await waiting_in(store)] == ["lesson_cancelled"]


async def test_what_is_cancelled_is_the_lesson_that_the_student_knows_of(
    client: Client, store: Store, school: School, clock: FrozenClock
) -> None:
    lesson = await school.book(startsAt=WEDNESDAY)
    clock.advance(13 * 3_600)
    await move(client, lesson, startsAt="2026-11-26T13:00:00Z")

    await cancel(client, lesson)

    (told,) = await outbox_of(store, "queued")
    assert told.payload["subject"] == "Deine Fahrstunde am Mi, 25.11. um 14:00 Uhr fällt aus"
    assert told.not_after == WEDNESDAY


async def test_what_could_be_told_only_after_the_start_is_not(
    client: Client, store: Store, school: School, clock: FrozenClock
) -> None:
    """Cancelled at half past ten in the evening, for seven in the morning: somebody has to call."""
    lesson = await school.book(startsAt="2026-11-24T06:00:00Z")
    clock.advance(13.5 * 3_600)

    await cancel(client, lesson)

    assert await waiting_in(store) == []


def test_the_start_that_is_known_is_that_of_the_first_news_that_nobody_read() -> None:
    about = "stu/lessons/les"
    keys = [f"{about}/1/lesson_reminder/{NINE}", f"{about}/2/lesson_moved/{NINE}"]

    assert first_known(keys) == Known(at(NINE), None, None)
    assert first_known(keys[:1]) is None
    whole = f"{about}/2/lesson_changed/{NINE}/{WEDNESDAY}/ins_1"
    assert first_known([*keys[:1], whole]) == Known(at(NINE), at(WEDNESDAY), "ins_1")
