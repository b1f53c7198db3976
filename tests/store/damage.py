"""Stores with damaged pages: whole pages, so that an encrypted and a plain one fail alike."""

import asyncio
import random
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import sqlcipher3

from rpcbackend.store import Work
from tests.factories import KEY, an_id, make_branch, make_student, store_in

PAGE = 4_096

LEAF_OF_INDEX = 0x0A
"""The first byte of such a page; our tables without row ids are kept as indexes are."""


async def fill(directory: Path, key: bytes | None, *, students: int = 600) -> None:
    """Make a store: a branch, students, and an event for each of them."""

    async def unit(work: Work) -> None:
        await work.branches.put(make_branch())
        for number in range(students):
            student = make_student(id=an_id("stu", number), given_name=f"Ada {number}")
            await work.students.put(student)
            await work.record("students.created", ("student", student.id, 1), {"n": number})

    async with store_in(directory, key=key) as store:
        await store.write(unit, actor="tests")


async def fill_pages(directory: Path, key: bytes | None, *, length: int = 100) -> None:
    """Make a store of many pages: branches whose addresses have this length."""

    async def unit(work: Work) -> None:
        for number in range(800):
            await work.branches.put(make_branch(id=an_id("bra", number), address="x" * length))

    async with store_in(directory, key=key) as store:
        await store.write(unit, actor="tests")


def damage(directory: Path) -> None:
    """Turn bits over in every page behind the schema's."""
    chance = random.Random(1)  # noqa: S311 (a replayable choice)
    file = directory / "school.db"
    raw = bytearray(file.read_bytes())
    for page in range(pages_of_the_schema() * PAGE, len(raw), PAGE):
        for _ in range(100):
            raw[page + chance.randrange(PAGE)] ^= 0xFF
    file.write_bytes(raw)


@cache
def pages_of_the_schema() -> int:
    """Count the pages of a store that holds nothing yet; an encrypted one has more."""

    async def make(directory: Path) -> None:
        async with store_in(directory, key=KEY):
            pass

    with TemporaryDirectory() as directory, ThreadPoolExecutor() as beside:
        # Whoever asks may be on a loop of his own.
        beside.submit(asyncio.run, make(Path(directory))).result()
        return (Path(directory) / "school.db").stat().st_size // PAGE


def connect(file: Path, key: bytes | None) -> Any:
    """Open a database as any program could."""
    connection = sqlcipher3.connect(file)
    if key is not None:
        connection.execute(f"PRAGMA key = \"x'{key.hex()}'\"")
    return connection


def leaves_with(file: Path, text: bytes) -> list[int]:
    """Return the pages of a plain database that are leaves and hold a text (file format, 1.6)."""
    raw = file.read_bytes()
    pages = range(len(raw) // PAGE)
    return [
        page + 1
        for page in pages
        if raw[page * PAGE] == LEAF_OF_INDEX and text in raw[page * PAGE : (page + 1) * PAGE]
    ]


def rows_of(file: Path, key: bytes | None, table: str) -> set[tuple[Any, ...]]:
    """Return all rows of a table."""
    connection = connect(file, key)
    rows = connection.execute(f"SELECT * FROM {table}").fetchall()  # noqa: S608 (our own name)
    connection.close()
    return {tuple(row) for row in rows}


def spoil(file: Path, pages: Iterable[int]) -> None:
    """Turn every bit of some pages over."""
    raw = bytearray(file.read_bytes())
    for page in pages:
        at = (page - 1) * PAGE
        raw[at : at + PAGE] = bytes(byte ^ 0xFF for byte in raw[at : at + PAGE])
    file.write_bytes(raw)
