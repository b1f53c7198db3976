"""The dedupe keys of what is said to students: whose, what about, on which occasion, which one.

`stu_…/lessons/les_…/3/lesson_reminder/2026-11-24T09:00:00Z`, of the third version of a lesson; news
go on with the end and the instructor that he knew of. What is said to one student, for one purpose,
or of one lesson begins alike, and is withdrawn together.
"""

from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple, Self

from rpcbackend.schema.base import format_instant
from rpcbackend.schema.consents import Purpose
from rpcbackend.schema.lessons import Lesson
from rpcbackend.schema.payments import Payment
from rpcbackend.schema.templates import TemplateKind


def of_student(student_id: str, purpose: Purpose | None = None) -> str:
    """Return how the keys begin of all that is said to a student, or of that for one purpose."""
    return f"{student_id}/{purpose}/" if purpose else f"{student_id}/"


def of_lesson(lesson: Lesson) -> str:
    """Return how the keys begin of all that is said of a lesson."""
    return f"{of_student(lesson.student_id, Purpose.LESSONS)}{lesson.id}/"


def of_payment(payment: Payment) -> str:
    """Return how the keys begin of all that the program says of a payment."""
    return f"{of_student(payment.student_id, Purpose.PAYMENTS)}{payment.id}/"


class Known(NamedTuple):
    """A lesson as its student knows it."""

    starts_at: datetime
    ends_at: datetime | None
    """None in keys of before this was kept, and where nobody knows whether he knows it so."""
    instructor_id: str | None

    @classmethod
    def of(cls, lesson: Lesson) -> Self:
        """Return what who was told of a lesson knows of it."""
        return cls(lesson.starts_at, lesson.ends_at, lesson.instructor_id)


class News(NamedTuple):
    """What is said of a lesson."""

    lesson_id: str
    kind: TemplateKind
    known: Known
    """The lesson as the student knows it until he reads this."""


def of_reminder(lesson: Lesson) -> str:
    """Return the key of a reminder of a lesson as it is."""
    start = format_instant(lesson.starts_at)
    return f"{of_lesson(lesson)}{lesson.version}/{TemplateKind.LESSON_REMINDER}/{start}"


def of_news(lesson: Lesson, kind: TemplateKind, known: Known) -> str:
    """Return the key of what is said of a lesson as it is.

    Args:
        lesson: In its version.
        kind: On which occasion.
        known: The lesson as the student knows it until he reads this.
    """
    start = format_instant(known.starts_at)
    end = format_instant(known.ends_at) if known.ends_at else ""
    about = f"{of_lesson(lesson)}{lesson.version}/{kind}/{start}"
    return f"{about}/{end}/{known.instructor_id or ''}"


def read_news(key: str) -> News | None:
    """Read the key of what the program says of a lesson; None if it is of something else."""
    _, purpose, *parts = key.split("/")
    if purpose != Purpose.LESSONS or len(parts) not in _LENGTHS:
        return None
    lesson_id, _, kind, start, *more = parts
    end, instructor_id = more or ("", "")
    ends_at = datetime.fromisoformat(end) if end else None
    known = Known(datetime.fromisoformat(start), ends_at, instructor_id or None)
    return News(lesson_id, TemplateKind(kind), known)


_LENGTHS = {4, 6}
"""Of what follows the purpose: with the start alone, or with all that the student knows."""

_CHANGES = {TemplateKind.LESSON_MOVED, TemplateKind.LESSON_CHANGED}


def first_known(keys: Iterable[str]) -> Known | None:
    """Return the lesson as a student knows it who never read the news with these keys."""
    news = [found for key in keys if (found := read_news(key)) is not None]
    return next((each.known for each in news if each.kind in _CHANGES), None)


def read_payment(key: str) -> str | None:
    """Return the id of the payment of which the program tells by a message; None if of none."""
    _, purpose, about, *rest = key.split("/")
    return about if purpose == Purpose.PAYMENTS and len(rest) == _OF_LINK else None


_OF_LINK = 2
"""Version and kind."""


def of_call(student_id: str, purpose: Purpose, lesson_id: str | None, notice_id: str) -> str:
    """Return the key of what somebody says by a call of his own, perhaps of a lesson."""
    about = of_student(student_id, purpose)
    return f"{about}{lesson_id}/{notice_id}" if lesson_id else f"{about}{notice_id}"
