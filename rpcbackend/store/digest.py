"""One hash for everything a store holds: equal stores, equal hashes."""

import hashlib
from collections.abc import Iterable

import orjson

from rpcbackend.store.store import Store
from rpcbackend.store.work import Work

# Left out: these tell when and how the file was made and used, not what it holds.
_TABLES = """
SELECT name FROM sqlite_schema
WHERE type = 'table' AND name NOT LIKE 'sqlite_%'
  AND name NOT IN ('migrations', 'clock', 'measurements', 'runs', 'cached_answers')
ORDER BY name
"""

_KEY = "SELECT name FROM pragma_table_info(:table) WHERE pk > 0 ORDER BY pk"


async def state_hash(store: Store) -> str:
    """Return the SHA-256 over all tables, each in the order of its key.

    Cost: reads the whole store into memory, a table at a time.
    """

    async def unit(work: Work) -> str:
        digest = hashlib.sha256()
        for row in await work.tx.all(_TABLES):
            table = row["name"]
            key = ", ".join(column["name"] for column in await work.tx.all(_KEY, table=table))
            digest.update(_line([table]))
            rows = await work.tx.all(
                f"SELECT * FROM {table} WHERE school_id = :school ORDER BY {key}"  # noqa: S608 (our own names)
            )
            for each in rows:
                digest.update(_line(each[name] for name in each.keys()))  # noqa: SIM118 (a row iterates over its values)
        return digest.hexdigest()

    return await store.read(unit)


def _line(values: Iterable[object]) -> bytes:
    texts = [value.hex() if isinstance(value, bytes) else value for value in values]
    return orjson.dumps(texts, option=orjson.OPT_APPEND_NEWLINE)
