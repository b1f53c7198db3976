"""Notifications: say something to students now, or at a time."""

from rpcbackend.context import Context
from rpcbackend.dispatch.registry import method
from rpcbackend.errors import (
    ConsentMissingError,
    InvalidParamsError,
    NotFoundError,
    PrerequisiteMissingError,
    TemplateError,
)
from rpcbackend.notices.calls import check_values, queue_or_show, targets_of
from rpcbackend.schema.notifications import Notified, SendNotification
from rpcbackend.schema.templates import TemplateKind
from rpcbackend.security.roles import Permission
from rpcbackend.store import Work

_BY_ITSELF = {TemplateKind.LESSON_MOVED, TemplateKind.LESSON_CHANGED}
_OF_LESSONS = {TemplateKind.LESSON_REMINDER, TemplateKind.LESSON_CANCELLED}


@method(
    "notifications.send",
    permission=Permission.MESSAGES_SEND,
    kind="command",
    cost="heavy",
    errors=(NotFoundError, ConsentMissingError, PrerequisiteMissingError, TemplateError),
    events=("messages.queued",),
)
async def send(ctx: Context, params: SendNotification) -> Notified:
    """Say something to students, to all of them or to none, outside of their quiet hours.

    A preview shows what each would read, and sends nothing. What was changed of a lesson tells the
    program by itself. An instructor writes to his own students. An API key names lessons only with
    `lessons:read`, for what is told of them says when and where they are.
    """
    _check(params)
    if params.lesson_ids:
        ctx.check(Permission.LESSONS_READ)

    async def unit(work: Work) -> Notified:
        targets = await targets_of(work, params)
        return Notified(items=await queue_or_show(work, params, targets))

    return await (ctx.read(unit) if params.preview else ctx.write(unit))


def _check(params: SendNotification) -> None:
    """Check what the model cannot say.

    Raises:
        InvalidParamsError: It is for nobody, for both, or of what cannot be sent so.
        TemplateError: Other values are needed.
    """
    template, is_of_lessons = params.template, params.template in _OF_LESSONS
    is_message = template is TemplateKind.MESSAGE
    refused = {
        "studentIds": "either" if bool(params.student_ids) == bool(params.lesson_ids) else None,
        "template": "by_itself" if template in _BY_ITSELF else None,
        "lessonIds": (
            "of_template" if not is_message and is_of_lessons != bool(params.lesson_ids) else None
        ),
        "purpose": "of_message" if params.purpose and not is_message else None,
    }
    errors = [{"path": path, "rule": rule} for path, rule in refused.items() if rule]
    if errors:
        raise InvalidParamsError(details={"errors": errors})
    check_values(params)
