"""The outbox: what goes to the world outside, and what became of it."""

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field

from rpcbackend.schema.base import (
    PERSONAL,
    Cursor,
    Instant,
    Integer,
    Limit,
    Params,
    StudentId,
    WireModel,
    id_pattern,
)

MessageId = Annotated[str, id_pattern("msg")]
Channel = Literal["mail", "sms", "payment", "webhook"]


class MessageState(StrEnum):
    """How far a message is."""

    QUEUED = "queued"
    SENDING = "sending"
    SENT = "sent"
    DELIVERED = "delivered"
    BOUNCED = "bounced"
    FAILED = "failed"
    CANCELLED = "cancelled"


class OutboxMessage(WireModel):
    """One message, without what it says."""

    id: MessageId
    channel: Annotated[str, Field(description="The way it goes.")]
    template: str
    student_id: Annotated[StudentId | None, Field(description="Whom it is about.")]
    recipient: Annotated[
        str | None,
        Field(
            description="Where it goes; null for whoever may not see students.",
            json_schema_extra=PERSONAL,
        ),
    ]
    state: MessageState
    attempts: Annotated[Integer, Field(description="Tries that were begun.")]
    last_error: Annotated[str | None, Field(description="Why the last try failed.")]
    provider_ref: Annotated[
        str | None,
        Field(description="What the receiver calls it.", json_schema_extra=PERSONAL),
    ]
    created_at: Instant
    not_before: Annotated[Instant, Field(description="When it is tried next, if it waits.")]
    ended_at: Instant | None


class ListOutbox(Params):
    """Params of outbox.list."""

    ids: Annotated[
        tuple[MessageId, ...], Field(max_length=200, description="Only these; all when empty.")
    ] = ()
    state: MessageState | None = None
    channel: Channel | None = None
    owner: Annotated[StudentId | None, Field(description="Only what is about this student.")] = None
    cursor: Cursor | None = None
    limit: Limit = 50


class OutboxPage(WireModel):
    """Messages, the newest first."""

    items: list[OutboxMessage]
    next_cursor: Cursor | None


class RetryOutbox(Params):
    """Params of outbox.retry."""

    ids: Annotated[tuple[MessageId, ...], Field(min_length=1, max_length=200)]
    action: Annotated[
        Literal["retry", "cancel"],
        Field(description="`retry` tries at once what failed or waits; `cancel` sends it no more."),
    ]


class RetriedOutbox(WireModel):
    """What outbox.retry answers."""

    changed: Annotated[Integer, Field(description="Messages that are now otherwise than before.")]


OutboxOffReason = Annotated[
    Literal["unreached", "switched_off"],
    Field(
        description="`unreached`: none of its providers can be reached; `switched_off`: none is "
        "enabled, or there is none."
    ),
]


class ChannelDelay(WireModel):
    """A channel whose messages wait."""

    channel: str
    reason: OutboxOffReason
    since: Annotated[Instant, Field(description="In this process.")]
    last_error: Annotated[
        str | None, Field(description="Why the last try reached nobody, in words for the office.")
    ]
    next_try_ms: Annotated[
        Integer | None, Field(description="Until it is tried again; null if it is switched off.")
    ]


class DelayWarning(WireModel):
    """What was sent by a channel that waits goes later: nobody has to do anything."""

    code: Literal["DELAYED"]
    channel: str
    reason: OutboxOffReason
    since: Annotated[Instant, Field(description="In this process.")]
    message: Annotated[str, Field(description="The same for people, in English.")]


class OutboxHealth(WireModel):
    """How what goes outside is getting on."""

    queued: Annotated[Integer, Field(description="Waiting, also for a later time, or on its way.")]
    oldest_lag_seconds: Annotated[
        Integer, Field(description="For how long the longest one waits that could have gone.")
    ]
    failed: Annotated[Integer, Field(description="Given up; outbox.retry tries again.")]
    delayed: Annotated[list[ChannelDelay], Field(description="Channels whose messages wait.")]
