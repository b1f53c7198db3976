"""Connections, keys, and what the driver's errors mean."""

import asyncio
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import sqlcipher3

from rpcbackend.errors import OverloadedError
from rpcbackend.store import Store, Work, WrongKeyError, open_store
from rpcbackend.store.driver import PLAIN_HEADER, StorageFailedError, connect, is_poison
from tests.clauses import clause
from tests.factories import KEY, add_all, an_id, make_student, store_in

NAMES = ("Xanthippe", "Wolkenstein", "wolkenstein", "xanthippe@example.org", "+499876543")


async def add_names(store: Store) -> None:
    """Store names that are found nowhere by chance."""

    async def unit(work: Work) -> None:
        student = make_student(
            id=an_id("stu", 7),
            given_name="Xanthippe",
            family_name="Wolkenstein",
            email="xanthippe@example.org",
            phone="+499876543",
        )
        await work.students.put(student)
        await work.record("students.created", ("student", student.id, 1), {})

    await add_all(store)
    await store.write(unit, actor="tests")


def contents_of(directory: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in directory.iterdir()}


def found_in(directory: Path) -> set[str]:
    everything = b"".join(contents_of(directory).values())
    return {name for name in NAMES if name.encode() in everything}


async def test_names_are_found_in_no_file_of_an_encrypted_store(tmp_path: Path) -> None:
    async with store_in(tmp_path, key=KEY) as store:
        await add_names(store)

        assert set(contents_of(tmp_path)) == {
            "school.db",
            "school.db-wal",
            "school.db-shm",
            "school.made",
        }
        assert found_in(tmp_path) == set()

    assert set(contents_of(tmp_path)) == {"school.db", "school.made"}
    assert found_in(tmp_path) == set()


async def test_names_are_found_in_a_plain_store(tmp_path: Path) -> None:
    """Proves that the test before this one looks for what would be there."""
    async with store_in(tmp_path) as store:
        await add_names(store)

        assert found_in(tmp_path) == set(NAMES)


@pytest.mark.parametrize(("key", "is_plain"), [(None, True), (KEY, False)])
async def test_the_header_is_plain_only_without_a_key(
    tmp_path: Path, key: bytes | None, is_plain: bool
) -> None:
    async with store_in(tmp_path, key=key) as store:
        assert store.engine.is_encrypted is not is_plain

    header = contents_of(tmp_path)["school.db"][: len(PLAIN_HEADER)]
    assert (header == PLAIN_HEADER) is is_plain


@pytest.mark.parametrize(
    ("key", "tried"),
    [(KEY, bytes(32)), (KEY, None), (None, KEY)],
    ids=["another", "none", "one for a plain store"],
)
async def test_a_wrong_key_opens_nothing_and_changes_nothing(
    tmp_path: Path, key: bytes | None, tried: bytes | None
) -> None:
    async with store_in(tmp_path, key=key) as store:
        await add_names(store)
    before = contents_of(tmp_path)

    with pytest.raises(WrongKeyError):
        await open_store(tmp_path, key=tried)

    assert contents_of(tmp_path) == before


@pytest.mark.parametrize("key", [None, KEY], ids=["plain", "encrypted"])
async def test_what_is_no_database_is_left_as_it_is(tmp_path: Path, key: bytes | None) -> None:
    write_letter(tmp_path)
    before = contents_of(tmp_path)

    with pytest.raises(WrongKeyError):
        await open_store(tmp_path, key=key)

    assert contents_of(tmp_path) == before


def write_letter(directory: Path) -> None:
    (directory / "school.db").write_text("Dear school, " * 1_000, encoding="utf-8")


@pytest.mark.parametrize("version", [0, 1])
@pytest.mark.parametrize("key", [None, KEY], ids=["plain", "encrypted"])
async def test_a_database_of_another_program_is_refused_untouched(
    tmp_path: Path, key: bytes | None, version: int
) -> None:
    foreign = sqlcipher3.connect(str(tmp_path / "school.db"), isolation_level=None)
    if key is not None:
        foreign.execute(f"PRAGMA key = \"x'{key.hex()}'\"")
    foreign.execute("CREATE TABLE recipes (name TEXT)")
    foreign.execute(f"PRAGMA user_version = {version}")
    foreign.close()
    before = contents_of(tmp_path)

    with pytest.raises(StorageFailedError, match="another program's database"):
        await open_store(tmp_path, key=key)

    assert contents_of(tmp_path) == before


async def test_a_file_that_cannot_be_opened_is_no_matter_of_keys(tmp_path: Path) -> None:
    with pytest.raises(sqlcipher3.OperationalError):
        await connect(tmp_path / "nowhere" / "school.db", None, may_write=True)


async def test_every_writer_has_the_pragmas_that_durability_needs(tmp_path: Path) -> None:
    """Reliability section 3, item 1."""
    wanted = {
        "journal_mode": "wal",
        "synchronous": 2,
        "foreign_keys": 1,
        "busy_timeout": 5_000,
        "trusted_schema": 0,
        "cell_size_check": 1,
        "mmap_size": 0,
        "secure_delete": 1,
        "wal_autocheckpoint": 0,
        "fullfsync": 1,
        "checkpoint_fullfsync": 1,
        "query_only": 0,
    }

    assert await pragmas(tmp_path, set(wanted), may_write=True) == wanted
    assert await pragmas(tmp_path, {"query_only"}, may_write=False) == {"query_only": 1}


async def pragmas(directory: Path, names: set[str], *, may_write: bool) -> dict[str, Any]:
    """Ask a connection for its pragmas."""
    found: dict[str, Any] = {}

    def ask(connection: Any) -> None:
        for name in names:
            row = connection.execute(f"PRAGMA {name}").fetchone()
            found[name] = row[0] if row else 0

    connection = await connect(directory / "school.db", None, may_write=may_write)
    try:
        await connection.run(ask)
    finally:
        await connection.close()
    return found


async def test_what_runs_on_the_thread_raises_to_who_waits_for_it(tmp_path: Path) -> None:
    def divide(_: Any) -> None:
        1 // 0  # noqa: B018 (it raises)

    connection = await connect(tmp_path / "school.db", None, may_write=True)
    try:
        with pytest.raises(ZeroDivisionError):
            await connection.run(divide)
    finally:
        await connection.close()


async def test_what_is_posted_runs_in_order_before_what_is_run(tmp_path: Path) -> None:
    order: list[int] = []

    def note(number: int, _: Any) -> None:
        order.append(number)

    connection = await connect(tmp_path / "school.db", None, may_write=True)
    try:
        for number in range(5):
            connection.post(partial(note, number))
        async with asyncio.timeout(30):
            await connection.run(partial(note, 5))
    finally:
        await connection.close()

    assert order == [0, 1, 2, 3, 4, 5]


@pytest.mark.parametrize("key", [None, KEY], ids=["plain", "encrypted"])
async def test_a_twin_sees_the_same_database_with_the_same_rights(
    tmp_path: Path, key: bytes | None
) -> None:
    seen: list[Any] = []

    def look(connection: Any) -> None:
        seen.append(connection.execute("PRAGMA query_only").fetchone()[0])
        seen.append(connection.execute("SELECT count(*) FROM branches").fetchone()[0])

    async with store_in(tmp_path, key=key) as store:
        await add_all(store)
        reader = await connect(tmp_path / "school.db", key, may_write=False)
        twin = await reader.twin()
        try:
            await twin.run(look)
        finally:
            await twin.close()
            await reader.close()

    assert seen == [1, 1]


@pytest.mark.parametrize(
    ("code", "poison"),
    [
        (10, True),
        (1034, True),
        (11, True),
        (26, True),
        (13, False),
        (5, False),
        (9, False),
        (19, False),
        (2067, False),
        (8, False),
    ],
    ids=[
        "IOERR",
        "IOERR_FSYNC",
        "CORRUPT",
        "NOTADB",
        "FULL",
        "BUSY",
        "INTERRUPT",
        "CONSTRAINT",
        "CONSTRAINT_UNIQUE",
        "READONLY",
    ],
)
def test_only_a_failed_disk_or_a_damaged_file_is_poison(code: int, poison: bool) -> None:
    error = sqlcipher3.OperationalError("x")
    error.sqlite_errorcode = code

    assert is_poison(error) is poison


def test_an_error_of_our_own_is_no_poison() -> None:
    assert not is_poison(ValueError("x"))


async def test_a_database_that_another_program_writes_is_busy_and_nothing_is_run(
    tmp_path: Path,
) -> None:
    store = await open_store(tmp_path)
    # Five seconds of patience are for people, not for tests.
    await store.engine.write(lambda tx: tx.one("PRAGMA busy_timeout = 1"), keep=False)
    stranger = sqlcipher3.connect(str(tmp_path / "school.db"), isolation_level=None)
    stranger.execute("BEGIN IMMEDIATE")

    try:
        with pytest.raises(OverloadedError):
            await store.write(lambda work: work.events.head_seq(), actor="test")
        stranger.execute("ROLLBACK")

        assert await store.write(lambda work: work.events.head_seq(), actor="test") == 0
    finally:
        stranger.close()
        await store.close()


# Temporary files


SORT = """
WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 30000)
SELECT 'Wolkenstein' || hex(randomblob(500)) AS name FROM n ORDER BY name
"""
"""Thirty megabytes, more than any cache holds."""


@clause("no-readable-page")
@pytest.mark.parametrize(
    ("pragma", "count"), [("PRAGMA cache_size", 0), ("PRAGMA temp_store = FILE", 1)]
)
async def test_a_sort_beyond_the_cache_is_done_in_memory(
    tmp_path: Path, pragma: str, count: int
) -> None:
    """The second case proves that the first one looks for what would be there."""
    found: list[bytes] = []

    def look(connection: Any) -> None:
        connection.execute(pragma).fetchall()
        rows = connection.execute(SORT)
        rows.fetchone()
        found.extend(nameless_files())
        rows.close()

    async with store_in(tmp_path, key=KEY):
        connection = await connect(tmp_path / "school.db", KEY, may_write=False)
        try:
            await connection.run(look)
        finally:
            await connection.close()

    assert len(found) == count
    assert all(b"Wolkenstein" in content for content in found)


def nameless_files() -> list[bytes]:
    """Read what this process has open and has no name any more: so SQLite hides its own."""
    links = [link for link in Path("/proc/self/fd").iterdir() if link.is_file()]
    return [link.read_bytes() for link in links if "etilqs_" in str(link.readlink())]


@pytest.mark.parametrize("may_write", [True, False])
async def test_a_connection_that_is_taken_up_again_makes_no_file(
    tmp_path: Path, may_write: bool
) -> None:
    path = tmp_path / "school.db"
    connection = await connect(path, None, may_write=may_write)
    try:
        await connection.put_down()
        path.unlink()
        with pytest.raises(sqlcipher3.OperationalError):
            await connection.take_up(connection.opener)

        assert contents_of(tmp_path) == {}
    finally:
        await connection.close()
