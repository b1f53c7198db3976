"""Move a school from one database to another, of whatever engine: row by row, and then proved.

A copy that was cut short goes on where it was. Until it is whole the target is marked as
unfinished, and nothing serves it.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

from rpcbackend.store.catalog import Shape, shapes
from rpcbackend.store.checks import Finding
from rpcbackend.store.digest import state_hash
from rpcbackend.store.sealed import TABLE as SEALED
from rpcbackend.store.store import Store
from rpcbackend.store.transaction import Report, Transaction
from rpcbackend.store.work import Work

ROWS = 50
"""Rows in one statement: a statement has some thousand parameters at most."""

STATEMENTS = 10
"""Statements in one transaction."""

AWAKE_SECONDS = 2.0
"""A server ends a transaction in which nothing happens for five seconds."""

# What a process notes for itself, and what is no school's.
_LEFT_OUT = frozenset({"cached_answers", "migrations", "unfinished_copies"})

_REMOVE = "DELETE FROM {table} WHERE school_id = :school"

_DOWN_AND_UP = ("DISABLE", "ENABLE")

_TRIGGERS = """
SELECT 'DROP TRIGGER ' || name, sql FROM sqlite_schema
WHERE type = 'trigger' AND tbl_name = :table
"""


class CopyFailedError(Exception):
    """The copy is not what it was made from, or cannot be begun; the source is as it was."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Copied:
    """What was copied, and is the same on both sides."""

    tables: int
    rows: int
    state: str
    """The hash of all of it, see `state_hash`."""


async def copy(source: Store, target: Store, report: Report, *, is_anew: bool = False) -> Copied:
    """Copy a school, or go on with it, and look whether both sides hold the same.

    Args:
        source: Nobody else writes to it meanwhile; see `standing_still`.
        target: Empty, or what an earlier copy of the same state left.
        report: Told how far it is, in rows.
        is_anew: Whether what an earlier copy left is removed first.

    Raises:
        CopyFailedError: There is another school in the target, or a copy of another state; or the
            two are not the same in the end.
    """
    tables = [each for each in await _shapes_of(source) if each.name not in _LEFT_OUT]
    if tables != [each for each in await _shapes_of(target) if each.name not in _LEFT_OUT]:
        raise CopyFailedError("the two databases have not the same tables")
    await _begin(source, target, tables, is_anew=is_anew)
    counts = {shape.name: await _count(source, shape) for shape in tables}
    total, done = sum(counts.values()), 0
    for shape in tables:
        report(done, 2 * total, f"copying {shape.name}")
        copy_table = _copy_secrets if shape.name == SEALED else _copy_table
        await copy_table(source, target, shape)
        done += counts[shape.name]
    for shape in tables:
        report(done, 2 * total, f"comparing {shape.name}")
        compare = _compare_secrets if shape.name == SEALED else _compare
        await compare(source, target, shape)
        done += counts[shape.name]
    state = await _prove(source, target)
    await target.write(partial(_finish, tables), actor="copy")
    return Copied(tables=len(tables), rows=total, state=state)


@asynccontextmanager
async def standing_still(store: Store) -> AsyncIterator[None]:
    """Let nobody write to a school that a server keeps; a file has its directory's lock."""
    if store.engine.name == "sqlite":
        yield
        return
    begun, is_over = asyncio.Event(), asyncio.Event()

    async def hold(work: Work) -> None:
        begun.set()
        while not is_over.is_set():
            await work.tx.one("SELECT 1")
            try:
                async with asyncio.timeout(AWAKE_SECONDS):
                    await is_over.wait()
            except TimeoutError:
                continue

    holding = asyncio.create_task(store.write(hold, actor="copy", keep=False))
    holding.add_done_callback(lambda _: begun.set())
    await begun.wait()
    try:
        if not holding.done():
            yield
    finally:
        is_over.set()
        # Whatever ended it too early let others write.
        await holding


async def _shapes_of(store: Store) -> list[Shape]:
    return await store.read(lambda work: shapes(work.tx))


async def _begin(source: Store, target: Store, tables: Sequence[Shape], *, is_anew: bool) -> None:
    state = f"{source.head_seq}.{source.audit_head.seq}.{source.audit_head.hash.hex()}"

    async def unit(work: Work) -> str:
        mark = await work.tx.one("SELECT source FROM unfinished_copies WHERE school_id = :school")
        if mark is None:
            if [each.name for each in tables if await _has_rows(work.tx, each)]:
                return "there is a school in the target already"
        elif is_anew:
            for shape in reversed(tables):
                async with _unguarded(work.tx, shape):
                    await work.tx.run(_REMOVE.format(table=shape.name))
        elif mark["source"] != state:
            return "the source was written to since the copy was begun; begin it anew"
        await work.tx.run(
            "INSERT INTO unfinished_copies (school_id, source) VALUES (:school, :source)"
            " ON CONFLICT (school_id) DO UPDATE SET source = excluded.source",
            source=state,
        )
        return ""

    refusal = await target.write(unit, actor="copy")
    if refusal:
        raise CopyFailedError(refusal)


async def _has_rows(tx: Transaction, shape: Shape) -> bool:
    some = f"SELECT 1 FROM {shape.name} WHERE school_id = :school LIMIT 1"  # noqa: S608 (our own names)
    return await tx.one(some) is not None


async def _count(store: Store, shape: Shape) -> int:
    sql = f"SELECT count(*) FROM {shape.name} WHERE school_id = :school"  # noqa: S608 (our own names)
    row = await store.read(lambda work: work.tx.one(sql))
    return int(row[0]) if row else 0


async def _copy_table(source: Store, target: Store, shape: Shape) -> None:
    after = await target.read(lambda work: _last_key(work.tx, shape))
    while rows := await _page(source, shape, after, ROWS * STATEMENTS):
        await target.write(lambda work, rows=rows: _insert(work.tx, shape, rows), actor="copy")  # type: ignore[misc]  # mypy infers no default
        after = _key_of(shape, rows[-1])


async def _copy_secrets(source: Store, target: Store, _shape: Shape) -> None:
    """Seal each secret anew: the target has another key, or none, and opens no box of another."""
    secrets = await source.read(lambda work: work.sealed.all())
    await target.write(lambda work: work.sealed.put_all(secrets), actor="copy")


async def _last_key(tx: Transaction, shape: Shape) -> tuple[Any, ...] | None:
    key = ", ".join(shape.key)
    order = ", ".join(f"{name} DESC" for name in shape.key)
    sql = f"SELECT {key} FROM {shape.name} WHERE school_id = :school ORDER BY {order} LIMIT 1"  # noqa: S608 (our own names)
    row = await tx.one(sql)
    return tuple(row)[1:] if row is not None else None


def _key_of(shape: Shape, row: Sequence[Any]) -> tuple[Any, ...]:
    return tuple(row[shape.columns.index(name)] for name in shape.key[1:])


async def _page(
    store: Store, shape: Shape, after: tuple[Any, ...] | None, limit: int
) -> list[tuple[Any, ...]]:
    """Return rows in the order of the key, which begins with the school."""
    key = shape.key[1:]
    if after is not None and not key:
        # The only row of its table.
        return []
    behind = "true"
    params = {}
    if after is not None:
        params = {f"after_{number}": value for number, value in enumerate(after)}
        behind = f"({', '.join(key)}) > ({', '.join(f':{name}' for name in params)})"
    sql = (
        f"SELECT {', '.join(shape.columns)} FROM {shape.name}"  # noqa: S608 (our own names)
        f" WHERE school_id = :school AND {behind} ORDER BY {', '.join(shape.key)} LIMIT :limit"
    )
    rows = await store.read(lambda work: work.tx.all(sql, limit=limit, **params))
    return [tuple(row) for row in rows]


async def _insert(tx: Transaction, shape: Shape, rows: Sequence[Sequence[Any]]) -> None:
    async with _unguarded(tx, shape):
        for start in range(0, len(rows), ROWS):
            some = rows[start : start + ROWS]
            sql = f"INSERT INTO {shape.name} ({', '.join(shape.columns)}) VALUES "  # noqa: S608 (our own names)
            marks = [
                ", ".join(_mark(column, number) for column in shape.columns)
                for number in range(len(some))
            ]
            params = {
                _mark(column, number)[1:]: value
                for number, row in enumerate(some)
                for column, value in zip(shape.columns, row, strict=True)
                if column != "school_id"
            }
            sql += ", ".join(f"({each})" for each in marks)
            await tx.run(sql, **params)


def _mark(column: str, number: int) -> str:
    return ":school" if column == "school_id" else f":{column}_{number}"


@asynccontextmanager
async def _unguarded(tx: Transaction, shape: Shape) -> AsyncIterator[None]:
    """Take down what guards the ways of a table, for rows that have come by them already.

    What guards its rows stays up: keys, references, and the spans of busy time on a server.
    """
    if tx.dialect == "postgres":
        down, up = (f"ALTER TABLE {shape.name} {each} TRIGGER USER" for each in _DOWN_AND_UP)
        await tx.run(down)
        yield
        await tx.run(up)
        return
    triggers = await tx.all(_TRIGGERS, table=shape.name)
    for down, _ in triggers:
        await tx.run(down)
    yield
    for _, up in triggers:
        await tx.run(up)


async def _compare(source: Store, target: Store, shape: Shape) -> None:
    after: tuple[Any, ...] | None = None
    while True:
        rows = await _page(source, shape, after, ROWS * STATEMENTS)
        copies = await _page(target, shape, after, ROWS * STATEMENTS)
        if rows != copies:
            raise CopyFailedError(f"{shape.name} is not the same on both sides; begin anew")
        if not rows:
            return
        after = _key_of(shape, rows[-1])


async def _compare_secrets(source: Store, target: Store, shape: Shape) -> None:
    secrets, copies = [
        await store.read(lambda work: work.sealed.all()) for store in (source, target)
    ]
    if secrets != copies:
        raise CopyFailedError(f"{shape.name} is not the same on both sides; begin anew")


async def _prove(source: Store, target: Store) -> str:
    """Return the state of both, once everything about the target is right."""
    state = await state_hash(source)
    if await state_hash(target) != state:
        raise CopyFailedError("the two databases do not hold the same")
    known = {finding.text for finding in await _findings(source)}
    found = [each.text for each in await _findings(target) if each.text not in known]
    if found:
        raise CopyFailedError("; ".join(found))
    return state


async def _findings(store: Store) -> list[Finding]:
    return await store.engine.look_through(lambda *_: None)


async def _finish(tables: Sequence[Shape], work: Work) -> None:
    if work.tx.dialect == "postgres":
        # Without figures about its tables a server takes each for nearly empty, and looks through
        # the whole school where an index is meant. By itself it counts within a minute or so.
        count_rows = f"ANALYZE {', '.join(shape.name for shape in tables)}"
        await work.tx.run(count_rows)
    await work.tx.run("DELETE FROM unfinished_copies WHERE school_id = :school")
