"""Which tables a database has, as it says itself."""

from dataclasses import dataclass

from rpcbackend.store.transaction import Dialect, Transaction


@dataclass(frozen=True, slots=True)
class Shape:
    """A table."""

    name: str
    columns: tuple[str, ...]
    key: tuple[str, ...]
    """The columns of its primary key, in their order there."""


# In the order in which they were made: what others refer to comes first.
_COLUMNS: dict[Dialect, str] = {
    "sqlite": """
SELECT tables.name AS name, columns.name AS column_name, columns.pk AS place_in_key
FROM sqlite_schema AS tables, pragma_table_info(tables.name) AS columns
WHERE tables.type = 'table' AND tables.name NOT LIKE 'sqlite!_%' ESCAPE '!'
ORDER BY tables.rowid, columns.cid
""",
    "postgres": """
SELECT tables.relname::text AS name, columns.attname::text AS column_name,
  coalesce(array_position(keys.indkey::int2[], columns.attnum) + 1, 0) AS place_in_key
FROM pg_class AS tables
JOIN pg_attribute AS columns ON columns.attrelid = tables.oid AND columns.attnum > 0
LEFT JOIN pg_index AS keys ON keys.indrelid = tables.oid AND keys.indisprimary
WHERE tables.relkind = 'r' AND tables.relnamespace = current_schema()::regnamespace
  AND NOT columns.attisdropped
ORDER BY tables.oid, columns.attnum
""",
}


async def shapes(tx: Transaction) -> list[Shape]:
    """Return all tables, those that others refer to first."""
    columns: dict[str, list[str]] = {}
    keys: dict[str, list[tuple[int, str]]] = {}
    for name, column, place in await tx.all(_COLUMNS[tx.dialect]):
        columns.setdefault(name, []).append(column)
        keys.setdefault(name, []).extend([(place, column)] if place else [])
    return [
        Shape(name, tuple(columns[name]), tuple(column for _, column in sorted(keys[name])))
        for name in columns
    ]
