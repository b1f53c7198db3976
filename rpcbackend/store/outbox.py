"""The outbox: what goes to the world outside, written with its cause and sent later.

At least once: whoever dies between the send and its mark sends again, with the same id. Nothing
else sends twice (docs/adr/0018-outbox.md).
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson

from rpcbackend.store.transaction import Transaction

MAX_ATTEMPTS = 14
"""Some four days of back-off; then somebody has to look at it."""

LEASE_SECONDS = 60.0
"""Twice what a call to the outside may take."""

FIRST_WAIT_SECONDS, LONGEST_WAIT_SECONDS = 60.0, 12 * 3600.0
"""Bounds of the back-off."""

_QUEUE = """
INSERT INTO outbox (school_id, id, channel, recipient, template, payload, dedupe_key, state,
                    created_at, not_before, attempts, epoch, lease, is_withdrawn)
VALUES (:school, :id, :channel, :recipient, :template, :payload, :dedupe_key, 'queued',
        :now, :not_before, 0, 0, 0, 0)
ON CONFLICT (school_id, dedupe_key) DO NOTHING
"""

# Due are also those whose time is ahead only because the clock fell back: they were to go at once,
# or wait for longer than a back-off lasts.
_LEASE = """
UPDATE outbox SET state = 'sending', epoch = :epoch, lease = lease + 1, attempts = attempts + 1
WHERE school_id = :school AND id IN (
  SELECT id FROM outbox
  WHERE school_id = :school AND state = 'queued'
    AND (not_before <= :now OR not_before <= created_at
         OR attempts > 0 AND not_before > :now + :longest_ms)
    AND channel NOT IN (SELECT value FROM json_each(:but))
  ORDER BY not_before, id LIMIT :limit)
RETURNING id, channel, recipient, template, payload, dedupe_key, not_before, attempts, lease
"""

# By another process, which is gone, or by one of this one that took too long.
_LOST = """
SELECT id, attempts, lease, epoch FROM outbox
WHERE school_id = :school AND state = 'sending'
  AND (epoch <> :epoch OR id NOT IN (SELECT value FROM json_each(:held)))
"""

_SETTLE = """
UPDATE outbox SET state = :state, attempts = attempts - :uncounted,
  not_before = coalesce(:not_before, not_before), failure = coalesce(:failure, failure),
  provider_ref = coalesce(:provider_ref, provider_ref), ended_at = :ended_at
WHERE school_id = :school AND id = :id AND state = 'sending' AND epoch = :epoch AND lease = :lease
"""

_CANCEL = """
UPDATE outbox SET state = 'cancelled', ended_at = :now
WHERE school_id = :school AND (id = :id OR dedupe_key = :key)
  AND state = 'queued' AND is_withdrawn = 1
"""


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

    @property
    def place(self) -> tuple[str, int, int]:
        """What tells it from all other leases."""
        return self.id, self.epoch, self.number


class Outbox:
    """The messages of one school.

    Args:
        tx: The transaction, of the cause or of who sends.
        now_ms: When it runs.
        new_id: Makes ids.
    """

    def __init__(self, tx: Transaction, now_ms: int, new_id: Callable[[str], str]) -> None:
        self._tx, self._now_ms, self._new_id = tx, now_ms, new_id

    async def queue(self, message: Message) -> bool:
        """Let the message be sent once this unit is durable; False if its dedupe key was used."""
        queued = await self._tx.run(
            _QUEUE,
            id=self._new_id("msg"),
            channel=message.channel,
            recipient=message.recipient,
            template=message.template,
            payload=orjson.dumps(message.payload).decode(),
            dedupe_key=message.dedupe_key,
            now=self._now_ms,
            not_before=message.not_before_ms or self._now_ms,
        )
        return queued == 1

    async def withdraw(self, dedupe_key: str) -> bool:
        """Send the message no more, and tell whether it surely never was.

        One that is on its way may arrive; it is not tried again.
        """
        await self._tx.run(
            "UPDATE outbox SET is_withdrawn = 1"
            " WHERE school_id = :school AND dedupe_key = :key AND state IN ('queued', 'sending')",
            key=dedupe_key,
        )
        await self._tx.run(_CANCEL, id=None, key=dedupe_key, now=self._now_ms)
        row = await self._tx.one(
            "SELECT state = 'cancelled' AND attempts = 0 FROM outbox"
            " WHERE school_id = :school AND dedupe_key = :key",
            key=dedupe_key,
        )
        return row is None or bool(row[0])

    async def begin_epoch(self) -> int:
        """Begin to send as a new process, the only one, and return its number for `lease`."""
        row = await self._tx.one(
            "INSERT INTO outbox_epochs (school_id, epoch) VALUES (:school, 1)"
            " ON CONFLICT (school_id) DO UPDATE SET epoch = outbox_epochs.epoch + 1 RETURNING epoch"
        )
        assert row is not None  # noqa: S101 (an upsert returns its row)
        return int(row[0])

    async def lease(
        self, epoch: int, *, held: Collection[str], limit: int, but: Collection[str] = ()
    ) -> list[Lease]:
        """Take the next messages that are due, the longest due first.

        Whoever sends them marks each before his lease ends, or leaves it alone from then on.

        Args:
            epoch: Of this process; what another one had leased is taken over at once.
            held: Ids of the messages whose leases in this process still hold.
            limit: How many at most.
            but: Channels that are switched off for now.
        """
        await self._take_back(epoch, held)
        rows = await self._tx.all(
            _LEASE,
            epoch=epoch,
            now=self._now_ms,
            longest_ms=round(LONGEST_WAIT_SECONDS * 1_000),
            limit=limit,
            but=orjson.dumps(sorted(but)).decode(),
        )
        rows.sort(key=lambda row: (row["not_before"], row["id"]))
        return [_leased(row, epoch) for row in rows]

    async def next_at_ms(self) -> int | None:
        """Return when the next message is due, or None when none waits."""
        row = await self._tx.one(
            "SELECT min(not_before) FROM outbox WHERE school_id = :school AND state = 'queued'"
        )
        return row[0] if row else None

    async def sent(self, lease: Lease, provider_ref: str | None = None) -> bool:
        """Note that it was sent; False, here and below, if the lease is not the good one any more.

        *provider_ref* is what the receiver calls it.
        """
        return await self._settle(lease.place, "sent", provider_ref=provider_ref)

    async def retry(self, lease: Lease, failure: str, wait_ms: int) -> bool:
        """Try again after the wait, unless it was the last try or the message was withdrawn.

        Args:
            lease: Under which it could not be sent.
            failure: Why, without anything personal.
            wait_ms: What the back-off says.
        """
        if lease.attempt >= MAX_ATTEMPTS:
            return await self.fail(lease, failure)
        not_before = self._now_ms + wait_ms
        return await self._settle(lease.place, "queued", failure=failure, not_before=not_before)

    async def fail(self, lease: Lease, failure: str) -> bool:
        """Give the message up: no other try can help it."""
        return await self._settle(lease.place, "failed", failure=failure)

    async def give_back(self, lease: Lease) -> bool:
        """Let the message wait as if it had not been leased: nothing was sent."""
        return await self._settle(lease.place, "queued", uncounted=1)

    async def _take_back(self, epoch: int, held: Collection[str]) -> None:
        lost = await self._tx.all(_LOST, epoch=epoch, held=orjson.dumps(sorted(held)).decode())
        for row in lost:
            state = "failed" if row["attempts"] >= MAX_ATTEMPTS else "queued"
            place = (row["id"], row["epoch"], row["lease"])
            await self._settle(place, state, failure="no answer")

    async def _settle(self, place: tuple[str, int, int], state: str, **given: Any) -> bool:
        """Let a message that is sent under a lease be in another state; False if it is not."""
        message_id, epoch, number = place
        named = {"id": message_id, "epoch": epoch, "lease": number, "state": state}
        ended_at = None if state == "queued" else self._now_ms
        is_good = await self._tx.run(_SETTLE, **_NOTHING | named | given, ended_at=ended_at) == 1
        if state == "queued":
            await self._tx.run(_CANCEL, id=message_id, key=None, now=self._now_ms)
        return is_good


_NOTHING = {"uncounted": 0, "not_before": None, "failure": None, "provider_ref": None}


def _leased(row: Any, epoch: int) -> Lease:
    return Lease(
        id=row["id"],
        epoch=epoch,
        number=row["lease"],
        attempt=row["attempts"],
        message=Message(
            channel=row["channel"],
            recipient=row["recipient"],
            template=row["template"],
            payload=orjson.loads(row["payload"]),
            dedupe_key=row["dedupe_key"],
            not_before_ms=row["not_before"],
        ),
    )
