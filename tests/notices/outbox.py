"""What stands in the outbox, as the tests of what is said look at it."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import orjson

from rpcbackend.jobs.reminders import look
from rpcbackend.schema.base import format_instant
from rpcbackend.store import Store, Work


@dataclass(frozen=True, slots=True)
class Row:
    """One message."""

    id: str
    key: str
    template: str
    channel: str
    recipient: str
    state: str
    at: str
    not_after: str | None
    payload: dict[str, Any]
    quiet: list[str]


async def outbox_of(store: Store, *states: str) -> list[Row]:
    """Return the messages in these states, or all, in the order in which they were queued."""

    async def unit(work: Work) -> list[Row]:
        rows = await work.tx.all("SELECT * FROM outbox WHERE school_id = :school ORDER BY id")
        return [_row(row) for row in rows if not states or row["state"] in states]

    return await store.read(unit)


async def remind(store: Store) -> None:
    """Queue the reminders that are due now."""
    await look(store, is_to_plan=True)


async def waiting_in(store: Store) -> list[tuple[str, str, str]]:
    """Return occasion, recipient and time of each message that waits."""
    rows = await outbox_of(store, "queued")
    return [(row.template, row.recipient, row.at) for row in rows]


async def planned_in(store: Store) -> list[tuple[str, str | None]]:
    """Return each lesson with the time at which its student is to be reminded of it."""

    async def unit(work: Work) -> list[tuple[str, str | None]]:
        rows = await work.tx.all("SELECT * FROM reminders WHERE school_id = :school")
        return [
            (row["lesson_id"], _instant(row["due_at"] * 1_000) if row["due_at"] else None)
            for row in rows
        ]

    return await store.read(unit)


def _row(row: Any) -> Row:
    return Row(
        id=row["id"],
        key=row["dedupe_key"],
        template=row["template"],
        channel=row["channel"],
        recipient=row["recipient"],
        state=row["state"],
        at=_instant(row["not_before"]),
        not_after=_instant(row["not_after"]) if row["not_after"] else None,
        payload=orjson.loads(row["payload"]),
        quiet=orjson.loads(row["quiet"] or "[]"),
    )


def _instant(ms: int) -> str:
    return format_instant(datetime.fromtimestamp(ms / 1_000, UTC))
