"""Reminders of lessons: when is decided with the booking, what and whether when it is due."""

from datetime import timedelta

from rpcbackend.domain import values
from rpcbackend.domain.lessons import is_ahead
from rpcbackend.domain.reminders import reminder_at
from rpcbackend.notices import keys
from rpcbackend.notices.composing import compose, message_of
from rpcbackend.notices.queueing import send
from rpcbackend.notices.recipient import Recipient, recipient_of
from rpcbackend.schema.base import format_instant
from rpcbackend.schema.consents import Purpose
from rpcbackend.schema.lessons import Lesson
from rpcbackend.schema.templates import TemplateKind
from rpcbackend.store import Work

AT_A_TIME = 100
"""Reminders of one transaction: some 20 ms, and the desk waits no longer."""

ASK_AGAIN = timedelta(minutes=15)
"""Whoever cannot be told now may agree, or have an address, until his lesson starts."""

_KIND = TemplateKind.LESSON_REMINDER


async def plan_reminder(work: Work, lesson: Lesson, recipient: Recipient) -> None:
    """Decide when the student of a lesson to come is reminded of it, in its transaction."""
    lead = timedelta(minutes=recipient.branch.reminder_minutes)
    if not lead:
        # If the branch begins to remind, it is missing.
        await work.reminders.remove(lesson.id)
        return
    due_at = reminder_at(lesson.starts_at, lead, recipient.quiet, work.now)
    await work.reminders.put(lesson.id, due_at)


async def was_reminded(work: Work, lesson: Lesson) -> bool:
    """Tell whether the student was reminded of a lesson with this start, in any version of it."""
    start = format_instant(lesson.starts_at)
    gone_out = await work.waiting.gone_out(keys.of_lesson(lesson), _KIND)
    return any(key.rpartition("/")[2] == start for key in gone_out)


async def plan_missing(work: Work) -> bool:
    """Decide it for some lessons of which nobody has; tell whether there may be more.

    Args:
        work: A transaction of its own, in which nothing is hidden.
    """
    missing = await work.reminders.missing(work.now, AT_A_TIME)
    for lesson_id in missing:
        lesson = await work.lessons.require(lesson_id)
        student = await work.students.require(lesson.student_id)
        await plan_reminder(work, lesson, await recipient_of(work, student))
    return len(missing) == AT_A_TIME


async def queue_due(work: Work) -> bool:
    """Queue some reminders that are due, for whom may be told; tell whether there may be more.

    Args:
        work: A transaction of its own, in which nothing is hidden.
    """
    due = await work.reminders.due(work.now, AT_A_TIME)
    for lesson_id in due:
        lesson = await work.lessons.require(lesson_id)
        is_done = not is_ahead(lesson, work.now) or await _remind(work, lesson)
        await work.reminders.put(lesson.id, None if is_done else work.now + ASK_AGAIN)
    return len(due) == AT_A_TIME


async def remind_later(work: Work, key: str) -> None:
    """Let a student be reminded again who was not, for the message with this key was withdrawn."""
    news = keys.read_news(key)
    if news is not None:
        await work.waiting.free_key(key)
        await work.reminders.put(news.lesson_id, work.now + ASK_AGAIN)


async def _remind(work: Work, lesson: Lesson) -> bool:
    """Queue a reminder, and tell whether nothing more can be done about it."""
    recipient = await recipient_of(work, await work.students.require(lesson.student_id))
    said = await work.consents.said(recipient.student.id, Purpose.LESSONS)
    channel = recipient.way(Purpose.LESSONS, said)
    at = recipient.quiet.release(work.now)
    if recipient.is_gone or at >= lesson.starts_at:
        return True
    if channel is None:
        return False
    instructor = await work.instructors.require(lesson.instructor_id)
    of_lesson = values.of_lesson(lesson, instructor, recipient.language)
    content = await compose(work, recipient, _KIND, channel, of_lesson)
    key = keys.of_reminder(lesson)
    message = message_of(
        recipient, _KIND, channel, content, key=key, at=at, not_after=lesson.starts_at
    )
    await send(work, message)
    return True
