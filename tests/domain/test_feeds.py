"""A feed is iCalendar that others read the same, whatever the names are (rule A8)."""

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import icalendar
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rpcbackend.domain.feeds import fold, render
from rpcbackend.schema.feeds import Feed, FeedDetail, FeedKind, FeedLesson
from rpcbackend.schema.lessons import LessonState, LessonType
from tests.domain.ical import Component, read
from tests.factories import an_id, at

ZONES = ["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu", "UTC"]
CANARY = "Zoë-Canary"

# What a Name may hold: no control characters but tab and line feed.
NAMES = st.text(
    st.one_of(
        st.characters(blacklist_categories=("Cs", "Cc")), st.sampled_from("\t\n\\;,:\"'äß🚗")
    ),
    min_size=1,
    max_size=120,
)


def make_feed(**given: Any) -> Feed:
    """Make an instructor's feed that tells everything, unless something else is given."""
    fields: dict[str, Any] = {
        "id": an_id("fed"),
        "kind": FeedKind.INSTRUCTOR,
        "owner_id": an_id("ins"),
        "detail": FeedDetail.FULL,
        "past_days": 30,
        "future_days": 366,
        "language": "en",
        "made_by": "local",
        "created_at": at("2026-11-23T08:00:00Z"),
        "revoked_at": None,
    }
    return Feed(**fields | given)


def make_lesson(**given: Any) -> FeedLesson:
    """Make a lesson of which everything is known."""
    fields: dict[str, Any] = {
        "id": "les_019a0000-0000-7000-8000-000000000001",
        "version": 3,
        "state": LessonState.BOOKED,
        "type": LessonType.MOTORWAY,
        "starts_at": at("2026-11-24T09:00:00Z"),
        "ends_at": at("2026-11-24T10:30:00Z"),
        "zone": "Europe/Berlin",
        "pickup": "Hauptstr. 5, Berlin",
        "dropoff": "Bahnhof; Gleis 3",
        "student": "Zoë Groß",
        "instructor": "Ada Byron",
        "plate": "B-FS 202",
    }
    return FeedLesson(**fields | given)


def event_of(feed: Feed, lesson: FeedLesson) -> Component:
    [event] = read(render(feed, [lesson])).all("VEVENT")
    return event


def test_a_lesson_is_written_with_its_zone_its_version_and_its_names() -> None:
    event = event_of(make_feed(), make_lesson())

    assert event.values == {
        "UID": "les_019a0000-0000-7000-8000-000000000001",
        "DTSTAMP": "20251020T050311Z",
        "DTSTART": "20261124T100000",
        "DTEND": "20261124T113000",
        "SUMMARY": "Motorway drive: Zoë Groß",
        "LOCATION": "Hauptstr. 5\\, Berlin",
        "DESCRIPTION": "B-FS 202\\n→ Bahnhof\\; Gleis 3",
        "STATUS": "CONFIRMED",
        "SEQUENCE": "2",
        "TRANSP": "OPAQUE",
    }
    assert event.params["DTSTART"] == "TZID=Europe/Berlin"


@pytest.mark.parametrize(
    ("kind", "summary"),
    [
        (FeedKind.INSTRUCTOR, "Motorway drive: Zoë Groß"),
        (FeedKind.STUDENT, "Motorway drive: Ada Byron"),
        (FeedKind.VEHICLE, "Motorway drive: Ada Byron, Zoë Groß"),
        (FeedKind.BRANCH, "Motorway drive: Ada Byron, Zoë Groß"),
    ],
)
def test_a_lesson_is_named_by_whoever_the_calendar_does_not_belong_to(
    kind: FeedKind, summary: str
) -> None:
    event = event_of(make_feed(kind=kind), make_lesson())

    assert event.text("SUMMARY") == summary
    assert ("B-FS 202" in (event.text("DESCRIPTION") or "")) == (kind is not FeedKind.VEHICLE)


def test_its_few_words_are_in_the_language_of_the_feed() -> None:
    calendar = read(render(make_feed(language="de"), [make_lesson()]))

    assert calendar.text("X-WR-CALNAME") == "Fahrstunden"
    assert calendar.all("VEVENT")[0].text("SUMMARY") == "Autobahnfahrt: Zoë Groß"


@pytest.mark.parametrize(
    ("state", "status", "transparency"),
    [
        (LessonState.REQUESTED, "TENTATIVE", "OPAQUE"),
        (LessonState.CONFIRMED, "CONFIRMED", "OPAQUE"),
        (LessonState.COMPLETED, "CONFIRMED", "OPAQUE"),
        (LessonState.CANCELLED, "CANCELLED", "TRANSPARENT"),
    ],
)
def test_a_lesson_has_the_status_of_its_state(
    state: LessonState, status: str, transparency: str
) -> None:
    event = event_of(make_feed(), make_lesson(state=state))

    assert (event.values["STATUS"], event.values["TRANSP"]) == (status, transparency)


def test_what_is_not_known_is_not_there() -> None:
    lesson = make_lesson(pickup=None, dropoff=None, plate=None, student=None)

    event = event_of(make_feed(), lesson)

    assert event.text("SUMMARY") == "Motorway drive"
    assert not {"LOCATION", "DESCRIPTION"} & event.values.keys()


def test_the_same_lessons_make_the_same_text_whenever_it_is_written() -> None:
    assert render(make_feed(), [make_lesson()]) == render(make_feed(), [make_lesson()])


def test_a_calendar_without_lessons_is_one_all_the_same() -> None:
    calendar = read(render(make_feed(), []))

    assert (calendar.values["VERSION"], calendar.parts) == ("2.0", [])


def test_each_zone_is_told_once_and_utc_needs_none() -> None:
    lessons = [
        make_lesson(id=f"les_019a0000-0000-7000-8000-00000000000{number}", zone=zone)
        for number, zone in enumerate([*ZONES, *ZONES])
    ]

    calendar = read(render(make_feed(), lessons))

    assert [zone.values["TZID"] for zone in calendar.all("VTIMEZONE")] == sorted(ZONES[:-1])
    assert calendar.all("VEVENT")[4].values["DTSTART"] == "20261124T090000Z"


@given(
    name=NAMES,
    place=NAMES,
    detail=st.sampled_from(FeedDetail),
    kind=st.sampled_from(FeedKind),
    zone=st.sampled_from(ZONES),
    starts_at=st.datetimes(
        datetime(2024, 1, 1),  # noqa: DTZ001 (hypothesis adds the zone)
        datetime(2030, 1, 1),  # noqa: DTZ001 (as above)
        timezones=st.just(UTC),
    ),
)
def test_whatever_the_names_are_two_readers_read_what_was_meant(
    *, name: str, place: str, detail: FeedDetail, kind: FeedKind, zone: str, starts_at: datetime
) -> None:
    starts_at = starts_at.replace(second=0, microsecond=0)
    ends_at = starts_at + timedelta(minutes=90)
    lesson = make_lesson(
        student=name,
        instructor=name,
        pickup=place,
        zone=zone,
        starts_at=starts_at,
        ends_at=ends_at,
    )

    text = render(make_feed(detail=detail, kind=kind), [lesson])

    [event] = read(text).all("VEVENT")
    [other] = icalendar.Calendar.from_ical(text).events
    assert other.uid == event.values["UID"] == lesson.id
    assert other.DTSTART.astimezone(UTC) == starts_at or _is_twice(starts_at, zone)
    if detail is FeedDetail.FULL:
        assert event.text("LOCATION") == place == str(other["LOCATION"])
        assert name in (event.text("SUMMARY") or "")
        assert str(other["SUMMARY"]) == event.text("SUMMARY")


def _is_twice(starts_at: datetime, zone: str) -> bool:
    """Tell whether its wall clock shows the time twice: iCalendar means the first one."""
    return starts_at.astimezone(ZoneInfo(zone)).fold == 1


@given(
    state=st.sampled_from(LessonState),
    kind=st.sampled_from(FeedKind),
    language=st.sampled_from(["en", "de"]),
    type_=st.sampled_from(LessonType),
)
def test_of_who_is_only_busy_nothing_else_is_told(
    state: LessonState, kind: FeedKind, language: str, type_: LessonType
) -> None:
    lesson = make_lesson(
        state=state,
        type=type_,
        **dict.fromkeys(("student", "instructor", "pickup", "dropoff", "plate"), CANARY),
    )
    feed = make_feed(detail=FeedDetail.BUSY_ONLY, kind=kind, language=language)

    text = render(feed, [lesson])

    assert CANARY not in text
    assert "Canary" not in text
    event = event_of(feed, lesson)
    assert event.values["SUMMARY"] in ("Busy", "Belegt")
    assert event.values["CLASS"] == "PRIVATE"
    assert not {"LOCATION", "DESCRIPTION", "ATTENDEE", "ORGANIZER"} & event.values.keys()
    # Not even what is practised is told.
    bare = make_lesson(state=state, type=LessonType.NORMAL, student=None, plate=None)
    assert text == render(feed, [bare])


@given(st.text(st.characters(blacklist_categories=("Cs", "Cc")), max_size=400))
def test_a_folded_line_is_what_it_was_when_it_is_unfolded(text: str) -> None:
    folded = fold(text)

    assert folded.replace("\r\n ", "") == text
    assert all(len(line.encode()) <= 75 for line in folded.split("\r\n"))
