"""Bits that turn, ends that are missing, files of others: never a wrong answer from a store.

An encrypted store finds all of it, for every page has a hash of its own. A plain one does not, and
is not promised to: what it does find is told as a figure.
"""

import random
import shutil
from collections import Counter
from collections.abc import Callable
from itertools import islice
from pathlib import Path

import pytest
import sqlcipher3

from rpcbackend.errors import OutcomeUnknownError
from rpcbackend.store import StorageFailedError, Work, WrongKeyError, open_store
from rpcbackend.store.digest import state_hash
from rpcbackend.store.driver import Error
from tests.clauses import clause
from tests.factories import KEY, store_in
from tests.faults.budget import FIGURES, IS_FULL
from tests.faults.deeds import deeds, make_school
from tests.faults.desk import desk_at
from tests.faults.judging import Found, look_through

SEED = 1
FLIPS = 1_000 if IS_FULL else 25
CUTS = 300 if IS_FULL else 10

COMMANDS, FREE_PAGES = 60, 8

TYPED = (WrongKeyError, StorageFailedError, Error, UnicodeDecodeError, OutcomeUnknownError)
"""What opening or reading may end with: the program knows what to do (door.py, sqlite.py)."""


@pytest.fixture
async def closed(folder: Path) -> Path:
    """A store with a school in it, all of it in one file."""
    return await make_closed(folder / "closed", KEY)


@pytest.fixture
async def torn_off(folder: Path) -> Path:
    """A store as it is when its process was killed: the last commands stand in the log."""
    await make_school(folder / "open")
    async with desk_at(folder / "open", lambda _: None) as desk:
        # Fewer than would make the desk fold the log in.
        await desk.send_all(list(islice(deeds(), COMMANDS // 3)), 1)
        shutil.copytree(folder / "open", folder / "torn off")
    return folder / "torn off"


async def make_closed(directory: Path, key: bytes | None) -> Path:
    await make_school(directory, key)
    async with desk_at(directory, lambda _: None, key=key) as desk:
        await desk.send_all(list(islice(deeds(), COMMANDS)), 1)
    async with store_in(directory, key=key) as store:
        await store.write(leave_free_pages, actor="tests")
    return directory


async def leave_free_pages(work: Work) -> None:
    await work.tx.run("CREATE TABLE gone (text TEXT)")
    for _ in range(FREE_PAGES):
        await work.tx.run("INSERT INTO gone VALUES (:text)", text="x" * 4_000)
    await work.tx.run("DROP TABLE gone")


def nobody(done: int, total: int, message: str) -> None:
    """Watch no progress."""


async def how_it_is_found(directory: Path, key: bytes | None, known: str) -> str:
    """Open, read everything and check everything, and say who noticed first; "" if nobody did."""
    try:
        store = await open_store(directory, key=key)
    except TYPED:
        return "refused to open"
    try:
        is_sound = await store.engine.look_through(nobody) == []
        try:
            now = await state_hash(store)
        except TYPED:
            # A plain store has no checksums: a text that is none any more fails whoever reads it.
            assert not is_sound or key is None, "sound, and not readable"
            return "the call that meets it" if is_sound else "deep health"
    finally:
        await store.close()
    if is_sound and key is not None and is_any_page_damaged(directory, key):
        assert now == known, "a wrong read of an encrypted store"
        return "cipher_integrity_check alone"
    if is_sound:
        return "" if now == known else "a wrong read"
    assert now == known or key is None, "a wrong read of an encrypted store"
    return "deep health"


def is_any_page_damaged(directory: Path, key: bytes) -> bool:
    database = sqlcipher3.connect(directory / "school.db")
    try:
        database.execute(f"PRAGMA key = \"x'{key.hex()}'\"")
        return bool(database.execute("PRAGMA cipher_integrity_check").fetchall())
    finally:
        database.close()


async def hash_of(directory: Path, key: bytes | None) -> str:
    store = await open_store(directory, key=key)
    try:
        return await state_hash(store)
    finally:
        await store.close()


def copy_of(directory: Path) -> Path:
    copy = directory.with_name("copy")
    shutil.rmtree(copy, ignore_errors=True)
    return shutil.copytree(directory, copy)


def flip(path: Path, chance: random.Random) -> str:
    """Turn one bit of a file, and say which."""
    content = bytearray(path.read_bytes())
    at, bit = chance.randrange(len(content)), chance.randrange(8)
    content[at] ^= 1 << bit
    path.write_bytes(content)
    return f"seed {SEED}, byte {at} of {path.name}, bit {bit}"


def cut(path: Path, chance: random.Random) -> str:
    """Cut a file short, and say where."""
    size = path.stat().st_size
    page = 4096
    # Half of them where a page ends: nothing looks torn.
    left = (
        chance.randrange(size) if chance.random() < 0.5 else chance.randrange(size // page) * page
    )
    with path.open("r+b") as file:
        file.truncate(left)
    return f"seed {SEED}, {path.name} cut to {left} of {size}"


Damage = Callable[[Path, random.Random], str]


async def find_all(directory: Path, key: bytes | None, damage: Damage, times: int) -> Counter[str]:
    """Damage the database of a closed store, again and again, and count who noticed."""
    known = await hash_of(directory, key)
    chance = random.Random(SEED)  # noqa: S311 (a replayable choice)
    found: Counter[str] = Counter()
    for _ in range(times):
        copy = copy_of(directory)
        what = damage(copy / "school.db", chance)
        try:
            found[await how_it_is_found(copy, key, known) or "nobody"] += 1
        except Exception as failed:
            failed.add_note(what)
            raise
    return found


@clause("damage-found")
@pytest.mark.parametrize(("damage", "times"), [(flip, FLIPS), (cut, CUTS)], ids=["flip", "cut"])
async def test_damage_to_an_encrypted_store_is_always_found_and_never_read(
    closed: Path, damage: Damage, times: int
) -> None:
    found = await find_all(closed, KEY, damage, times)

    FIGURES.tell(f"damage to an encrypted store, {damage.__name__}", tried=times, **found)
    assert found["nobody"] + found["a wrong read"] == 0, found


async def test_damage_to_a_plain_store_ends_nothing_but_the_call_that_meets_it(
    folder: Path,
) -> None:
    plain = await make_closed(folder / "plain", None)

    found = await find_all(plain, None, flip, FLIPS)

    FIGURES.tell("damage to a plain store, flip", tried=FLIPS, **found)
    assert found.total() == FLIPS


@clause("damaged-log-is-cut")
@pytest.mark.parametrize(("damage", "times"), [(flip, FLIPS), (cut, CUTS)], ids=["flip", "cut"])
async def test_a_damaged_log_is_read_up_to_the_damage_and_never_wrong(
    torn_off: Path, damage: Damage, times: int
) -> None:
    final = await look_through(copy_of(torn_off), KEY)
    chance = random.Random(SEED)  # noqa: S311 (a replayable choice)
    left: Counter[str] = Counter()

    for _ in range(times):
        copy = copy_of(torn_off)
        what = damage(copy / "school.db-wal", chance)
        found = await look_through(copy, KEY)
        assert is_beginning(found, final), what
        left["all of it" if found == final else "its beginning"] += 1

    FIGURES.tell(f"damage to a log, {damage.__name__}", tried=times, **left)
    assert left["its beginning"] > 0


def is_beginning(found: Found, final: Found) -> bool:
    """Tell whether what is there is what was there after some commit."""
    return (
        found.events == final.events[: len(found.events)]
        and found.results.items() <= final.results.items()
    )


@clause("damage-found")
async def test_the_log_of_another_store_is_found_and_never_read(
    torn_off: Path, folder: Path
) -> None:
    await make_school(folder / "other")
    known = await hash_of(folder / "other", KEY)

    shutil.copy(torn_off / "school.db-wal", folder / "other" / "school.db-wal")

    assert await how_it_is_found(folder / "other", KEY, known) in ("refused to open", "deep health")
