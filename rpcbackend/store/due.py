"""The messages of the outbox that are due, and the leases under which they are sent."""

from collections.abc import Collection, Mapping
from functools import partial

import orjson

from rpcbackend.store.message import TEST_TEMPLATE, Lease, Message
from rpcbackend.store.outbox import LONGEST_WAIT_MS
from rpcbackend.store.transaction import Row, Transaction

# Here and elsewhere an index is named where SQLite would not take it: without statistics it thinks
# that a school has ten messages, and goes through all that were sent in two years.

# Due are also those whose time is ahead only because the clock fell back: they were to go at once,
# or wait for longer than a back-off lasts. Each has an index, for 10,000 may wait for another day.
_FOUND = "SELECT id, not_before FROM outbox"
_WAITING = """WHERE school_id = :school AND channel = :channel AND state = 'queued'
  AND recipient NOT IN (SELECT value FROM json_each(:full))
  AND id NOT IN (SELECT value FROM json_each(:left))"""
_DUE = (
    f"{_FOUND} {_WAITING} AND not_before <= :now",
    f"{_FOUND} {_WAITING} AND not_before > :now AND not_before <= created_at",
    f"{_FOUND} {_WAITING} AND attempts > 0 AND not_before > :now + :longest_ms",
)
_PINNED_DUE = (
    f"""{_FOUND} INDEXED BY outbox_pinned {_WAITING}
  AND via IS NOT NULL AND template = '{TEST_TEMPLATE}'""",
)

_FIRST = "SELECT * FROM ({} ORDER BY not_before, id LIMIT :limit) AS first"
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
  SELECT min(not_before) AS at FROM outbox {_WAITING}
  UNION ALL SELECT :now WHERE EXISTS ({_DUE[1]})
  UNION ALL SELECT :now WHERE EXISTS ({_DUE[2]})) AS times
"""  # noqa: S608 (our own text)

HAS_TEST = f"{_PINNED_DUE[0]} LIMIT 1"

ON_THEIR_WAY = """
SELECT recipient, count(*) AS messages FROM outbox INDEXED BY outbox_by_state
WHERE school_id = :school AND state = 'sending' AND channel = :channel GROUP BY recipient
"""


class DueMessages:
    """Those of one school.

    Args:
        tx: The transaction of who sends.
        now_ms: When it runs.
    """

    def __init__(self, tx: Transaction, now_ms: int) -> None:
        self._tx, self._now_ms = tx, now_ms

    async def lease(
        self,
        epoch: int,
        *,
        room: Mapping[str, int],
        held: Collection[str] = (),
        to_one: Mapping[str, int] | None = None,
        resting: Collection[str] = (),
        tests_of: Collection[str] = (),
        behind: Collection[str] = (),
    ) -> list[Lease]:
        """Take the next messages that are due, of each channel the longest due first.

        Whoever sends them marks each before his lease ends, or leaves it alone from then on.

        Args:
            epoch: Of this process.
            held: Ids of the messages that this process is sending, whatever the store says of them,
                for it may have been restored meanwhile.
            room: Channels, and how many of each at most.
            to_one: Channels, and how many may be on their way to one recipient of theirs.
            resting: Recipients of these channels who get none.
            tests_of: Channels of which only messages are taken that try a provider out.
            behind: Ids of messages that go when nothing else of their channel is due.
        """
        leases = []
        for channel, limit in room.items():
            most = (to_one or {}).get(channel)
            lease = partial(self._lease_due, epoch, channel, limit, most=most, resting=resting)
            leases += await lease(left={*held, *behind}) or await lease(left=held)
        for channel in tests_of:
            leases += await self._lease(LEASE_TESTS, epoch, channel, 1, left=held)
        return leases

    async def _lease_due(
        self,
        epoch: int,
        channel: str,
        limit: int,
        *,
        most: int | None,
        resting: Collection[str],
        left: Collection[str],
    ) -> list[Lease]:
        if most is None:
            return await self._lease(LEASE_DUE, epoch, channel, limit, left=left)
        leases = list[Lease]()
        while len(leases) < limit:
            # So few that nobody is given too many, even if all are his.
            full, step = await self._full(channel, most)
            step = min(step, limit - len(leases))
            none_for = {*full, *resting}
            more = await self._lease(LEASE_DUE, epoch, channel, step, full=none_for, left=left)
            leases += more
            if len(more) < step:
                break
        return leases

    async def _full(self, channel: str, most: int) -> tuple[list[str], int]:
        """Return who is being sent as many as may be, and how many any other one may be given."""
        rows = await self._tx.all(ON_THEIR_WAY, channel=channel)
        full = [row["recipient"] for row in rows if row["messages"] >= most]
        others = [most - row["messages"] for row in rows if row["messages"] < most]
        return full, min(others, default=most)

    async def _lease(
        self,
        statement: str,
        epoch: int,
        channel: str,
        limit: int,
        *,
        full: Collection[str] = (),
        left: Collection[str] = (),
    ) -> list[Lease]:
        rows = await self._tx.all(
            statement,
            epoch=epoch,
            channel=channel,
            now=self._now_ms,
            longest_ms=LONGEST_WAIT_MS,
            limit=limit,
            full=_listed(full),
            left=_listed(left),
        )
        rows.sort(key=lambda row: (row["not_before"], row["id"]))
        return [_leased(row, epoch) for row in rows]

    async def next_at_ms(
        self, channel: str, to_one: int | None = None, resting: Collection[str] = ()
    ) -> int | None:
        """Return when the next message of a channel is due, or None when none waits.

        Args:
            channel: Which.
            to_one: How many may be on their way to one recipient: others of his do not count.
            resting: Recipients of such a channel whose messages do not count.
        """
        full = [] if to_one is None else [*(await self._full(channel, to_one))[0], *resting]
        row = await self._tx.one(
            NEXT_AT,
            channel=channel,
            now=self._now_ms,
            longest_ms=LONGEST_WAIT_MS,
            full=_listed(full),
            left=_listed(()),
        )
        return row[0] if row else None

    async def has_test(self, channel: str) -> bool:
        """Tell whether a message of a channel waits that tries a provider out."""
        nobody = _listed(())
        return await self._tx.one(HAS_TEST, channel=channel, full=nobody, left=nobody) is not None


def _listed(names: Collection[str]) -> str:
    return orjson.dumps(sorted(names)).decode()


def _leased(row: Row, epoch: int) -> Lease:
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
