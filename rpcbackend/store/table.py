"""One table of entities: get, require and put by id, with the SQL derived from the wire model."""

import math
from collections.abc import Callable
from datetime import date, datetime
from types import NoneType
from typing import Any, Generic, TypeVar

import orjson

from rpcbackend.errors import NotFoundError
from rpcbackend.schema.base import Encoded, WireModel
from rpcbackend.store.json_sql import json_object
from rpcbackend.store.transaction import Transaction

EntityT = TypeVar("EntityT", bound=WireModel)

_INSERT = "INSERT INTO {name} (school_id, {columns}) VALUES (:school, {values})"
_UPSERT = f"{_INSERT} ON CONFLICT (school_id, id) DO UPDATE SET {{changes}}"


class Table(Generic[EntityT]):
    """How an entity stands in the database.

    Args:
        model: The entity.
        name: Of the SQL table; its columns are named like the model's fields.
        noun: What errors call one of them.
        expressions: The SQL of fields that are not a column of their own name.
        more_columns: Further column values of a row, in place of those fields.
    """

    def __init__(
        self,
        model: type[EntityT],
        name: str,
        *,
        noun: str,
        expressions: dict[str, str] | None = None,
        more_columns: Callable[[EntityT], dict[str, Any]] = lambda _: {},
    ) -> None:
        self.model, self.name, self.noun = model, name, noun
        self._expressions = expressions or {}
        self._more_columns = more_columns
        self.json = json_object(model, **self._expressions)
        """The SQL expression that writes a row as the entity's JSON."""
        self._get = f"SELECT {self.json} AS json FROM {name} WHERE school_id = :school AND id = :id"  # noqa: S608 (our own names)
        self._delete = f"DELETE FROM {name} WHERE school_id = :school AND id = :id"  # noqa: S608 (our own names)
        self._statements: dict[tuple[str, ...], str] = {}

    async def get(self, tx: Transaction, entity_id: str) -> EntityT | None:
        """Return the entity, or None."""
        encoded = await self.get_encoded(tx, entity_id)
        return self.model.model_validate_json(encoded.json) if encoded else None

    async def get_encoded(self, tx: Transaction, entity_id: str) -> Encoded[EntityT] | None:
        """Return the entity as wire JSON, or None."""
        row = await tx.one(self._get, id=entity_id)
        if tx.changes is not None:
            tx.changes.see((self.noun, entity_id), row["json"] if row else None)
        return Encoded(row["json"].encode()) if row else None

    async def require(self, tx: Transaction, entity_id: str) -> EntityT:
        """Return the entity.

        Raises:
            NotFoundError: There is none with this id.
        """
        entity = await self.get(tx, entity_id)
        if entity is None:
            raise NotFoundError.of(self.noun, entity_id)
        return entity

    async def require_encoded(self, tx: Transaction, entity_id: str) -> Encoded[EntityT]:
        """Return the entity as wire JSON.

        Raises:
            NotFoundError: There is none with this id.
        """
        encoded = await self.get_encoded(tx, entity_id)
        if encoded is None:
            raise NotFoundError.of(self.noun, entity_id)
        return encoded

    async def put(self, tx: Transaction, entity: EntityT, **more: Any) -> None:
        """Add the entity, or replace the one with its id.

        Args:
            tx: The transaction.
            entity: What to write.
            more: Further columns, which stay as they are when they are not given.
        """
        row = self._row(entity) | more
        if tx.changes is not None and not tx.changes.has_seen((self.noun, row["id"])):
            await self.get_encoded(tx, row["id"])
        await self._write(tx, self._statement(_UPSERT, row), row)

    async def add(self, tx: Transaction, entity: EntityT, **more: Any) -> None:
        """Add an entity whose id was made for it, so that nobody looks for one that has it.

        Raises:
            IntegrityError: There is one all the same.
        """
        row = self._row(entity) | more
        if tx.changes is not None:
            tx.changes.see((self.noun, row["id"]), None)
        await self._write(tx, self._statement(_INSERT, row), row)

    async def remove(self, tx: Transaction, entity_id: str) -> None:
        """Remove the entity with this id, if there is one."""
        if tx.changes is not None and not tx.changes.has_seen((self.noun, entity_id)):
            await self.get_encoded(tx, entity_id)
        tx.touched.update((self.name, f"{self.noun}:{entity_id}"))
        await tx.run(self._delete, id=entity_id)
        if tx.changes is not None:
            tx.changes.write((self.noun, entity_id), None)

    def _row(self, entity: EntityT) -> dict[str, Any]:
        row = to_row(entity) | self._more_columns(entity)
        for name in self._expressions:
            row.pop(name, None)
        return row

    async def _write(self, tx: Transaction, sql: str, row: dict[str, Any]) -> None:
        tx.touched.update((self.name, f"{self.noun}:{row['id']}"))
        if tx.changes is None:
            await tx.run(sql, **row)
            return
        written = await tx.one(f"{sql} RETURNING {self.json} AS json", **row)
        tx.changes.write((self.noun, row["id"]), written["json"] if written else None)

    def _statement(self, form: str, row: dict[str, Any]) -> str:
        key = (form, *row)
        if key not in self._statements:
            # An id is set to what it was.
            self._statements[key] = form.format(
                name=self.name,
                columns=", ".join(row),
                values=", ".join(f":{column}" for column in row),
                changes=", ".join(
                    f"{column} = excluded.{column}" for column in row if column != "id"
                ),
            )
        return self._statements[key]

    async def list_encoded(
        self, tx: Transaction, *, where: str, order: str, limit: int, **params: Any
    ) -> list[Any]:
        """Return rows of `json` and the columns of *order*, at most *limit*.

        Args:
            tx: The transaction.
            where: A condition over the columns.
            order: Column names, separated by commas.
            limit: How many rows at most.
            params: Bound in *where*.
        """
        sql = (
            f"SELECT {self.json} AS json, {order} FROM {self.name}"  # noqa: S608 (our own names)
            f" WHERE school_id = :school AND ({where}) ORDER BY {order} LIMIT :limit"
        )
        return await tx.all(sql, limit=limit, **params)


def page_of(rows: list[Any], *, next_cursor: str | None = None, has_cursor: bool = True) -> bytes:
    """Join rows of `json` to the JSON of a page."""
    items = ",".join(row["json"] for row in rows)
    cursor = f',"nextCursor":{orjson.dumps(next_cursor).decode()}' if has_cursor else ""
    return f'{{"items":[{items}]{cursor}}}'.encode()


_AS_IT_IS = (str, int, NoneType)


def to_row(entity: WireModel) -> dict[str, Any]:
    """Turn an entity into the values of the columns that are named like its fields."""
    return {
        # Most fields go to the database as they are.
        name: value if type(value) in _AS_IT_IS else to_column(value)
        for name, value in entity.__dict__.items()
    }


def to_column(value: Any) -> Any:
    """Turn a field's value into what its column holds."""
    if isinstance(value, datetime):
        return int(value.timestamp())
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, list | dict):
        return orjson.dumps(value).decode()
    if isinstance(value, WireModel):
        return value.model_dump_json()
    return value


def end_to_column(end: datetime | None) -> int | None:
    """Turn the end of a half-open span into whole seconds; what starts before it still does."""
    return None if end is None else math.ceil(end.timestamp())
