"""The outbox as the desk sees it: what waits, what was given up, and what is done by hand."""

from typing import NamedTuple, get_args

import orjson

from rpcbackend.errors import InvalidTransitionError, NotFoundError
from rpcbackend.schema.base import Encoded
from rpcbackend.schema.outbox import Channel, ListOutbox, MessageState, OutboxPage
from rpcbackend.store.cursor import read_cursor, write_cursor
from rpcbackend.store.message import TAG, TEST_TEMPLATE, Ended
from rpcbackend.store.table import page_of
from rpcbackend.store.transaction import Row, Transaction

_JSON = """json_object('id', id, 'channel', channel, 'template', template, 'studentId', owner_id,
  'recipient', iif(:sees_people = 1, recipient, NULL), 'state', state, 'attempts', attempts,
  'lastError', failure, 'providerRef', provider_ref, 'createdAt', {created}, 'notBefore', {due},
  'endedAt', {ended})""".format(
    **{
        name: f"strftime('%Y-%m-%dT%H:%M:%fZ', {column} / 1000.0, 'unixepoch')"
        for name, column in (
            ("created", "created_at"),
            ("due", "not_before"),
            ("ended", "ended_at"),
        )
    }
)

_FILTERS = {
    "ids": "id IN (SELECT value FROM json_each(:ids))",
    "state": "state = :state",
    "channel": "channel = :channel",
    "owner": "owner_id = :owner",
    "before": "id < :before",
}

_COUNT = """
SELECT (SELECT count(*) FROM outbox WHERE school_id = :school AND state = 'queued')
     + (SELECT count(*) FROM outbox WHERE school_id = :school AND state = 'sending') AS waiting,
  (SELECT count(*) FROM outbox WHERE school_id = :school AND state = 'failed') AS failed
"""

CHANNELS: tuple[str, ...] = get_args(Channel)

_LONGEST_DUE = """
SELECT min(not_before) FROM outbox
WHERE school_id = :school AND channel = :channel AND state = 'queued'
"""

# From the beginning: it has all of its tries again, and whoever can may carry it.
_AGAIN = """
UPDATE outbox SET state = 'queued', ended_at = NULL, attempts = 0,
  not_before = :now, via = iif(template = :test, via, NULL)
WHERE school_id = :school AND id = :id AND state = 'failed'
"""
# Only what was tried: another one may wait for its hour. Whoever can may carry it, for the one that
# may have it may be gone for good.
_HURRY = """
UPDATE outbox SET not_before = iif(not_before > :now, :now, not_before),
  via = iif(template = :test, via, NULL)
WHERE school_id = :school AND id = :id AND state = 'queued' AND attempts > 0
  AND (not_before > :now OR (via IS NOT NULL AND template <> :test))
"""

_MAY_BE_TRIED = {MessageState.QUEUED, MessageState.SENDING, MessageState.FAILED}
_MAY_BE_CANCELLED = _MAY_BE_TRIED | {MessageState.CANCELLED}


class Counts(NamedTuple):
    """How many messages there are."""

    waiting: int
    """Also for a later time, or on their way."""
    failed: int


class Outgoing:
    """The messages of one school, looked at and decided about.

    Args:
        tx: The transaction.
        now_ms: When it runs.
    """

    def __init__(self, tx: Transaction, now_ms: int) -> None:
        self._tx, self._now_ms = tx, now_ms

    async def page(self, wanted: ListOutbox, *, sees_people: bool) -> Encoded[OutboxPage]:
        """Return those that fit, the newest first.

        Args:
            wanted: Which.
            sees_people: Whether their recipients are told.

        Raises:
            CursorInvalidError: The cursor is not one of this list.
        """
        params = {
            "ids": orjson.dumps(wanted.ids).decode() if wanted.ids else None,
            "state": wanted.state,
            "channel": wanted.channel,
            "owner": wanted.owner,
            "before": read_cursor(wanted.cursor, str)[0] if wanted.cursor is not None else None,
        }
        used = {name: value for name, value in params.items() if value is not None}
        conditions = " AND ".join(_FILTERS[name] for name in used) or "true"
        rows = await self._tx.all(
            f"SELECT id, {_JSON} AS json FROM outbox"  # noqa: S608 (our own text)
            f" WHERE school_id = :school AND {conditions} ORDER BY id DESC LIMIT :limit",
            limit=wanted.limit + 1,
            sees_people=int(sees_people),
            **used,
        )
        page, rest = rows[: wanted.limit], rows[wanted.limit :]
        return Encoded(page_of(page, next_cursor=write_cursor(page[-1]["id"]) if rest else None))

    async def counts(self) -> Counts:
        """Return how many wait, and how many were given up."""
        row = await self._tx.one(_COUNT)
        return Counts(*row) if row else Counts(0, 0)

    async def longest_due_ms(self) -> int:
        """Return for how long the longest one waits that could have gone, in milliseconds."""
        rows = [await self._tx.one(_LONGEST_DUE, channel=channel) for channel in CHANNELS]
        firsts: list[int] = [row[0] for row in rows if row and row[0] is not None]
        return max(0, self._now_ms - min(firsts)) if firsts else 0

    async def retry(self, message_id: str) -> Ended | None:
        """Let a message be tried at once, by whom ever; None if it is, or waits for its hour.

        Raises:
            NotFoundError: There is none with this id.
            InvalidTransitionError: It was sent, or cancelled, or what it says is over.
        """
        row = await self._require(message_id, _MAY_BE_TRIED, MessageState.QUEUED)
        if row["state"] == MessageState.FAILED and (reason := self._over(row)):
            raise _refused(row, MessageState.QUEUED, reason=reason)
        statement = _AGAIN if row["state"] == MessageState.FAILED else _HURRY
        changed = await self._tx.run(statement, id=message_id, now=self._now_ms, test=TEST_TEMPLATE)
        return self._changed(row, MessageState.QUEUED) if changed else None

    async def cancel(self, message_id: str) -> Ended | None:
        """Send a message no more; None if it is cancelled already.

        One that is on its way may arrive, and is not tried again.

        Raises:
            NotFoundError: There is none with this id.
            InvalidTransitionError: It was sent.
        """
        row = await self._require(message_id, _MAY_BE_CANCELLED, MessageState.CANCELLED)
        if row["state"] == MessageState.SENDING:
            await self._tx.run(
                "UPDATE outbox SET is_withdrawn = 1 WHERE school_id = :school AND id = :id",
                id=message_id,
            )
            return None
        changed = await self._tx.run(
            "UPDATE outbox SET state = 'cancelled', ended_at = :now"
            " WHERE school_id = :school AND id = :id AND state IN ('queued', 'failed')",
            id=message_id,
            now=self._now_ms,
        )
        return self._changed(row, MessageState.CANCELLED) if changed else None

    def _over(self, row: Row) -> str | None:
        if row["is_withdrawn"]:
            return "withdrawn"
        late = row["not_after"] is not None and row["not_after"] <= self._now_ms
        return "late" if late else None

    def _changed(self, row: Row, state: MessageState) -> Ended:
        self._tx.touched.add(TAG)
        if self._tx.changes is not None:
            record = ("message", row["id"])
            self._tx.changes.see(record, f'{{"state":"{row["state"]}"}}')
            self._tx.changes.write(record, f'{{"state":"{state}","decidedAtMs":{self._now_ms}}}')
        return Ended(row["id"], row["channel"], row["owner_id"])

    async def _require(
        self, message_id: str, allowed: set[MessageState], wanted: MessageState
    ) -> Row:
        row = await self._tx.one(
            "SELECT id, channel, owner_id, state, is_withdrawn, not_after FROM outbox"
            " WHERE school_id = :school AND id = :id",
            id=message_id,
        )
        if row is None:
            raise NotFoundError.of("message", message_id)
        if row["state"] not in allowed:
            raise _refused(row, wanted)
        return row


def _refused(row: Row, wanted: MessageState, **more: str) -> InvalidTransitionError:
    details = {"id": row["id"], "from": row["state"], "to": wanted, **more}
    return InvalidTransitionError(details=details)
