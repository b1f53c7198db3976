"""What a student is told of his lessons: before they begin, when they move, when they are off."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from rpcbackend.domain import values
from rpcbackend.notices import keys
from rpcbackend.notices.composing import compose, message_of
from rpcbackend.notices.recipient import Recipient, recipient_of
from rpcbackend.notices.reminders import plan_reminder
from rpcbackend.schema.branches import Branch
from rpcbackend.schema.consents import Purpose
from rpcbackend.schema.instructors import Instructor
from rpcbackend.schema.lessons import CancelledBy, Lesson
from rpcbackend.schema.students import Student
from rpcbackend.schema.templates import TemplateKind
from rpcbackend.store import Work


@dataclass(frozen=True, slots=True)
class Party:
    """A lesson with whom and where it is, as they were looked up."""

    lesson: Lesson
    student: Student
    instructor: Instructor
    branch: Branch


async def tell_booked(work: Work, party: Party) -> None:
    """Let the student be reminded."""
    recipient = await recipient_of(work, party.student, party.branch)
    await plan_reminder(work, party.lesson, recipient)


async def tell_moved(work: Work, old: Lesson, party: Party) -> None:
    """Tell the student what is another for him, and remind him of that, no more of what was.

    Another vehicle is no news. News of what comes soon are as good as a reminder.
    """
    lesson = party.lesson
    if _as_told(lesson) == _as_told(old):
        return
    unread = await work.waiting.withdraw(keys.of_lesson(lesson))
    known = keys.first_known(unread) or old.starts_at
    recipient = await recipient_of(work, party.student, party.branch)
    more = values.of_lesson(lesson, party.instructor, recipient.language)
    more |= values.of_old_time(known, old.zone, recipient.language)
    news = _News(TemplateKind.LESSON_MOVED, more, known, not_after=lesson.starts_at)
    await _tell(work, lesson, recipient, news)
    if lesson.starts_at - timedelta(minutes=recipient.branch.reminder_minutes) > work.now:
        await plan_reminder(work, lesson, recipient)
    else:
        await work.reminders.put(lesson.id, None)


async def tell_cancelled(work: Work, lesson: Lesson) -> None:
    """Tell the student nothing more of the lesson but, unless it is on his side, that it is off."""
    await work.reminders.remove(lesson.id)
    unread = await work.waiting.withdraw(keys.of_lesson(lesson))
    if lesson.cancelled_by is CancelledBy.STUDENT:
        return
    whole = work.whole()
    known = keys.first_known(unread) or lesson.starts_at
    student = await whole.students.require(lesson.student_id)
    instructor = await whole.instructors.require(lesson.instructor_id)
    recipient = await recipient_of(whole, student)
    more = values.of_lesson(lesson, instructor, recipient.language)
    more |= values.of_time(known, lesson.zone, recipient.language)
    news = _News(TemplateKind.LESSON_CANCELLED, more, known, not_after=known)
    await _tell(work, lesson, recipient, news)


def _as_told(lesson: Lesson) -> tuple[Any, ...]:
    return lesson.starts_at, lesson.ends_at, lesson.instructor_id


@dataclass(frozen=True, slots=True)
class _News:
    """What has happened to a lesson."""

    kind: TemplateKind
    values: Mapping[str, str]
    known: datetime
    """When the lesson starts as far as the student knows."""
    not_after: datetime


async def _tell(work: Work, lesson: Lesson, recipient: Recipient, news: _News) -> None:
    """Queue news, unless the student may not be told, or only when it is too late."""
    said = await work.consents.said(recipient.student.id, Purpose.LESSONS)
    channel = recipient.way(Purpose.LESSONS, said)
    at = recipient.quiet.release(work.now)
    if channel is None or recipient.is_gone or at >= news.not_after:
        return
    content = await compose(work, recipient, news.kind, channel, news.values)
    key = keys.of_news(lesson, news.kind, news.known)
    message = message_of(
        recipient, news.kind, channel, content, key=key, at=at, not_after=news.not_after
    )
    await work.outbox.queue(message)
