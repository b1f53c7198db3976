"""What goes outside: a message, the lease to send it, and what is told of it; knows no SQL."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

TEST_TEMPLATE = "providers.test"
"""Of messages that try a provider out: they go though its channel is switched off."""

TAG = "outbox"
"""Touched by whoever gives the sender something to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """What is to be sent."""

    channel: str
    """The way it goes, such as `mail`."""
    recipient: str = field(repr=False)
    template: str
    payload: Mapping[str, Any] = field(repr=False)
    dedupe_key: str
    """Names the send: for one key there is never a second message."""
    not_before_ms: int = 0
    """Milliseconds since the epoch; 0 sends soon."""
    not_after_ms: int | None = None
    """When it is of no use any more, in milliseconds since the epoch; then it is cancelled."""
    quiet: tuple[str, str, str] | None = None
    """Zone, from and until, such as `21:00` and `08:00`, between which it is not sent."""
    owner_id: str | None = None
    """The student it is about."""
    via: str | None = None
    """The provider that carries it, whatever others there are."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lease:
    """The right to send one message, and no other's."""

    id: str
    """The message's, on every try: receivers know a second delivery by it."""
    epoch: int
    number: int
    """Which of the leases of this message."""
    attempt: int
    """From 1."""
    message: Message
    carrier: str | None = None
    """The provider that is noted as the one who may have it from now on."""

    @property
    def place(self) -> tuple[str, int, int]:
        """What tells it from all other leases."""
        return self.id, self.epoch, self.number


class Ended(NamedTuple):
    """A message that came to its end, and what may be told of it."""

    id: str
    channel: str
    owner_id: str | None


def told_of(ended: Ended) -> dict[str, str]:
    """Return what events say of a message: ids, and the way it goes."""
    told = {"messageId": ended.id, "channel": ended.channel}
    return told if ended.owner_id is None else told | {"studentId": ended.owner_id}


def tag_of(channel: str) -> str:
    """Return the tag that whoever queues a message of a channel touches."""
    return f"{TAG}:{channel}"


def channels_of(touched: Collection[str]) -> list[str]:
    """Return the channels of which a unit has queued messages."""
    prefix = tag_of("")
    return sorted(tag.removeprefix(prefix) for tag in touched if tag.startswith(prefix))
