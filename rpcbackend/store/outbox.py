"""The outbox: what goes to the world outside, written with its cause and sent later.

At least once: whoever dies between the send and its mark sends again, with the same id. Nothing
else sends twice (docs/adr/0018-outbox.md).
"""

from collections.abc import Callable, Collection
from typing import Any

import orjson

from rpcbackend.store.message import TAG, TEST_TEMPLATE, Ended, Lease, Message, tag_of
from rpcbackend.store.transaction import Row, Transaction

MAX_ATTEMPTS = 14
"""Some four days of back-off, and a weekend at least; then somebody has to look at it."""

LEASE_SECONDS = 60.0
"""Twice what a call to the outside may take."""

FIRST_WAIT_SECONDS, LONGEST_WAIT_SECONDS = 60.0, 60 * 3600.0
"""Bounds of the back-off."""

LONGEST_WAIT_MS = round(LONGEST_WAIT_SECONDS * 1_000)

_QUEUE = """
INSERT INTO outbox (school_id, id, channel, recipient, template, payload, dedupe_key, state,
                    created_at, not_before, not_after, quiet, owner_id, via,
                    attempts, epoch, lease, is_withdrawn)
VALUES (:school, :id, :channel, :recipient, :template, :payload, :dedupe_key, 'queued',
        :now, :not_before, :not_after, :quiet, :owner, :via, 0, 0, 0, 0)
ON CONFLICT (school_id, dedupe_key) DO NOTHING
"""

_DROP_LATE = """
UPDATE outbox SET state = 'cancelled', ended_at = :now, failure = 'it was too late'
WHERE school_id = :school AND state = 'queued' AND not_after <= :now
RETURNING id, channel, owner_id
"""

# By another process, which is gone, or by one of this one that took too long.
LOST = """
SELECT id, channel, owner_id, via, attempts, lease, epoch FROM outbox INDEXED BY outbox_by_state
WHERE school_id = :school AND state = 'sending'
  AND id NOT IN (SELECT value FROM json_each(:held))
"""

_SETTLE = """
UPDATE outbox SET state = :state, attempts = attempts - :uncounted,
  not_before = coalesce(:not_before, not_before), failure = coalesce(:failure, failure),
  provider_ref = coalesce(:provider_ref, provider_ref), ended_at = :ended_at,
  via = :via, recipient = coalesce(:recipient, recipient)
WHERE school_id = :school AND id = :id AND state = 'sending' AND epoch = :epoch AND lease = :lease
"""

_CARRY = """
UPDATE outbox SET via = :via
WHERE school_id = :school AND id = :id AND state = 'sending' AND epoch = :epoch AND lease = :lease
"""

_CANCEL = """
UPDATE outbox SET state = 'cancelled', ended_at = :now
WHERE school_id = :school AND {} = :name AND state IN ('queued', 'failed') AND is_withdrawn = 1
"""
CANCEL, CANCEL_BY_KEY = (_CANCEL.format(each) for each in ("id", "dedupe_key"))


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
        return await self.add(message) is not None

    async def add(self, message: Message) -> str | None:
        """Do the same, and return the message's id; None if its dedupe key was used."""
        message_id = self._new_id("msg")
        queued = await self._tx.run(
            _QUEUE,
            id=message_id,
            channel=message.channel,
            recipient=message.recipient,
            template=message.template,
            payload=orjson.dumps(message.payload).decode(),
            dedupe_key=message.dedupe_key,
            now=self._now_ms,
            not_before=message.not_before_ms or self._now_ms,
            not_after=message.not_after_ms,
            quiet=orjson.dumps(message.quiet).decode() if message.quiet else None,
            owner=message.owner_id,
            via=message.via,
        )
        if not queued:
            return None
        self._tx.touched.add(TAG)
        if message.template != TEST_TEMPLATE:
            self._tx.touched.add(tag_of(message.channel))
        return message_id

    async def withdraw(self, dedupe_key: str) -> bool:
        """Send the message no more, and tell whether it surely never was.

        One that is on its way may arrive; it is not tried again.
        """
        await self._tx.run(
            "UPDATE outbox SET is_withdrawn = 1"
            " WHERE school_id = :school AND dedupe_key = :key"
            " AND state IN ('queued', 'sending', 'failed')",
            key=dedupe_key,
        )
        await self._tx.run(CANCEL_BY_KEY, name=dedupe_key, now=self._now_ms)
        row = await self._tx.one(
            "SELECT state = 'cancelled' AND attempts = 0 AND failure IS NULL FROM outbox"
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

    async def is_newest(self, epoch: int) -> bool:
        """Tell whether no other process has begun to send since this epoch."""
        row = await self._tx.one("SELECT epoch FROM outbox_epochs WHERE school_id = :school")
        return row is not None and row["epoch"] == epoch

    async def take_back(self, held: Collection[str]) -> list[tuple[str | None, Ended]]:
        """Let what others left on its way wait again, and return each with its new state.

        It stays with the provider that was noted with its lease: he may have it.

        Args:
            held: Ids of the messages that this process is sending: they are left alone.
        """
        lost = await self._tx.all(LOST, held=orjson.dumps(sorted(held)).decode())
        return [(await self._lose(row), _ended(row)) for row in lost]

    async def _lose(self, row: Row) -> str | None:
        state = "failed" if row["attempts"] >= MAX_ATTEMPTS else "queued"
        place = (row["id"], row["epoch"], row["lease"])
        return await self._settle(place, state, failure="no answer", via=row["via"])

    async def carry(self, lease: Lease, provider_id: str) -> bool:
        """Note who is about to be given it; False if the lease is not the good one any more.

        If the process dies from here on, nobody else is given it, for he may have it. What marks
        the message under its lease takes the note back.
        """
        message_id, epoch, number = lease.place
        return (
            await self._tx.run(_CARRY, id=message_id, epoch=epoch, lease=number, via=provider_id)
            == 1
        )

    async def has_leased(self) -> bool:
        """Tell whether anybody has leased a message, or left one behind."""
        leased = "SELECT 1 FROM outbox WHERE school_id = :school AND state = 'sending' LIMIT 1"
        return await self._tx.one(leased) is not None

    async def drop_late(self) -> list[Ended]:
        """Send those no more whose time is over, and return them."""
        rows = await self._tx.all(_DROP_LATE, now=self._now_ms)
        return [_ended(row) for row in rows]

    async def sent(self, lease: Lease, provider_ref: str | None = None) -> str | None:
        """Note that it was sent; *provider_ref* is what the receiver calls it.

        Returns:
            The state that it has from now on, here and below; None if the lease is not the good
            one any more.
        """
        # It may have another address by now.
        recipient = lease.message.recipient
        return await self._settle(
            lease.place,
            "sent",
            provider_ref=provider_ref,
            recipient=recipient,
            via=lease.message.via,
        )

    async def retry(
        self, lease: Lease, failure: str, wait_ms: int, via: str | None = None
    ) -> str | None:
        """Try again after the wait, unless it was the last try or the message was withdrawn.

        Args:
            lease: Under which it could not be sent.
            failure: Why, without anything personal.
            wait_ms: What the back-off says.
            via: The provider that may have it already: no other one gets it. None for nobody else
                than before.
        """
        if lease.attempt >= MAX_ATTEMPTS:
            return await self.fail(lease, failure)
        not_before = self._now_ms + min(wait_ms, LONGEST_WAIT_MS)
        return await self._settle(
            lease.place,
            "queued",
            failure=failure,
            not_before=not_before,
            via=via or lease.message.via,
        )

    async def fail(self, lease: Lease, failure: str) -> str | None:
        """Give the message up: no other try can help it."""
        return await self._settle(lease.place, "failed", failure=failure, via=lease.message.via)

    async def give_back(
        self, lease: Lease, not_before_ms: int | None = None, failure: str | None = None
    ) -> str | None:
        """Let the message wait as if it had not been leased: nothing was sent.

        Args:
            lease: Which is not used.
            not_before_ms: When it is due again; None is as before.
            failure: Why not, of one that may have been sent before.
        """
        return await self._settle(
            lease.place,
            "queued",
            uncounted=1,
            not_before=not_before_ms,
            failure=failure,
            via=lease.message.via,
        )

    async def _settle(self, place: tuple[str, int, int], state: str, **given: Any) -> str | None:
        """Let a message that is sent under a lease be in another state; return which it is."""
        message_id, epoch, number = place
        named = {"id": message_id, "epoch": epoch, "lease": number, "state": state}
        ended_at = None if state == "queued" else self._now_ms
        is_good = await self._tx.run(_SETTLE, **_NOTHING | named | given, ended_at=ended_at) == 1
        if state == "queued" and await self._tx.run(CANCEL, name=message_id, now=self._now_ms):
            state = "cancelled"
        return state if is_good else None


_NOTHING = {
    "uncounted": 0,
    "not_before": None,
    "failure": None,
    "provider_ref": None,
    "via": None,
    "recipient": None,
}


def _ended(row: Row) -> Ended:
    return Ended(row["id"], row["channel"], row["owner_id"])
