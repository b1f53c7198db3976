"""Notifications: what somebody at the school says to students by a call of his own."""

from typing import Annotated

from pydantic import Field, StringConstraints

from rpcbackend.schema.base import (
    PERSONAL,
    Flag,
    Instant,
    LessonId,
    Params,
    StudentId,
    WireModel,
    id_pattern,
)
from rpcbackend.schema.consents import MessageChannel, Purpose
from rpcbackend.schema.templates import MAX_TEXT, Content, TemplateKind

MAX_RECIPIENTS = 200
"""Of one call: all who had a lesson on a day that is called off, many times over."""

MessageId = Annotated[str, id_pattern("msg")]
Value = Annotated[
    str, StringConstraints(max_length=MAX_TEXT, pattern=r"^[^\x00-\x08\x0b-\x1f\x7f]*$")
]


class SendNotification(Params):
    """Params of notifications.send: either students, or the students of lessons."""

    student_ids: Annotated[tuple[StudentId, ...], Field(max_length=MAX_RECIPIENTS)] = ()
    lesson_ids: Annotated[tuple[LessonId, ...], Field(max_length=MAX_RECIPIENTS)] = ()
    template: TemplateKind
    channel: MessageChannel
    values: Annotated[
        dict[str, Value],
        Field(
            max_length=10,
            description="What stands in the places that only the sender can fill.",
            json_schema_extra=PERSONAL,
        ),
    ] = {}  # noqa: RUF012 (pydantic copies it, and nothing changes it)
    purpose: Annotated[
        Purpose | None,
        Field(description="Of a message, which can be about anything; lessons when left out."),
    ] = None
    send_at: Annotated[
        Instant | None, Field(description="Not before; soon when left out. Quiet hours hold.")
    ] = None
    preview: Annotated[Flag, Field(description="Compose, and send nothing.")] = False


class Notification(WireModel):
    """What goes to one student."""

    student_id: StudentId
    lesson_id: LessonId | None
    message_id: Annotated[MessageId | None, Field(description="In the outbox; null for a preview.")]
    send_at: Annotated[Instant, Field(description="When his quiet hours let it go.")]
    content: Annotated[Content | None, Field(description="For a preview alone.")]


class Notified(WireModel):
    """What notifications.send answers."""

    items: list[Notification]
