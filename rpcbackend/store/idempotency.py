"""Replies to commands that came with a key, kept in the command's own transaction (rule A2)."""

from dataclasses import dataclass

from rpcbackend.store.transaction import Transaction

KEPT_SECONDS = 72 * 3600
"""Laptops sleep over the weekend, and then their programs retry."""


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
        """Return the reply that is kept under the key, if it has not expired."""
        row = await self._tx.one(
            "SELECT params_sha256, result FROM idempotency_keys WHERE school_id = :school"
            " AND actor = :actor AND channel = :channel AND key = :key AND expires_at > :now",
            actor=keyed.actor,
            channel=keyed.channel,
            key=keyed.key,
            now=now_seconds,
        )
        return StoredReply(row["params_sha256"], row["result"].encode()) if row else None

    async def keep(self, keyed: Keyed, result: bytes, now_seconds: int) -> None:
        """Keep the reply, and forget those that have expired."""
        await self._tx.run(
            "DELETE FROM idempotency_keys WHERE school_id = :school AND expires_at <= :now",
            now=now_seconds,
        )
        await self._tx.run(
            "INSERT INTO idempotency_keys"
            " (school_id, actor, channel, key, params_sha256, result, expires_at)"
            " VALUES (:school, :actor, :channel, :key, :sha, :result, :expires_at)",
            actor=keyed.actor,
            channel=keyed.channel,
            key=keyed.key,
            sha=keyed.params_sha256,
            result=result.decode(),
            expires_at=now_seconds + KEPT_SECONDS,
        )
