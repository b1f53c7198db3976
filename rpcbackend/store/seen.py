"""A table as far as somebody sees it: the filter of rows, in one place for look-ups and lists."""

from typing import Any, Generic, TypeVar

from rpcbackend.errors import NotFoundError
from rpcbackend.schema.base import Encoded, WireModel
from rpcbackend.store.sight import Sight
from rpcbackend.store.table import Table
from rpcbackend.store.transaction import Transaction

EntityT = TypeVar("EntityT", bound=WireModel)


class Seen(Generic[EntityT]):
    """Read a table through a sight; what that hides is not found.

    The condition stands in the statement itself, so a hidden row costs the time of a missing one.

    Args:
        table: What is read.
        instructor: The condition on rows that an instructor sees, over `:seer`, his id.
        student: The condition on rows that a student sees.
    """

    def __init__(self, table: Table[EntityT], *, instructor: str, student: str) -> None:
        self._table = table
        self._instructor, self._student = instructor, student

    def where(self, sight: Sight) -> str:
        """Return the SQL condition, for statements that bind `:seer` themselves."""
        return sight.where(instructor=self._instructor, student=self._student)

    async def require_encoded(
        self, tx: Transaction, sight: Sight, entity_id: str
    ) -> Encoded[EntityT]:
        """Return the entity as wire JSON.

        Raises:
            NotFoundError: There is none with this id, or none that can be seen.
        """
        if sight.is_whole:
            return await self._table.require_encoded(tx, entity_id)
        rows = await self.list_encoded(
            tx, sight, where="id = :id", order="id", limit=1, id=entity_id
        )
        if not rows:
            raise NotFoundError.of(self._table.noun, entity_id)
        return Encoded(rows[0]["json"].encode())

    async def require(self, tx: Transaction, sight: Sight, entity_id: str) -> EntityT:
        """Return the entity; see `require_encoded`."""
        encoded = await self.require_encoded(tx, sight, entity_id)
        return self._table.model.model_validate_json(encoded.json)

    async def list_encoded(
        self,
        tx: Transaction,
        sight: Sight,
        *,
        where: str,
        order: str,
        limit: int,
        **params: Any,
    ) -> list[Any]:
        """Return those of the rows that can be seen; see `Table.list_encoded`."""
        if not sight.is_whole:
            where = f"({where}) AND ({self.where(sight)})"
            params["seer"] = sight.person_id
        return await self._table.list_encoded(tx, where=where, order=order, limit=limit, **params)
