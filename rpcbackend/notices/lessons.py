"""What a student is told of his lessons: before they begin, when they move, when they are off."""

from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta

from rpcbackend.domain import values
from rpcbackend.errors import NotFoundError
from rpcbackend.notices import keys
from rpcbackend.notices.composing import compose, message_of
from rpcbackend.notices.keys import Known
from rpcbackend.notices.queueing import send, withdraw
from rpcbackend.notices.recipient import Recipient, recipient_of
from rpcbackend.notices.reminders import plan_reminder, was_reminded
from rpcbackend.schema.branches import Branch
from rpcbackend.schema.consents import MessageChannel, Purpose
from rpcbackend.schema.instructors import Instructor
from rpcbackend.schema.lessons import CancelledBy, Lesson
from rpcbackend.schema.students import Student
from rpcbackend.schema.templates import Content, TemplateKind
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


@dataclass(frozen=True, slots=True)
class Told:
    """What is said of a lesson."""

    lesson: Lesson
    instructor: Instructor
    kind: TemplateKind
    known: Known
    """The lesson as the student knows it until he reads this."""

    async def content(self, work: Work, recipient: Recipient, channel: MessageChannel) -> Content:
        """Compose what he reads."""
        lesson, language = self.lesson, recipient.language
        more = values.of_lesson(lesson, self.instructor, language)
        if self.kind is TemplateKind.LESSON_MOVED:
            more |= values.of_old_time(self.known.starts_at, lesson.zone, language)
        elif self.kind is TemplateKind.LESSON_CANCELLED:
            more |= values.of_time(self.known.starts_at, lesson.zone, language)
        return await compose(work, recipient, self.kind, channel, more)


async def told_by(work: Work, key: str) -> Told | None:
    """Return what is said by the message with a key, as the lesson is now.

    None is what is said of no lesson, or of one that is gone (a damaged file was salvaged): whoever
    refuses to hear of it must not be refused that.

    Args:
        work: A unit of work in which nothing is hidden.
        key: Its dedupe key.
    """
    news = keys.read_news(key)
    if news is None:
        return None
    with suppress(NotFoundError):
        lesson = await work.lessons.require(news.lesson_id)
        instructor = await work.instructors.require(lesson.instructor_id)
        return Told(lesson, instructor, news.kind, news.known)
    return None


async def tell_moved(work: Work, old: Lesson, party: Party) -> None:
    """Tell the student what is another for him, and remind him of that, no more of what was.

    Another vehicle is no news, nor is what he knows already, for it was moved and moved back before
    he read of it. News of what comes soon are as good as a reminder.
    """
    lesson = party.lesson
    if Known.of(lesson) == Known.of(old):
        return
    known = await _known_of(work, old)
    recipient = await recipient_of(work, party.student, party.branch)
    kind = _kind_of(known, lesson)
    if kind is None:
        needs_reminder = not await was_reminded(work, lesson)
    else:
        told = Told(lesson, party.instructor, kind, known)
        await _tell(work, recipient, told, not_after=lesson.starts_at)
        lead = timedelta(minutes=recipient.branch.reminder_minutes)
        needs_reminder = lesson.starts_at - lead > work.now
    if needs_reminder:
        await plan_reminder(work, lesson, recipient)
    else:
        await work.reminders.put(lesson.id, None)


async def _known_of(work: Work, old: Lesson) -> Known:
    """Return a lesson as its student knows it, and withdraw what waits to be said of it."""
    about = keys.of_lesson(old)
    is_doubtful = keys.first_known(await work.waiting.may_have_arrived(about)) is not None
    known = keys.first_known(await withdraw(work, about))
    if known is None and is_doubtful:
        # He may not know it as it was: if it is so again one day, that is news to him.
        return Known(old.starts_at, ends_at=None, instructor_id=None)
    return known or Known.of(old)


def _kind_of(known: Known, lesson: Lesson) -> TemplateKind | None:
    if known.starts_at != lesson.starts_at:
        return TemplateKind.LESSON_MOVED
    return None if known == Known.of(lesson) else TemplateKind.LESSON_CHANGED


async def tell_cancelled(work: Work, lesson: Lesson) -> None:
    """Tell the student nothing more of the lesson but, unless it is on his side, that it is off."""
    await work.reminders.remove(lesson.id)
    unread = await withdraw(work, keys.of_lesson(lesson))
    if lesson.cancelled_by is CancelledBy.STUDENT:
        return
    whole = work.whole()
    known = keys.first_known(unread) or Known.of(lesson)
    student = await whole.students.require(lesson.student_id)
    instructor = await whole.instructors.require(lesson.instructor_id)
    told = Told(lesson, instructor, TemplateKind.LESSON_CANCELLED, known)
    await _tell(work, await recipient_of(whole, student), told, not_after=known.starts_at)


async def _tell(work: Work, recipient: Recipient, told: Told, *, not_after: datetime) -> None:
    """Queue news, unless the student may not be told, or only when it is too late."""
    said = await work.consents.said(recipient.student.id, Purpose.LESSONS)
    channel = recipient.way(Purpose.LESSONS, said)
    at = recipient.quiet.release(work.now)
    if channel is None or recipient.is_gone or at >= not_after:
        return
    message = message_of(
        recipient,
        told.kind,
        channel,
        await told.content(work, recipient, channel),
        key=keys.of_news(told.lesson, told.kind, told.known),
        at=at,
        not_after=not_after,
    )
    await send(work, message)
