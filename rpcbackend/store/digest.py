"""One hash for everything a store holds: equal stores, equal hashes."""

import hashlib
from collections.abc import Iterable

import orjson

from rpcbackend.store.catalog import shapes
from rpcbackend.store.sealed import TABLE as SEALED
from rpcbackend.store.store import Store
from rpcbackend.store.work import Work

# Left out: these tell when and how the file was made and used, not what it holds.
_LEFT_OUT = frozenset(
    {"migrations", "clock", "measurements", "runs", "cached_answers", "unfinished_copies"}
)


async def state_hash(store: Store) -> str:
    """Return the SHA-256 over all tables, each in the order of its key.

    Cost: reads the whole store into memory, a table at a time.
    """

    async def unit(work: Work) -> str:
        digest = hashlib.sha256()
        for shape in sorted(await shapes(work.tx), key=lambda shape: shape.name):
            if shape.name in _LEFT_OUT:
                continue
            key = ", ".join(shape.key)
            digest.update(_line([shape.name]))
            if shape.name == SEALED:
                # The secrets, for no box is like another; they may be under another key.
                for secret in (await work.sealed.all()).items():
                    digest.update(_line(secret))
                continue
            rows = await work.tx.all(
                f"SELECT * FROM {shape.name} WHERE school_id = :school ORDER BY {key}"  # noqa: S608 (our own names)
            )
            for each in rows:
                digest.update(_line(each[name] for name in each.keys()))  # noqa: SIM118 (a row iterates over its values)
        return digest.hexdigest()

    return await store.read(unit)


def _line(values: Iterable[object]) -> bytes:
    texts = [value.hex() if isinstance(value, bytes) else value for value in values]
    return orjson.dumps(texts, option=orjson.OPT_APPEND_NEWLINE)
