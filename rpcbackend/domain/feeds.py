"""A feed's lessons as iCalendar (RFC 5545, rule A8); knows neither store nor tokens.

Written by hand: the library of that name takes 0.8 s for a year of one instructor, and puts the
change to summer time an hour late. The tests read what is written here with it.
"""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from functools import lru_cache

from rpcbackend.domain.timezones import timezone_lines
from rpcbackend.domain.zones import zone_of
from rpcbackend.schema.feeds import Feed, FeedDetail, FeedKind, FeedLesson
from rpcbackend.schema.lessons import LessonState, LessonType

MOST_OCTETS = 75
"""Of a line (section 3.1)."""

REFRESH = "PT1H"
"""How often a calendar should look again."""

_PRODID = "-//rpcbackend//Driving school//EN"

_TYPES = {
    "en": {
        LessonType.NORMAL: "Driving lesson",
        LessonType.COUNTRY: "Country drive",
        LessonType.MOTORWAY: "Motorway drive",
        LessonType.NIGHT: "Night drive",
        LessonType.EXAM_PREPARATION: "Exam preparation",
    },
    "de": {
        LessonType.NORMAL: "Fahrstunde",
        LessonType.COUNTRY: "Überlandfahrt",
        LessonType.MOTORWAY: "Autobahnfahrt",
        LessonType.NIGHT: "Nachtfahrt",
        LessonType.EXAM_PREPARATION: "Prüfungsvorbereitung",
    },
}
_BUSY = {"en": "Busy", "de": "Belegt"}
_TITLES = {"en": "Driving lessons", "de": "Fahrstunden"}
_STATUS = {LessonState.REQUESTED: "TENTATIVE", LessonState.CANCELLED: "CANCELLED"}


def render(feed: Feed, lessons: Iterable[FeedLesson]) -> str:
    """Write the calendar, its lines folded, in the order in which the lessons come.

    Nothing in it depends on when it is written: the same lessons make the same text.
    """
    events, spans = [], dict[str, tuple[datetime, datetime]]()
    for lesson in lessons:
        events.append(_event(feed, lesson))
        first, last = spans.get(lesson.zone, (lesson.starts_at, lesson.ends_at))
        spans[lesson.zone] = min(first, lesson.starts_at), max(last, lesson.ends_at)
    head = [
        "BEGIN:VCALENDAR",
        "VERSION:2.0",
        f"PRODID:{_PRODID}",
        "CALSCALE:GREGORIAN",
        "METHOD:PUBLISH",
        f"X-WR-CALNAME:{_TITLES[feed.language]}",
        f"REFRESH-INTERVAL;VALUE=DURATION:{REFRESH}",
        f"X-PUBLISHED-TTL:{REFRESH}",
    ]
    zones = [
        line
        for zone, (first, last) in sorted(spans.items())
        for line in timezone_lines(zone, first.year, last.year)
    ]
    return "\r\n".join([*head, *zones, *events, "END:VCALENDAR", ""])


def _event(feed: Feed, lesson: FeedLesson) -> str:
    is_cancelled = lesson.state is LessonState.CANCELLED
    if feed.detail is FeedDetail.BUSY_ONLY:
        told = [f"SUMMARY:{_BUSY[feed.language]}", "CLASS:PRIVATE"]
    else:
        told = [written("SUMMARY", _summary(feed, lesson))]
        if lesson.pickup:
            told.append(written("LOCATION", lesson.pickup))
        if description := _description(feed, lesson):
            told.append(written("DESCRIPTION", description))
    return "\r\n".join(
        (
            "BEGIN:VEVENT",
            f"UID:{lesson.id}",
            f"DTSTAMP:{_utc(_made_at(lesson.id))}",
            _local("DTSTART", lesson.starts_at, lesson.zone),
            _local("DTEND", lesson.ends_at, lesson.zone),
            *told,
            f"STATUS:{_STATUS.get(lesson.state, 'CONFIRMED')}",
            # The first version is the first one that anybody could have read.
            f"SEQUENCE:{lesson.version - 1}",
            f"TRANSP:{'TRANSPARENT' if is_cancelled else 'OPAQUE'}",
            "END:VEVENT",
        )
    )


def _summary(feed: Feed, lesson: FeedLesson) -> str:
    """Name the lesson by whoever the owner of the calendar does not know to be in it."""
    what = _TYPES[feed.language][lesson.type]
    match feed.kind:
        case FeedKind.STUDENT:
            with_whom = [lesson.instructor]
        case FeedKind.INSTRUCTOR:
            with_whom = [lesson.student]
        case _:
            with_whom = [lesson.instructor, lesson.student]
    named = ", ".join(name for name in with_whom if name)
    return f"{what}: {named}" if named else what


def _description(feed: Feed, lesson: FeedLesson) -> str:
    plate = lesson.plate if feed.kind is not FeedKind.VEHICLE else None
    dropoff = f"→ {lesson.dropoff}" if lesson.dropoff else None
    return "\n".join(line for line in (plate, dropoff) if line)


def _local(name: str, at: datetime, zone: str) -> str:
    if zone == "UTC":
        return f"{name}:{_utc(at)}"
    return f"{name};TZID={zone}:{_basic(at.astimezone(zone_of(zone)))}"


def _utc(at: datetime) -> str:
    return f"{_basic(at)}Z"


def _basic(at: datetime) -> str:
    # A third of the time of naming its parts.
    return at.isoformat()[:19].replace("-", "").replace(":", "")


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def _made_at(lesson_id: str) -> datetime:
    """Return when the lesson was made: its id, a UUIDv7, begins with that (RFC 9562, 5.7)."""
    digits = lesson_id.partition("_")[2].replace("-", "")[:12]
    return _EPOCH + timedelta(milliseconds=int(digits, 16))


_ESCAPED = str.maketrans({"\\": "\\\\", ";": "\\;", ",": "\\,", "\n": "\\n", "\r": None})


@lru_cache(4_096)
def written(name: str, text: str) -> str:
    """Write a property whose value is a text (section 3.3.11), folded."""
    return fold(f"{name}:{text.translate(_ESCAPED)}")


def fold(line: str) -> str:
    """Break a line that is longer than 75 octets, never within a character."""
    if len(line) <= MOST_OCTETS and line.isascii():
        return line
    rest, parts = line.encode(), []
    # What goes on begins with a space, which counts.
    room = MOST_OCTETS
    while len(rest) > room:
        end = room
        while rest[end] & 0xC0 == 0x80:  # noqa: PLR2004 (UTF-8: such a byte begins no character)
            end -= 1
        parts.append(rest[:end])
        rest, room = rest[end:], MOST_OCTETS - 1
    return b"\r\n ".join([*parts, rest]).decode()
