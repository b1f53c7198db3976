"""What a restore must not hand on again: events of the backup that a webhook was given since."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import orjson

from rpcbackend.store.settled import COLUMNS, add_again
from rpcbackend.store.still import reader_of
from rpcbackend.store.transaction import Report
from rpcbackend.store.work import Work

FIRST_VERSION = 14
"""Of the schema, from which on all of `COLUMNS` are there."""

Handed = Mapping[str, Any]
"""A row of the outbox, with the id of its event, and the number, in the place of the event."""

_COLUMNS = COLUMNS.replace("payload", "payload ->> 'id' AS event_id, payload ->> 'seq' AS seq")

# What waits and was never tried is handed on anew. What was cancelled went to a webhook that was
# removed since, and is there again.
_TRIED = f"""
SELECT {_COLUMNS} FROM outbox
WHERE channel = 'webhook' AND payload ->> 'seq' IS NOT NULL
  AND state <> 'cancelled' AND (attempts > 0 OR lease > 0) ORDER BY id
"""  # noqa: S608 (our own columns)


def handed_in(path: Path, key: bytes | None) -> Callable[[Report], Sequence[Handed]]:
    """Return what reads those that were tried, or came to their end, from a still database."""
    return reader_of(path, key, _look, "what webhooks were given")


def _look(connection: Any, version: int) -> Sequence[Handed]:
    if version < FIRST_VERSION:
        return []
    return [dict(row) for row in connection.execute(_TRIED).fetchall()]


async def hand_on_once(work: Work, handed: Sequence[Handed]) -> None:
    """Let webhooks of a restored store get under one id what of its stream lies before them.

    The message is there again, as it was, and its key keeps the event from being queued anew. The
    numbers of events go back in a restore: what is another event by now is another matter.
    """
    places = {webhook.id: webhook.seq for webhook in await work.webhooks.awaiting()}
    for message in handed:
        place, seq = places.get(message["recipient"]), int(message["seq"])
        if place is None or seq <= place:
            continue
        _, page = await work.events.page_after(seq - 1, (), 1)
        event = orjson.loads(page[0].json) if page else {}
        if (event.get("seq"), event.get("id")) == (seq, message["event_id"]):
            await add_again(work, {**message, "payload": orjson.dumps(event).decode()})
