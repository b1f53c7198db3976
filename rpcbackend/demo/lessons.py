"""Slots to lessons: ids, instants, how each one ended, and what the event stream says of it."""

import random
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from rpcbackend.demo import events, figures, names
from rpcbackend.demo.chance import ZONE, Period, Stamps, between, moment, pick
from rpcbackend.demo.diary import QUARTER_MINUTES
from rpcbackend.demo.events import Happening
from rpcbackend.demo.timetable import Slot
from rpcbackend.domain.zones import local_span
from rpcbackend.schema.lessons import CancelCode, CancelledBy, Lesson, LessonState

_DESK_OPENS, _DESK_CLOSES = 10 * 60, 18 * 60
"""Minutes of the day; nobody books before the desk has enrolled him (learners.NINE)."""
_PICKUP_SHARE = 0.4


@dataclass(frozen=True, slots=True)
class _End:
    """How a lesson came to its present state."""

    state: LessonState
    at: datetime | None = None
    """When it stopped being merely booked."""
    by: CancelledBy | None = None
    code: CancelCode | None = None


def make_lessons(
    slots: Iterable[Slot], period: Period, bits: random.Random
) -> tuple[list[Lesson], list[Happening]]:
    """Make the lessons, in the order in which they were booked, and what happened to them."""
    stamps = Stamps(bits)
    lessons: list[Lesson] = []
    happenings: list[Happening] = []
    dated = [(_booked_at(slot, period, bits), slot) for slot in slots]
    for booked_at, slot in sorted(dated, key=lambda pair: pair[0]):
        starts_at = moment(slot.day, slot.quarter * QUARTER_MINUTES)
        end = _end(slot, starts_at, booked_at, period, bits)
        lesson = _lesson(slot, stamps.new("les", booked_at), starts_at, end, bits)
        lessons.append(lesson)
        happenings += events.of_lesson(lesson, booked_at, end.at)
    return lessons, happenings


def _booked_at(slot: Slot, period: Period, bits: random.Random) -> datetime:
    """Some days ahead, but after the student had enrolled and before today.

    Two days at least: who cancels in time does so after he has booked.
    """
    ahead = slot.day - timedelta(days=bits.randint(2, 21))
    lately = period.today - timedelta(days=bits.randint(2, 7))
    enrolled_on = slot.learner.student.created_at.date()
    day = max(enrolled_on, min(ahead, lately))
    return moment(day, bits.randrange(_DESK_OPENS, _DESK_CLOSES))


def _end(
    slot: Slot, starts_at: datetime, booked_at: datetime, period: Period, bits: random.Random
) -> _End:
    match slot.outcome:
        case "completed":
            return _End(LessonState.COMPLETED, starts_at + timedelta(minutes=slot.minutes + 5))
        case "no_show":
            return _End(LessonState.NO_SHOW, starts_at + timedelta(minutes=20))
        case "booked":
            is_soon = (slot.day - period.today).days < figures.CONFIRMED_DAYS_AHEAD
            if is_soon and bits.random() < figures.CONFIRMED_SHARE:
                return _End(LessonState.CONFIRMED, between(booked_at, period.now, bits))
            return _End(LessonState.BOOKED)
        case _:
            return _cancelled(slot.outcome, starts_at, booked_at, period, bits)


def _cancelled(
    outcome: str, starts_at: datetime, booked_at: datetime, period: Period, bits: random.Random
) -> _End:
    by, code = CancelledBy.STUDENT, pick(figures.STUDENTS_REASONS, bits)
    if outcome == "by_school":
        by, code = pick(figures.SCHOOLS_REASONS, bits)
    if outcome == "in_time":
        at = between(booked_at, min(starts_at - timedelta(days=1), period.now), bits)
    else:
        at = starts_at - timedelta(minutes=bits.randint(60, 23 * 60))
    return _End(LessonState.CANCELLED, at, by, code)


def _lesson(
    slot: Slot, lesson_id: str, starts_at: datetime, end: _End, bits: random.Random
) -> Lesson:
    ends_at = starts_at + timedelta(minutes=slot.minutes)
    pickup = bits.choice(names.PLACES) if bits.random() < _PICKUP_SHARE else None
    return Lesson(
        id=lesson_id,
        branch_id=slot.instructor.branch_id,
        student_id=slot.learner.student.id,
        instructor_id=slot.instructor.id,
        vehicle_id=slot.vehicle.id,
        type=slot.type,
        state=end.state,
        starts_at=starts_at,
        ends_at=ends_at,
        zone=ZONE,
        local=local_span(starts_at, ends_at, ZONE),
        pickup=pickup,
        dropoff=pickup,
        cancelled_by=end.by,
        cancel_code=end.code,
        cancelled_at=end.at if end.state is LessonState.CANCELLED else None,
        version=1 if end.at is None else 2,
    )
