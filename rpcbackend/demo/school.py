"""The whole demo school as values: pure, and the same for the same inputs."""

import random
from dataclasses import dataclass
from datetime import date
from typing import Any

from rpcbackend.demo import events
from rpcbackend.demo.agreeing import make_consents
from rpcbackend.demo.chance import Stamps, make_period
from rpcbackend.demo.learners import Learner, make_learners
from rpcbackend.demo.lessons import make_lessons
from rpcbackend.demo.staff import Staff, make_staff
from rpcbackend.demo.timetable import Timetable
from rpcbackend.demo.words import counted
from rpcbackend.schema.branches import Branch
from rpcbackend.schema.consents import Consent
from rpcbackend.schema.instructors import Instructor
from rpcbackend.schema.lessons import Lesson
from rpcbackend.schema.students import Student
from rpcbackend.schema.vehicles import Vehicle

Record = Branch | Instructor | Vehicle | Student | Consent | Lesson


@dataclass(frozen=True, slots=True)
class School:
    """Everything that a new store is to hold."""

    staff: Staff
    students: list[Student]
    consents: list[Consent]
    lessons: list[Lesson]
    """In the order in which they were booked."""
    events: list[dict[str, Any]]
    """Rows for `store.events.append`, in the order of the stream."""

    def size(self) -> str:
        """Tell how much it is, in words."""
        return ", ".join(
            (
                counted(self.staff.instructors, "instructor"),
                counted(self.students, "student"),
                counted(self.lessons, "lesson"),
                counted(self.events, "event"),
            )
        )

    def records(self) -> dict[str, Record]:
        """Return everything by its id."""
        staff = self.staff
        everything: tuple[Record, ...] = (
            *staff.branches,
            *staff.instructors,
            *staff.vehicles,
            *self.students,
            *self.consents,
            *self.lessons,
        )
        return {record.id: record for record in everything}


def make_school(*, students: int, years: int, seed: int, today: date) -> School:
    """Invent a school.

    Args:
        students: Who ever enquired or enrolled within *years*, at least 1.
        years: Of history before *today*, at least 1; some weeks ahead are booked too.
        seed: Other numbers, other people.
        today: A Monday; the day has not begun.
    """
    bits = random.Random(seed)  # noqa: S311 (must repeat itself; nothing here is a secret)
    period = make_period(today, years)
    staff = make_staff(students, years, period, bits)
    learners = make_learners(students, staff, period, bits)
    slots = Timetable(staff, period, bits).fill(learners)
    lessons, happenings = make_lessons(slots, period, bits)
    stamps = Stamps(bits)
    # Of bits of their own: they came later, and everything else was to stay as it was.
    consents = make_consents(learners, Stamps(random.Random(seed)))  # noqa: S311 (as above)
    happenings = [
        *staff.happenings,
        *_of_students(learners),
        *map(events.of_consent, consents),
        *happenings,
    ]
    return School(
        staff,
        [learner.student for learner in learners],
        consents,
        lessons,
        [each.as_row(stamps) for each in sorted(happenings, key=lambda each: each.at)],
    )


def _of_students(learners: list[Learner]) -> list[events.Happening]:
    return [
        happening
        for learner in learners
        for happening in events.of_student(learner.student, learner.left_at)
    ]
