"""Where in a calendar view there is room for a lesson."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from rpcbackend.demo.chance import moment
from rpcbackend.demo.words import span_of
from rpcbackend.domain.spans import Span, overlap

HOURS = (10, 9, 11, 14, 15, 13, 16, 12, 8, 17)
"""When people like to come, best first."""
_SUNDAY = 6


@dataclass(frozen=True, slots=True)
class Free:
    """A time at which student, instructor and vehicle are free."""

    span: Span
    instructor_id: str
    instructor_name: str
    vehicle_id: str


def first_free(
    view: dict[str, Any],
    *,
    student_id: str,
    vehicle_ids: Collection[str],
    days: Collection[date],
    length: timedelta,
) -> Free | None:
    """Return the first time at which a lesson could be given, if any.

    Args:
        view: What calendar.view answered.
        student_id: Who wants to learn.
        vehicle_ids: What would do.
        days: To look at; no lesson is given on a Sunday.
        length: Of the lesson.
    """
    busy = _busy(view)
    instructors = [each for each in view["resources"] if each["type"] == "instructor"]
    for span in _spans(days, length):
        taken = {name for name, spans in busy.items() if any(overlap(span, each) for each in spans)}
        teachers = [each for each in instructors if each["id"] not in taken]
        vehicles = [each for each in vehicle_ids if each not in taken]
        if teachers and vehicles and student_id not in taken:
            return Free(span, teachers[0]["id"], teachers[0]["name"], vehicles[0])
    return None


def _spans(days: Collection[date], length: timedelta) -> Iterator[Span]:
    for day in days:
        if day.weekday() != _SUNDAY:
            for hour in HOURS:
                start = moment(day, hour * 60)
                yield Span(start, start + length)


def _busy(view: dict[str, Any]) -> dict[str, list[Span]]:
    busy: dict[str, list[Span]] = {}
    for item in view["items"]:
        busy.setdefault(item["resourceId"], []).append(span_of(item))
    return busy
