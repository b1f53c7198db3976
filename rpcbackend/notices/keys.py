"""The dedupe keys of what is said to students: whose, what about, on which occasion, which one.

`stu_…/lessons/les_…/3/lesson_reminder/2026-11-24T09:00:00Z`, of the third version of a lesson: what
is said to one student, for one purpose, or of one lesson begins alike, and is withdrawn together.
"""

from collections.abc import Iterable
from datetime import datetime

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


def of_news(lesson: Lesson, kind: TemplateKind, known: datetime) -> str:
    """Return the key of what is said of a lesson as it is.

    Args:
        lesson: In its version.
        kind: On which occasion.
        known: The start that the student knows of until he reads it.
    """
    return f"{of_lesson(lesson)}{lesson.version}/{kind}/{format_instant(known)}"


def first_known(keys: Iterable[str]) -> datetime | None:
    """Return the start that a student knows of who never read the news with these keys."""
    moved = f"/{TemplateKind.LESSON_MOVED}/"
    known = [key.rpartition("/")[2] for key in keys if moved in key]
    return datetime.fromisoformat(min(known)) if known else None


def of_call(student_id: str, purpose: Purpose, lesson_id: str | None, notice_id: str) -> str:
    """Return the key of what somebody says by a call of his own, perhaps of a lesson."""
    about = of_student(student_id, purpose)
    return f"{about}{lesson_id}/{notice_id}" if lesson_id else f"{about}{notice_id}"
