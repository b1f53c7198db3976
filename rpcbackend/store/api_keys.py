"""The API keys as rows; of the secrets only hashes."""

from datetime import UTC, datetime
from typing import NamedTuple

from rpcbackend.schema.apikeys import ApiKey, ApiKeyPage
from rpcbackend.schema.base import Encoded
from rpcbackend.store.table import Table, page_of
from rpcbackend.store.transaction import Transaction

MOST = 1_000

_TABLE = Table(ApiKey, "api_keys", noun="API key")


class StoredApiKey(NamedTuple):
    """A key and the hash of its secret."""

    key: ApiKey
    secret_sha256: bytes


class ApiKeys:
    """The API keys of one school."""

    def __init__(self, tx: Transaction) -> None:
        self._tx = tx

    async def get(self, key_id: str) -> StoredApiKey | None:
        """Return the key with the hash of its secret, or None."""
        key = await _TABLE.get(self._tx, key_id)
        row = await self._tx.one(
            "SELECT secret_sha256 FROM api_keys WHERE school_id = :school AND id = :id", id=key_id
        )
        return StoredApiKey(key, row["secret_sha256"]) if key and row else None

    async def require(self, key_id: str) -> ApiKey:
        """Return the key; see `Table.require`."""
        return await _TABLE.require(self._tx, key_id)

    async def add(self, key: ApiKey, secret_sha256: bytes) -> None:
        """Add a key, or replace the one with its id."""
        self._tx.access_changed = True
        await _TABLE.put(self._tx, key, secret_sha256=secret_sha256)

    async def revoke(self, key_id: str, now_seconds: int) -> None:
        """Let the key open nothing from now on."""
        stored = await self.get(key_id)
        if stored is not None:
            revoked_at = datetime.fromtimestamp(now_seconds, UTC)
            await self.add(
                stored.key.model_copy(update={"revoked_at": revoked_at}), stored.secret_sha256
            )

    async def touch(self, key_id: str, now_seconds: int) -> None:
        """Note that it was used."""
        await self._tx.run(
            "UPDATE api_keys SET last_used_at = :now WHERE school_id = :school AND id = :id",
            id=key_id,
            now=now_seconds,
        )

    async def live_of(self, user_id: str) -> list[str]:
        """Return the ids of the user's keys that are not revoked."""
        rows = await self._tx.all(
            "SELECT id FROM api_keys"
            " WHERE school_id = :school AND user_id = :user AND revoked_at IS NULL ORDER BY id",
            user=user_id,
        )
        return [row["id"] for row in rows]

    async def list(self) -> Encoded[ApiKeyPage]:
        """Return all, the newest first."""
        rows = await _TABLE.list_encoded(
            self._tx, where="true", order="created_at DESC, id", limit=MOST
        )
        return Encoded(page_of(rows, has_cursor=False))
