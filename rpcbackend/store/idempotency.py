"""Replies to commands that came with a key, kept in the command's own transaction (rule A2)."""

from dataclasses import dataclass

from rpcbackend.store.transaction import Transaction

KEPT_SECONDS = 72 * 3600
"""Laptops sleep over the weekend, and then their programs retry."""

HELD_SECONDS = 10 * 60
"""A clock is believed to be past the end of a reply when it was so this long ago, and still is."""

FORGOTTEN = 100
"""Replies that one command forgets at most: it adds one, so they become fewer all the same."""

# Clocks are set wrong and right again, and no retry that is under way may lose its reply by that.
# So a reply has ended when another one was kept after its time, at least ten minutes ago: a clock
# that jumps ahead for a minute ends nothing. And none is kept as of a time before the newest one:
# a clock that fell back, to 1970 say, ends nothing when it is right again.
_ENDED = """
SELECT coalesce(max(expires_at) - :kept, 0) FROM idempotency_keys
WHERE school_id = :school AND expires_at <= :now + :kept - :held
"""

_FIND = f"""
SELECT params_sha256, result FROM idempotency_keys
WHERE school_id = :school AND actor = :actor AND channel = :channel AND key = :key
  AND expires_at > ({_ENDED})
"""  # noqa: S608 (our own text)

_FORGET = f"""
DELETE FROM idempotency_keys
WHERE school_id = :school AND (actor, channel, key) IN (
  SELECT actor, channel, key FROM idempotency_keys
  WHERE school_id = :school AND expires_at <= ({_ENDED})
    AND (actor, channel, key) <> (:actor, :channel, :but)
  ORDER BY expires_at LIMIT {FORGOTTEN})
"""  # noqa: S608 (our own text)

# In the place of one that has ended and is not forgotten yet.
_KEEP = """
INSERT INTO idempotency_keys (school_id, actor, channel, key, params_sha256, result, expires_at)
VALUES (:school, :actor, :channel, :key, :sha, :result,
        max(:now + :kept, (SELECT coalesce(max(expires_at), 0)
                           FROM idempotency_keys WHERE school_id = :school)))
ON CONFLICT (school_id, actor, channel, key) DO UPDATE
SET params_sha256 = excluded.params_sha256, result = excluded.result,
    expires_at = excluded.expires_at
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Keyed:
    """What makes two deliveries the same command."""

    actor: str
    channel: str
    key: str
    params_sha256: bytes


@dataclass(frozen=True, slots=True)
class StoredReply:
    """The reply to a command that already ran."""

    params_sha256: bytes
    result: bytes


class IdempotencyKeys:
    """The keys of one school."""

    def __init__(self, tx: Transaction) -> None:
        self._tx = tx

    async def find(self, keyed: Keyed, now_seconds: int) -> StoredReply | None:
        """Return the reply that is kept under the key, if it has not ended."""
        row = await self._tx.one(
            _FIND,
            actor=keyed.actor,
            channel=keyed.channel,
            key=keyed.key,
            **_times(now_seconds),
        )
        return StoredReply(row["params_sha256"], row["result"].encode()) if row else None

    async def keep(self, keyed: Keyed, result: bytes, now_seconds: int) -> None:
        """Keep the reply for 72 hours or longer, and forget some of those that have ended."""
        # But not the one that it takes the place of: the database may do both in one step.
        owner = {"actor": keyed.actor, "channel": keyed.channel}
        await self._tx.later(_FORGET, **_times(now_seconds), **owner, but=keyed.key)
        await self._tx.later(
            _KEEP,
            **owner,
            key=keyed.key,
            sha=keyed.params_sha256,
            result=result.decode(),
            now=now_seconds,
            kept=KEPT_SECONDS,
        )

    async def forget(self, now_seconds: int) -> int:
        """Forget some of the replies that have ended, and count them."""
        return await self._tx.run(_FORGET, **_times(now_seconds), actor="", channel="", but="")


def _times(now_seconds: int) -> dict[str, int]:
    return {"now": now_seconds, "kept": KEPT_SECONDS, "held": HELD_SECONDS}
