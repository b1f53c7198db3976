"""The webhooks as rows: where events go, how far each has come, and what was delivered."""

from collections.abc import Sequence
from typing import NamedTuple

import orjson

from rpcbackend.schema.base import Encoded
from rpcbackend.schema.webhooks import ListWebhooks, Webhook, WebhookPage
from rpcbackend.store.sealed import Sealed
from rpcbackend.store.table import Table
from rpcbackend.store.transaction import Transaction

MOST = 100
"""Webhooks of one school: each costs every event a look."""

MOST_DUE = 100
"""Messages of one webhook that are due: more are made when these are gone, or wait for a try."""

OLD_SECRET_SECONDS = 24 * 3600
"""How long the secret before the present one signs as well: receivers change theirs by hand."""

TAG = "webhooks"
"""Touched by whoever changes a webhook."""

_TABLE = Table(Webhook, TAG, noun="webhook")

_SECRET, _OLD_SECRET = ("webhooks", "secret"), ("webhooks", "old_secret")

_STAMP = "strftime('%Y-%m-%dT%H:%M:%fZ', {} / 1000.0, 'unixepoch')"
_DELIVERY = f"""json_object('messageId', id, 'seq', CAST(payload ->> 'seq' AS INTEGER),
  'type', template, 'state', state, 'attempts', attempts, 'lastError', failure,
  'queuedAt', {_STAMP.format("created_at")}, 'endedAt', {_STAMP.format("ended_at")})"""

DELIVERIES = f"""
SELECT {_DELIVERY} AS json FROM outbox INDEXED BY outbox_of_webhooks
WHERE school_id = :school AND channel = 'webhook' AND recipient = :webhook
ORDER BY id DESC LIMIT :limit
"""  # noqa: S608 (our own text)

# Also what was given up: somebody may let it be tried again.
CANCEL = """
UPDATE outbox INDEXED BY outbox_of_webhooks SET state = 'cancelled', ended_at = :now
WHERE school_id = :school AND channel = 'webhook' AND recipient = :webhook
  AND state IN ('queued', 'failed')
"""
WITHDRAW = """
UPDATE outbox INDEXED BY outbox_of_webhooks SET is_withdrawn = 1
WHERE school_id = :school AND channel = 'webhook' AND recipient = :webhook AND state = 'sending'
"""


CROWDED = """
SELECT recipient FROM outbox
WHERE school_id = :school AND channel = 'webhook' AND state = 'queued' AND not_before <= :now
GROUP BY recipient HAVING count(*) >= :most
"""


class Awaiting(NamedTuple):
    """An active webhook and what it has not been given yet."""

    id: str
    types: Sequence[str]
    seq: int
    """The last event of the stream that was looked at for it."""


class Webhooks:
    """The webhooks of one school.

    Args:
        tx: The transaction.
        now_ms: When it runs.
        sealed: Where their secrets are.
    """

    def __init__(self, tx: Transaction, now_ms: int, sealed: Sealed) -> None:
        self._tx, self._now_ms, self._sealed = tx, now_ms, sealed

    async def get(self, webhook_id: str) -> Webhook | None:
        """Return the webhook, or None."""
        return await _TABLE.get(self._tx, webhook_id)

    async def require(self, webhook_id: str) -> Webhook:
        """Return the webhook; see `Table.require`."""
        return await _TABLE.require(self._tx, webhook_id)

    async def count(self) -> int:
        """Return how many there are."""
        row = await self._tx.one("SELECT count(*) FROM webhooks WHERE school_id = :school")
        return int(row[0]) if row else 0

    async def put(self, webhook: Webhook, *, after_seq: int | None, secret: str | None) -> None:
        """Add the webhook, or replace the one with its id.

        Args:
            webhook: What to write.
            after_seq: It is given what comes after this event; None lets it go on as before.
            secret: Takes the place of the present one, which signs for a day more.
        """
        more = {"seq": after_seq} if after_seq is not None else {}
        await _TABLE.put(self._tx, webhook, **more)
        if secret is None:
            return
        before = await self._sealed.get(*_SECRET, webhook.id)
        if before is not None:
            await self._sealed.put(*_OLD_SECRET, webhook.id, before)
        await self._sealed.put(*_SECRET, webhook.id, secret)

    async def remove(self, webhook_id: str) -> None:
        """Forget a webhook and its secrets for good, and send it nothing more."""
        await _TABLE.remove(self._tx, webhook_id)
        for place in (_SECRET, _OLD_SECRET):
            await self._sealed.remove(*place, webhook_id)
        await self._tx.run(WITHDRAW, webhook=webhook_id)
        await self._tx.run(CANCEL, webhook=webhook_id, now=self._now_ms)

    async def secrets(self, webhook: Webhook) -> tuple[str, ...]:
        """Return what signs now, the present one first."""
        places = [_SECRET]
        if (
            self._now_ms
            < webhook.secret_changed_at.timestamp() * 1_000 + OLD_SECRET_SECONDS * 1_000
        ):
            places.append(_OLD_SECRET)
        found = [await self._sealed.get(*place, webhook.id) for place in places]
        return tuple(secret for secret in found if secret is not None)

    async def list(self, wanted: ListWebhooks) -> Encoded[WebhookPage]:
        """Return all, or the one that is wanted, with the last that went to each."""
        rows = await _TABLE.list_encoded(
            self._tx,
            where="id = :id" if wanted.webhook_id else "true",
            order="id",
            limit=MOST,
            **({"id": wanted.webhook_id} if wanted.webhook_id else {}),
        )
        items = []
        for row in rows:
            deliveries = await self._tx.all(DELIVERIES, webhook=row["id"], limit=wanted.deliveries)
            listed = ",".join(each["json"] for each in deliveries)
            items.append(f'{{"webhook":{row["json"]},"deliveries":[{listed}]}}')
        return Encoded(f'{{"items":[{",".join(items)}]}}'.encode())

    # For whoever gives events to them

    async def awaiting(self) -> Sequence[Awaiting]:
        """Return those that are active."""
        rows = await self._tx.all(
            "SELECT id, types, seq FROM webhooks"
            " WHERE school_id = :school AND is_active = 1 ORDER BY id"
        )
        return [Awaiting(row["id"], orjson.loads(row["types"]), row["seq"]) for row in rows]

    async def crowded(self) -> set[str]:
        """Return those of which so many messages are due that no more are made for now."""
        rows = await self._tx.all(CROWDED, now=self._now_ms, most=MOST_DUE)
        return {row["recipient"] for row in rows}

    async def advance(self, webhook_id: str, seq: int) -> None:
        """Note how far in the stream a webhook has come."""
        await self._tx.run(
            "UPDATE webhooks SET seq = :seq WHERE school_id = :school AND id = :id",
            id=webhook_id,
            seq=seq,
        )
