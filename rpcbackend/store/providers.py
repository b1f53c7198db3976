"""The providers as rows; their secrets are sealed, and stand apart."""

from collections.abc import Sequence

from rpcbackend.schema.base import Encoded
from rpcbackend.schema.providers import Provider, ProviderPage
from rpcbackend.store.message import TAG
from rpcbackend.store.sealed import Sealed
from rpcbackend.store.table import Table, page_of
from rpcbackend.store.transaction import Transaction

MOST = 100
"""Providers: a few for each channel."""

_TABLE = Table(Provider, "providers", noun="provider")
_PLACE = ("providers", "secret")
_ORDER = "channel, priority, id"


class Providers:
    """The providers of one school.

    Args:
        tx: The transaction.
        sealed: Where their secrets are.
    """

    def __init__(self, tx: Transaction, sealed: Sealed) -> None:
        self._tx, self._sealed = tx, sealed

    async def require(self, provider_id: str) -> Provider:
        """Return the provider; see `Table.require`."""
        return await _TABLE.require(self._tx, provider_id)

    async def put(self, provider: Provider, secret: str | None = None) -> None:
        """Add the provider, or replace the one with its id.

        Args:
            provider: What to write.
            secret: Takes the place of the present one, which stays if none is given and the
                provider has one all the same.
        """
        self._tx.touched.add(TAG)
        await _TABLE.put(self._tx, provider)
        if secret is not None:
            await self._sealed.put(*_PLACE, provider.id, secret)
            self._note_secret(provider.id)
        elif not provider.has_secret:
            await self._sealed.remove(*_PLACE, provider.id)

    async def remove(self, provider_id: str) -> None:
        """Forget a provider, and its secret for good."""
        self._tx.touched.add(TAG)
        await _TABLE.remove(self._tx, provider_id)
        await self._sealed.remove(*_PLACE, provider_id)

    async def secret_of(self, provider_id: str) -> str | None:
        """Return what the provider knows the school by.

        Raises:
            BoxDamagedError: It cannot be opened any more.
        """
        return await self._sealed.get(*_PLACE, provider_id)

    async def all(self) -> Sequence[Provider]:
        """Return all, by channel and priority."""
        rows = await _TABLE.list_encoded(self._tx, where="true", order=_ORDER, limit=MOST)
        return [Provider.model_validate_json(row["json"]) for row in rows]

    async def list(self) -> Encoded[ProviderPage]:
        """Return the same as JSON."""
        rows = await _TABLE.list_encoded(self._tx, where="true", order=_ORDER, limit=MOST)
        return Encoded(page_of(rows, has_cursor=False))

    def _note_secret(self, provider_id: str) -> None:
        """Note for the audit that it is another one, and nothing of what it is.

        Whoever has the digest of a secret tries guesses on it that nobody counts.
        """
        if self._tx.changes is not None:
            record = ("provider secret", provider_id)
            self._tx.changes.see(record, None)
            self._tx.changes.write(record, f'{{"providerId":"{provider_id}","isChanged":true}}')
