"""The lessons of the demo school as slots: who with whom, in what, when, and how it ends."""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache

from rpcbackend.demo import figures
from rpcbackend.demo.chance import Period, moment, pick
from rpcbackend.demo.diary import Diary, quarters
from rpcbackend.demo.learners import Learner
from rpcbackend.demo.staff import Staff
from rpcbackend.schema.instructors import Instructor
from rpcbackend.schema.lessons import LessonType
from rpcbackend.schema.vehicles import Vehicle

_TRIES = 40
"""Times that are looked at for one lesson before it is given up: the school is full there."""
_TRIES_WITH_LEAD = 30

_TEN_IN_THE_MORNING, _QUARTER_PAST_ELEVEN_AT_NIGHT = 40, 93
"""In quarters of an hour."""
_A_FRIDAY = timedelta(days=10)
"""Before a Monday."""

HOLDING = frozenset({"completed", "no_show", "booked"})
"""Outcomes that keep their time; the others gave it back."""


@dataclass(frozen=True, slots=True)
class Slot:
    """A lesson before it has an id."""

    learner: Learner
    instructor: Instructor
    vehicle: Vehicle
    day: date
    quarter: int
    minutes: int
    type: LessonType
    outcome: str
    """A key of `figures.HAPPENED` or `figures.AHEAD`."""


class Timetable:
    """Finds times for lessons such that nobody is in two places at once."""

    def __init__(self, staff: Staff, period: Period, bits: random.Random) -> None:
        self._period, self._bits = period, bits
        # Asked for every try, and the answers are few.
        self._teaching, self._vehicles_for = cache(staff.teaching), cache(staff.vehicles_for)
        self._diary = Diary()
        for instructor in staff.instructors:
            self._take_time_off(instructor)

    def fill(self, learners: list[Learner]) -> list[Slot]:
        """Place the lessons of all *learners*, the unusual ones first."""
        regular = max(learners, key=lambda each: each.course.last_on - each.course.first_on)
        slots = [*self._unusual(regular)]
        for learner in learners:
            for _ in range(learner.course.lessons):
                slot = self._place(learner)
                if slot is not None:
                    slots.append(slot)
        return slots

    def _take_time_off(self, instructor: Instructor) -> None:
        days = (self._period.ends_on - self._period.opens_on).days
        years = max(1, days // 364)
        for _ in range(figures.LEAVE_WEEKS * years):
            monday = self._period.opens_on + timedelta(weeks=self._bits.randrange(days // 7))
            for weekday in range(6):
                self._diary.take_day(instructor.id, monday + timedelta(days=weekday))
        for _ in range(figures.SICK_DAYS * years):
            day = self._period.opens_on + timedelta(days=self._bits.randrange(days))
            # Nobody knows today that he will be ill.
            if day < self._period.today:
                self._diary.take_day(instructor.id, day)

    def _unusual(self, learner: Learner) -> Iterator[Slot]:
        """On both days on which the clocks change, and one over midnight."""
        for day in self._clock_changes():
            yield self._fixed(learner, day, _TEN_IN_THE_MORNING, LessonType.COUNTRY)
        friday = self._period.today - _A_FRIDAY
        yield self._fixed(learner, friday, _QUARTER_PAST_ELEVEN_AT_NIGHT, LessonType.NIGHT)

    def _clock_changes(self) -> list[date]:
        days = (self._period.ends_on - self._period.opens_on).days
        every_day = (self._period.opens_on + timedelta(days=number) for number in range(days))
        return [
            day
            for day in every_day
            if moment(day + timedelta(days=1), 0) - moment(day, 0) != timedelta(days=1)
        ]

    def _fixed(self, learner: Learner, day: date, quarter: int, type: LessonType) -> Slot:  # noqa: A002 (the field's name)
        instructor = learner.course.lead
        vehicle = self._vehicles_for(learner.course.licence, instructor.branch_id)[0]
        outcome = "completed" if day < self._period.today else "booked"
        slot = Slot(learner, instructor, vehicle, day, quarter, 90, type, outcome)
        self._take(slot)
        return slot

    def _place(self, learner: Learner) -> Slot | None:
        """Find the next lesson of *learner* a time, or give it up."""
        minutes = pick(figures.MINUTES, self._bits)
        for attempt in range(_TRIES):
            day = self._day(learner)
            quarter = self._quarter()
            is_with_lead = attempt < _TRIES_WITH_LEAD
            instructor = learner.course.lead if is_with_lead else self._colleague(learner)
            vehicle = self._free_vehicle(learner, instructor, day, quarters(quarter, minutes))
            if vehicle is not None:
                outcome = self._outcome(day)
                slot = Slot(
                    learner,
                    instructor,
                    vehicle,
                    day,
                    quarter,
                    minutes,
                    self._type(day, quarter),
                    outcome,
                )
                if outcome in HOLDING:
                    self._take(slot)
                return slot
        return None

    def _day(self, learner: Learner) -> date:
        """Choose a day of the course, by weekday, season, and how far ahead people book."""
        course, most = learner.course, max(figures.SEASON)
        days = (course.last_on - course.first_on).days
        while True:
            day = course.first_on + timedelta(days=self._bits.randrange(days))
            ahead = max(0, (day - self._period.today).days) / (figures.WEEKS_AHEAD * 7)
            likely = figures.SEASON[day.month - 1] * figures.WEEKDAYS[day.weekday()]
            if self._bits.random() * most < likely * (1 - ahead * 0.7):
                return day

    def _quarter(self) -> int:
        opens, closes = pick(figures.START_HOURS, self._bits)
        return self._bits.randrange(opens * 4, closes * 4)

    def _colleague(self, learner: Learner) -> Instructor:
        return self._bits.choice(self._teaching(learner.course.licence, learner.student.branch_id))

    def _free_vehicle(
        self, learner: Learner, instructor: Instructor, day: date, wanted: int
    ) -> Vehicle | None:
        """Return what they could drive then; None when anybody has no time or nothing is free."""
        taught = self._diary.minutes_on(instructor.id, day) + wanted.bit_count() * 15
        if taught > figures.MOST_MINUTES_A_DAY or not self._diary.is_free(
            (instructor.id, learner.student.id), day, wanted
        ):
            return None
        garage = self._vehicles_for(learner.course.licence, instructor.branch_id)
        free = [each for each in garage if self._diary.is_free((each.id,), day, wanted)]
        return self._bits.choice(free) if free else None

    def _take(self, slot: Slot) -> None:
        who = (slot.learner.student.id, slot.instructor.id, slot.vehicle.id)
        self._diary.take(who, slot.day, quarters(slot.quarter, slot.minutes))

    def _type(self, day: date, quarter: int) -> LessonType:
        is_dark = quarter // 4 >= figures.DARK_FROM[day.month - 1]
        if is_dark and self._bits.random() < figures.NIGHT_SHARE:
            return LessonType.NIGHT
        return pick(figures.TYPES, self._bits)

    def _outcome(self, day: date) -> str:
        return pick(figures.HAPPENED if day < self._period.today else figures.AHEAD, self._bits)
