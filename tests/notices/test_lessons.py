"""What a student is told of his lessons, as commands leave it in the outbox."""

import pytest

from rpcbackend.notices.keys import first_known
from rpcbackend.store import Store
from rpcbackend.testing import Client, FrozenClock
from tests.clauses import clause
from tests.factories import NINE, School, at, save_instructor
from tests.notices.desk import ADA, agree, cancel, move
from tests.notices.outbox import outbox_of, remind, waiting_in

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
    assert told.key == f"{school.student['id']}/lessons/{lesson['id']}/2/lesson_moved/{NINE}"
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
    assert "10:00 bis 11:30 Uhr mit Otto Kraft" in told.payload["text"]


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

    assert first_known(keys) == at(NINE)
    assert first_known(keys[:1]) is None
