"""The outbox: what goes to the world outside, written with its cause and sent later.

At least once: whoever dies between the send and its mark sends again, with the same id. Nothing
else sends twice (docs/adr/0018-outbox.md).
"""

from collections.abc import Callable, Collection, Mapping
from typing import Any

import orjson

from rpcbackend.store.message import TAG, TEST_TEMPLATE, Ended, Lease, Message, tag_of
from rpcbackend.store.transaction import Transaction

MAX_ATTEMPTS = 14
"""Some four days of back-off; then somebody has to look at it."""

LEASE_SECONDS = 60.0
"""Twice what a call to the outside may take."""

FIRST_WAIT_SECONDS, LONGEST_WAIT_SECONDS = 60.0, 12 * 3600.0
"""Bounds of the back-off."""

_QUEUE = """
INSERT INTO outbox (school_id, id, channel, recipient, template, payload, dedupe_key, state,
                    created_at, not_before, not_after, quiet, owner_id, via,
                    attempts, epoch, lease, is_withdrawn)
VALUES (:school, :id, :channel, :recipient, :template, :payload, :dedupe_key, 'queued',
        :now, :not_before, :not_after, :quiet, :owner, :via, 0, 0, 0, 0)
ON CONFLICT (school_id, dedupe_key) DO NOTHING
"""

# Due are also those whose time is ahead only because the clock fell back: they were to go at once,
# or wait for longer than a back-off lasts. Each has an index, for 10,000 may wait for another day.
_WAITING = "FROM outbox WHERE school_id = :school AND channel = :channel AND state = 'queued'"
_DUE = (
    f"SELECT id, not_before {_WAITING} AND not_before <= :now",
    f"SELECT id, not_before {_WAITING} AND not_before <= created_at",
    f"SELECT id, not_before {_WAITING} AND attempts > 0 AND not_before > :now + :longest_ms",
)
_PINNED_DUE = (
    f"SELECT id, not_before {_WAITING} AND via IS NOT NULL AND template = '{TEST_TEMPLATE}'",
)

# Not what this process is sending already, in a store that was restored meanwhile.
_FREE = "id NOT IN (SELECT value FROM json_each(:held))"
_FIRST = f"SELECT * FROM ({{}} AND {_FREE} ORDER BY not_before, id LIMIT :limit) AS first"  # noqa: S608 (our own condition)
_LEASE = """
UPDATE outbox SET state = 'sending', epoch = :epoch, lease = lease + 1, attempts = attempts + 1
WHERE school_id = :school AND id IN (
  SELECT id FROM ({}) AS due ORDER BY not_before, id LIMIT :limit)
RETURNING id, channel, recipient, template, payload, dedupe_key, not_before, not_after, quiet,
  owner_id, via, attempts, lease
"""
LEASE_DUE, LEASE_TESTS = (
    _LEASE.format(" UNION ".join(_FIRST.format(each) for each in due))
    for due in (_DUE, _PINNED_DUE)
)

NEXT_AT = f"""
SELECT min(at) FROM (
  SELECT min(not_before) AS at {_WAITING}
  UNION ALL SELECT :now WHERE EXISTS ({_DUE[1]})
  UNION ALL SELECT :now WHERE EXISTS ({_DUE[2]})) AS times
"""  # noqa: S608 (our own text)

_HAS_TEST = f"{_PINNED_DUE[0]} LIMIT 1"

_DROP_LATE = """
UPDATE outbox SET state = 'cancelled', ended_at = :now, failure = 'it was too late'
WHERE school_id = :school AND state = 'queued' AND not_after <= :now
RETURNING id, channel, owner_id
"""

# By another process, which is gone, or by one of this one that took too long.
_LOST = f"""
SELECT id, attempts, lease, epoch FROM outbox
WHERE school_id = :school AND state = 'sending' AND {_FREE}
"""  # noqa: S608 (our own condition)

_SETTLE = """
UPDATE outbox SET state = :state, attempts = attempts - :uncounted,
  not_before = coalesce(:not_before, not_before), failure = coalesce(:failure, failure),
  provider_ref = coalesce(:provider_ref, provider_ref), ended_at = :ended_at,
  via = coalesce(:via, via), recipient = coalesce(:recipient, recipient)
WHERE school_id = :school AND id = :id AND state = 'sending' AND epoch = :epoch AND lease = :lease
"""

_CANCEL = """
UPDATE outbox SET state = 'cancelled', ended_at = :now
WHERE school_id = :school AND (id = :id OR dedupe_key = :key)
  AND state IN ('queued', 'failed') AND is_withdrawn = 1
"""


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
        await self._tx.run(_CANCEL, id=None, key=dedupe_key, now=self._now_ms)
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

    async def lease(
        self,
        epoch: int,
        *,
        held: Collection[str],
        room: Mapping[str, int],
        tests_of: Collection[str] = (),
    ) -> list[Lease]:
        """Take the next messages that are due, of each channel the longest due first.

        Whoever sends them marks each before his lease ends, or leaves it alone from then on.

        Args:
            epoch: Of this process; what another one had leased is taken over at once.
            held: Ids of the messages that this process is sending: they are left alone.
            room: Channels, and how many of each at most.
            tests_of: Channels of which only messages are taken that try a provider out.
        """
        encoded = orjson.dumps(sorted(held)).decode()
        await self._take_back(encoded)
        leases = []
        for statement, channel, limit in (
            *((LEASE_DUE, channel, limit) for channel, limit in room.items()),
            *((LEASE_TESTS, channel, 1) for channel in tests_of),
        ):
            rows = await self._tx.all(
                statement,
                epoch=epoch,
                held=encoded,
                channel=channel,
                now=self._now_ms,
                longest_ms=_LONGEST_MS,
                limit=limit,
            )
            rows.sort(key=lambda row: (row["not_before"], row["id"]))
            leases += [_leased(row, epoch) for row in rows]
        return leases

    async def next_at_ms(self, channel: str) -> int | None:
        """Return when the next message of a channel is due, or None when none waits."""
        row = await self._tx.one(NEXT_AT, channel=channel, now=self._now_ms, longest_ms=_LONGEST_MS)
        return row[0] if row else None

    async def has_test(self, channel: str) -> bool:
        """Tell whether a message of a channel waits that tries a provider out."""
        return await self._tx.one(_HAS_TEST, channel=channel) is not None

    async def has_leased(self) -> bool:
        """Tell whether anybody has leased a message, or left one behind."""
        leased = "SELECT 1 FROM outbox WHERE school_id = :school AND state = 'sending' LIMIT 1"
        return await self._tx.one(leased) is not None

    async def drop_late(self) -> list[Ended]:
        """Send those no more whose time is over, and return them."""
        rows = await self._tx.all(_DROP_LATE, now=self._now_ms)
        return [Ended(row["id"], row["channel"], row["owner_id"]) for row in rows]

    async def sent(self, lease: Lease, provider_ref: str | None = None) -> str | None:
        """Note that it was sent; *provider_ref* is what the receiver calls it.

        Returns:
            The state that it has from now on, here and below; None if the lease is not the good
            one any more.
        """
        # It may have another address by now.
        recipient = lease.message.recipient
        return await self._settle(
            lease.place, "sent", provider_ref=provider_ref, recipient=recipient
        )

    async def retry(
        self, lease: Lease, failure: str, wait_ms: int, via: str | None = None
    ) -> str | None:
        """Try again after the wait, unless it was the last try or the message was withdrawn.

        Args:
            lease: Under which it could not be sent.
            failure: Why, without anything personal.
            wait_ms: What the back-off says.
            via: The provider that may have it already: no other one gets it.
        """
        if lease.attempt >= MAX_ATTEMPTS:
            return await self.fail(lease, failure)
        not_before = self._now_ms + min(wait_ms, _LONGEST_MS)
        return await self._settle(
            lease.place, "queued", failure=failure, not_before=not_before, via=via
        )

    async def fail(self, lease: Lease, failure: str) -> str | None:
        """Give the message up: no other try can help it."""
        return await self._settle(lease.place, "failed", failure=failure)

    async def give_back(self, lease: Lease, not_before_ms: int | None = None) -> str | None:
        """Let the message wait as if it had not been leased: nothing was sent."""
        return await self._settle(lease.place, "queued", uncounted=1, not_before=not_before_ms)

    async def _take_back(self, held: str) -> None:
        for row in await self._tx.all(_LOST, held=held):
            state = "failed" if row["attempts"] >= MAX_ATTEMPTS else "queued"
            place = (row["id"], row["epoch"], row["lease"])
            await self._settle(place, state, failure="no answer")

    async def _settle(self, place: tuple[str, int, int], state: str, **given: Any) -> str | None:
        """Let a message that is sent under a lease be in another state; return which it is."""
        message_id, epoch, number = place
        named = {"id": message_id, "epoch": epoch, "lease": number, "state": state}
        ended_at = None if state == "queued" else self._now_ms
        is_good = await self._tx.run(_SETTLE, **_NOTHING | named | given, ended_at=ended_at) == 1
        if state == "queued" and await self._tx.run(
            _CANCEL, id=message_id, key=None, now=self._now_ms
        ):
            state = "cancelled"
        return state if is_good else None


_LONGEST_MS = round(LONGEST_WAIT_SECONDS * 1_000)

_NOTHING = {
    "uncounted": 0,
    "not_before": None,
    "failure": None,
    "provider_ref": None,
    "via": None,
    "recipient": None,
}


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
            not_after_ms=row["not_after"],
            quiet=tuple(orjson.loads(row["quiet"])) if row["quiet"] else None,
            owner_id=row["owner_id"],
            via=row["via"],
        ),
    )
