"""The sealed secrets as rows."""

from collections.abc import Callable

from rpcbackend.store.sealing import BoxKey, place_of
from rpcbackend.store.transaction import Transaction

_PUT = """
INSERT INTO sealed (school_id, place, key_mark, box) VALUES (:school, :place, :mark, :box)
ON CONFLICT (school_id, place, key_mark) DO UPDATE SET box = excluded.box
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

    async def put(self, table: str, column: str, row_id: str, secret: str) -> None:
        """Keep a secret, in the place of the one before."""
        await self.remove(table, column, row_id)
        key, place = BoxKey(self._key()), place_of(table, column, row_id)
        await self._tx.run(_PUT, place=place, mark=key.mark, box=key.seal(place, secret))

    async def remove(self, table: str, column: str, row_id: str) -> None:
        """Keep no secret there."""
        await self._tx.run(
            "DELETE FROM sealed WHERE school_id = :school AND place = :place",
            place=place_of(table, column, row_id),
        )
