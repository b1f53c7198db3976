"""The event stream: what happened, in order."""

from typing import Annotated, Any, Final

from pydantic import Field, StringConstraints

from rpcbackend.schema.base import Instant, Integer, Params, WireModel

PROCESS_EVENTS: Final = (
    "messages.cancelled",
    "messages.failed",
    "messages.sent",
    "system.breaker_changed",
)
"""Those that no command leaves: the process itself does."""

EventType = Annotated[str, StringConstraints(pattern=r"^[a-z_]+\.[a-z_]+$", max_length=100)]


class Aggregate(WireModel):
    """The record an event is about, in the version it has since."""

    type: str
    id: str
    version: Integer


class Event(WireModel):
    """Something that happened; ids and times only, never names."""

    seq: Annotated[Integer, Field(ge=1, description="1, 2, 3, … without a gap.")]
    id: str
    type: EventType
    at: Instant
    actor: str
    aggregate: Aggregate
    data: dict[str, Any]


class SubscribeEvents(Params):
    """Params of events.subscribe."""

    types: Annotated[
        tuple[EventType, ...], Field(max_length=100, description="All types when empty.")
    ] = ()
    after_seq: Annotated[
        Integer | None,
        Field(ge=0, description="Replay what came after; only what comes from now on when null."),
    ] = None


class Subscribed(WireModel):
    """What events.subscribe answers."""

    subscription_id: str
    head_seq: Integer
