"""The sealed secrets as rows."""

from collections.abc import Callable, Mapping
from contextlib import suppress

from rpcbackend.store.sealing import BoxDamagedError, BoxKey, place_of
from rpcbackend.store.transaction import Transaction

TABLE = "sealed"

_PUT = """
INSERT INTO sealed (school_id, place, key_mark, box) VALUES (:school, :place, :mark, :box)
ON CONFLICT (school_id, place, key_mark) DO UPDATE SET box = excluded.box
"""

_REMOVE = "DELETE FROM sealed WHERE school_id = :school AND place = :place"

_ALL = """
SELECT place, box FROM sealed WHERE school_id = :school AND key_mark = :mark ORDER BY place
"""


class Sealed:
    """The secrets of one school, each in its place: a table, a column, and the id of a row.

    Args:
        tx: The transaction.
        key: Returns the store's key.
    """

    def __init__(self, tx: Transaction, key: Callable[[], bytes | None]) -> None:
        self._tx, self._key = tx, key

    async def get(self, table: str, column: str, row_id: str) -> str | None:
        """Return the secret, or None.

        Raises:
            BoxDamagedError: It is not what was put there.
        """
        key, place = BoxKey(self._key()), place_of(table, column, row_id)
        row = await self._tx.one(
            "SELECT box FROM sealed"
            " WHERE school_id = :school AND place = :place AND key_mark = :mark",
            place=place,
            mark=key.mark,
        )
        return key.open(place, row["box"]) if row else None

    async def all(self) -> dict[str, str]:
        """Return all secrets by their places; what was damaged opens under no key."""
        key, found = BoxKey(self._key()), dict[str, str]()
        for row in await self._tx.all(_ALL, mark=key.mark):
            with suppress(BoxDamagedError):
                found[row["place"]] = key.open(row["place"], row["box"])
        return found

    async def put(self, table: str, column: str, row_id: str, secret: str) -> None:
        """Keep a secret, in the place of the one before."""
        await self.put_all({place_of(table, column, row_id): secret})

    async def put_all(self, by_place: Mapping[str, str]) -> None:
        """Keep secrets, each in the place of the one before."""
        key = BoxKey(self._key())
        for place, secret in by_place.items():
            await self._tx.run(_REMOVE, place=place)
            await self._tx.run(_PUT, place=place, mark=key.mark, box=key.seal(place, secret))

    async def remove(self, table: str, column: str, row_id: str) -> None:
        """Keep no secret there."""
        await self._tx.run(_REMOVE, place=place_of(table, column, row_id))
