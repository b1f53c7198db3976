"""What services told of payments and messages, each thing once."""

from enum import StrEnum
from typing import NamedTuple

from rpcbackend.store.message import Ended
from rpcbackend.store.transaction import Transaction


class Outcome(StrEnum):
    """What came of being told."""

    TAKEN = "taken"
    LATE = "late"
    """It was known already, or something that comes after it."""
    UNKNOWN = "unknown"
    """Nobody knows what it is about."""


class Notice(NamedTuple):
    """One thing that a service told."""

    provider_id: str
    event_id: str
    """The service's own name for it: by this it is known when it comes again."""
    type: str
    reference: str
    """The payment or message that it is about."""


class Arrival(NamedTuple):
    """A message that a service tells of."""

    message: Ended
    state: str
    """What it was before."""

    @property
    def is_early(self) -> bool:
        """Whether it is not even known that it was sent."""
        return self.state in ("queued", "sending")

    @property
    def is_news(self) -> bool:
        """Whether it is another one now."""
        return self.state == "sent"


class Notices:
    """What the services of one school told."""

    def __init__(self, tx: Transaction, now_ms: int) -> None:
        self._tx, self._now_ms = tx, now_ms

    async def find(self, provider_id: str, event_id: str) -> Outcome | None:
        """Return what came of it, or None if it was never told."""
        row = await self._tx.one(
            "SELECT outcome FROM notices WHERE school_id = :school"
            " AND provider_id = :provider AND event_id = :event",
            provider=provider_id,
            event=event_id,
        )
        return Outcome(row[0]) if row else None

    async def add(self, notice: Notice, outcome: Outcome) -> None:
        """Remember that it was told, and what came of it."""
        await self._tx.run(
            "INSERT INTO notices"
            " (school_id, provider_id, event_id, type, reference, outcome, received_at)"
            " VALUES (:school, :provider, :event, :type, :reference, :outcome, :now)",
            provider=notice.provider_id,
            event=notice.event_id,
            type=notice.type,
            reference=notice.reference,
            outcome=outcome,
            now=self._now_ms,
        )

    async def arrive(self, message_id: str, channel: str, state: str) -> Arrival | None:
        """Let a message that was sent be `delivered` or `bounced`; None if there is none such.

        Args:
            message_id: Of the message.
            channel: The way it went: nobody else can tell of it.
            state: What it is from now on.
        """
        row = await self._tx.one(
            "SELECT id, channel, owner_id, state FROM outbox"
            " WHERE school_id = :school AND id = :id AND channel = :channel",
            id=message_id,
            channel=channel,
        )
        if row is None:
            return None
        await self._tx.run(
            "UPDATE outbox SET state = :state"
            " WHERE school_id = :school AND id = :id AND state = 'sent'",
            id=message_id,
            state=state,
        )
        return Arrival(Ended(row["id"], row["channel"], row["owner_id"]), row["state"])
