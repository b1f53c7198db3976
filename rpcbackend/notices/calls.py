"""What somebody says to students by a call of his own: who may be told, what, and when."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from rpcbackend.domain import values
from rpcbackend.domain.consents import is_agreed
from rpcbackend.domain.lessons import is_ahead
from rpcbackend.domain.segments import MOST_PARTS, count_segments
from rpcbackend.domain.templates import GIVEN, PURPOSES
from rpcbackend.domain.wording import name_of
from rpcbackend.errors import ConsentMissingError, PrerequisiteMissingError, TemplateError
from rpcbackend.notices import keys
from rpcbackend.notices.composing import compose, message_of
from rpcbackend.notices.queueing import send
from rpcbackend.notices.recipient import Recipient, recipient_of
from rpcbackend.schema.consents import MessageChannel, Purpose
from rpcbackend.schema.lessons import Lesson, LessonState
from rpcbackend.schema.notifications import Notification, SendNotification
from rpcbackend.schema.templates import Content, TemplateKind
from rpcbackend.store import Work


@dataclass(frozen=True, slots=True)
class Target:
    """Somebody who is to be told, and of which lesson, if of one."""

    recipient: Recipient
    lesson: Lesson | None
    at: datetime
    """When his quiet hours let it go."""


def purpose_of(wanted: SendNotification) -> Purpose:
    """Return what it is about."""
    return PURPOSES.get(wanted.template) or wanted.purpose or Purpose.LESSONS


def check_values(wanted: SendNotification) -> None:
    """Check that just those places are filled that only the sender can fill.

    Raises:
        TemplateError: Details name what is missing or unknown.
    """
    places = GIVEN.get(wanted.template, ())
    is_sms = wanted.channel is MessageChannel.SMS
    needed = [name for name in places if not (is_sms and name == "subject")]
    details = {
        "missing": [name for name in needed if not wanted.values.get(name, "").strip()],
        "unknown": sorted({name_of(name) for name in set(wanted.values) - set(places)}),
    }
    if any(details.values()):
        raise TemplateError("The template needs other values.", details=details)


async def targets_of(work: Work, wanted: SendNotification) -> list[Target]:
    """Return who is to be told, each once for a lesson or once at all.

    Raises:
        NotFoundError: Somebody, or a lesson, that the caller does not see.
        ConsentMissingError: Somebody has not agreed; details name all of them.
        PrerequisiteMissingError: Somebody cannot be told so, or not of that lesson.
    """
    targets = [
        await _target(work, wanted, student_id, lesson)
        for student_id, lesson in await _named(work, wanted)
    ]
    _check_students(wanted, targets)
    await _check_consents(work, wanted, targets)
    _check_lessons(wanted, targets, work.now)
    return targets


async def queue_or_show(
    work: Work, wanted: SendNotification, targets: Iterable[Target]
) -> list[Notification]:
    """Compose what each is told, and queue it unless it is only to be shown.

    Raises:
        TemplateError: An SMS would be cut; details tell of how many parts the longest would be.
    """
    contents = [(target, await _content(work, wanted, target)) for target in targets]
    if wanted.channel is MessageChannel.SMS:
        _check_lengths(contents)
    notifications = []
    for target, content in contents:
        message_id = None if wanted.preview else await _queue(work, wanted, target, content)
        notifications.append(
            Notification(
                student_id=target.recipient.student.id,
                lesson_id=target.lesson.id if target.lesson else None,
                message_id=message_id,
                send_at=target.at,
                content=content if wanted.preview else None,
            )
        )
    return notifications


def _check_lengths(contents: Iterable[tuple[Target, Content]]) -> None:
    segments = [(target, count_segments(content.text).parts) for target, content in contents]
    too_long = [target for target, parts in segments if parts > MOST_PARTS]
    if too_long:
        parts = max(parts for _, parts in segments)
        raise TemplateError(
            f"An SMS has {MOST_PARTS} parts at most; this one has {parts}.",
            details={"segments": parts, "most": MOST_PARTS, "studentIds": _students(too_long)},
        )


async def _named(work: Work, wanted: SendNotification) -> list[tuple[str, Lesson | None]]:
    found: list[tuple[str, Lesson | None]] = [(each, None) for each in wanted.student_ids]
    for lesson_id in wanted.lesson_ids:
        lesson = await work.lessons.require(lesson_id)
        found.append((lesson.student_id, lesson))
    # Whoever has two of the lessons need not be told the same of both.
    is_of_one = wanted.template is not TemplateKind.MESSAGE
    unique = {(who, lesson.id if lesson and is_of_one else None): lesson for who, lesson in found}
    return [(who, lesson) for (who, _), lesson in unique.items()]


async def _target(
    work: Work, wanted: SendNotification, student_id: str, lesson: Lesson | None
) -> Target:
    recipient = await recipient_of(work, await work.students.require(student_id))
    at = recipient.quiet.release(max(wanted.send_at or work.now, work.now))
    return Target(recipient, lesson, at)


def _check_students(wanted: SendNotification, targets: Sequence[Target]) -> None:
    gone = [target for target in targets if target.recipient.is_gone]
    _refuse_any("student.not_archived", "studentIds", _students(gone))
    unreached = [each for each in targets if not each.recipient.address(wanted.channel)]
    _refuse_any("student.reachable", "studentIds", _students(unreached), channel=wanted.channel)


async def _check_consents(work: Work, wanted: SendNotification, targets: Sequence[Target]) -> None:
    purpose = purpose_of(wanted)
    refused = [
        target
        for target in targets
        if not is_agreed(
            purpose,
            wanted.channel,
            await work.consents.said(target.recipient.student.id, purpose),
        )
    ]
    if refused:
        told = {"purpose": purpose, "channel": wanted.channel, "studentIds": _students(refused)}
        raise ConsentMissingError(details=told)


def _check_lessons(wanted: SendNotification, targets: Sequence[Target], now: datetime) -> None:
    of_lessons = [(target.lesson, target.at) for target in targets if target.lesson is not None]
    if wanted.template is TemplateKind.LESSON_REMINDER:
        over = [lesson.id for lesson, _ in of_lessons if not is_ahead(lesson, now)]
        _refuse_any("lesson.ahead", "lessonIds", over)
    if wanted.template is TemplateKind.LESSON_CANCELLED:
        held = [each.id for each, _ in of_lessons if each.state is not LessonState.CANCELLED]
        _refuse_any("lesson.cancelled", "lessonIds", held)
    if wanted.template is not TemplateKind.MESSAGE:
        late = [lesson.id for lesson, at in of_lessons if at >= lesson.starts_at]
        _refuse_any("lesson.in_time", "lessonIds", late)


def _students(targets: Iterable[Target]) -> list[str]:
    return [target.recipient.student.id for target in targets]


def _refuse_any(rule: str, name: str, ids: Collection[str], **more: Any) -> None:
    if ids:
        details = {"rule": rule, name: list(ids), **more}
        raise PrerequisiteMissingError(_REFUSALS[rule], details=details)


_REFUSALS = {
    "student.not_archived": "Nothing is said to archived students.",
    "student.reachable": "Somebody has no address there; enter it first.",
    "lesson.ahead": "A lesson has begun, is over or cancelled.",
    "lesson.cancelled": "A lesson is not cancelled.",
    "lesson.in_time": "It would come after a lesson's start, or only then end the quiet hours.",
}


async def _content(work: Work, wanted: SendNotification, target: Target) -> Content:
    more = dict(wanted.values)
    if target.lesson is not None:
        instructor = await work.whole().instructors.require(target.lesson.instructor_id)
        more = values.of_lesson(target.lesson, instructor, target.recipient.language) | more
    return await compose(work, target.recipient, wanted.template, wanted.channel, more)


async def _queue(work: Work, wanted: SendNotification, target: Target, content: Content) -> str:
    lesson = target.lesson
    about = lesson if wanted.template is not TemplateKind.MESSAGE else None
    message = message_of(
        target.recipient,
        wanted.template,
        wanted.channel,
        content,
        key=keys.of_call(
            target.recipient.student.id,
            purpose_of(wanted),
            about.id if about else None,
            work.new_id("ntf"),
        ),
        at=target.at,
        not_after=about.starts_at if about else None,
    )
    message_id = await send(work, message)
    assert message_id is not None  # noqa: S101 (its key was made for it)
    return message_id
