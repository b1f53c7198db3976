"""The store as the rest of the program sees it."""

import stat
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
import sqlcipher3

from rpcbackend.errors import DiskFullError
from rpcbackend.store import (
    StorageFailedError,
    Store,
    Work,
    has_data,
    is_locked,
    open_store,
    snapshot,
    verify_backup,
)
from rpcbackend.store.driver import PLAIN_HEADER, Opener
from rpcbackend.store.migrations import migrate
from rpcbackend.testing import FrozenClock
from tests.clauses import clause
from tests.factories import KEY, add_all, make_branch, store_in
from tests.store.gate import threads_after


async def record(work: Work) -> None:
    """Leave an event: a unit of work."""
    await work.record("branches.saved", ("branch", "bra", 1), {})


async def head_seq_in(work: Work) -> int:
    return await work.events.head_seq()


async def test_the_last_event_is_known_from_the_start_and_after_every_commit(
    tmp_path: Path,
) -> None:
    async with store_in(tmp_path) as store:
        assert store.head_seq == 0
        await store.write(record, actor="tests")
        await store.write(record, actor="tests")
        assert store.head_seq == 2

    async with store_in(tmp_path) as store:
        assert store.head_seq == 2


async def test_listeners_hear_of_commits_that_left_events_and_of_no_others(store: Store) -> None:
    heard: list[int] = []
    store.on_commit.append(lambda: heard.append(store.head_seq))

    async def nothing_to_tell(work: Work) -> None:
        await work.branches.put(make_branch())

    await store.write(record, actor="tests")
    await store.write(nothing_to_tell, actor="tests")
    await store.write(record, actor="tests", keep=False)
    with pytest.raises(LookupError):
        await store.write(fail_after_recording, actor="tests")
    await store.write(record, actor="tests")

    assert heard == [1, 2]


async def fail_after_recording(work: Work) -> None:
    await record(work)
    raise LookupError


async def test_a_listener_may_leave_while_it_is_told(store: Store) -> None:
    heard: list[str] = []

    def once() -> None:
        heard.append("once")
        store.on_commit.remove(once)

    store.on_commit += [once, lambda: heard.append("always")]

    await store.write(record, actor="tests")
    await store.write(record, actor="tests")

    assert heard == ["once", "always", "always"]


async def test_what_is_written_is_there_after_opening_again(tmp_path: Path) -> None:
    async with store_in(tmp_path, key=KEY) as store:
        await add_all(store)

    async with store_in(tmp_path, key=KEY) as store:
        assert await store.read(lambda work: work.branches.require(make_branch().id)) == (
            make_branch()
        )


async def test_a_store_of_one_school_sees_nothing_of_another(tmp_path: Path) -> None:
    async with store_in(tmp_path, school=1) as store:
        await add_all(store)
        await store.write(record, actor="tests")

    async with store_in(tmp_path, school=2) as store:
        assert store.head_seq == 0
        assert await store.read(lambda work: work.students.count()) == 0
        await add_all(store)
        await store.write(record, actor="tests")
        assert store.head_seq == 1


async def test_a_store_needs_neither_clock_nor_ids_of_its_own(tmp_path: Path) -> None:
    store = await open_store(tmp_path)
    try:
        assert await store.read(head_seq_in) == 0
    finally:
        await store.close()


def lose_events(directory: Path) -> None:
    stranger = sqlcipher3.connect(str(directory / "school.db"), isolation_level=None)
    stranger.execute("DROP TABLE events")
    stranger.close()


def damage_events(directory: Path) -> None:
    """Fill every page on which a tree of the table begins with noise."""
    file = directory / "school.db"
    stranger = sqlcipher3.connect(str(file), isolation_level=None)
    roots = stranger.execute("SELECT rootpage FROM sqlite_schema WHERE tbl_name = 'events'")
    pages = [row[0] for row in roots if row[0]]
    stranger.close()
    with file.open("r+b") as raw:
        for page in pages:
            raw.seek((page - 1) * 4_096)
            raw.write(b"\xa5" * 4_096)


@pytest.mark.parametrize("damage", [lose_events, damage_events])
async def test_a_store_that_fails_after_it_was_opened_is_closed_again(
    tmp_path: Path, damage: Callable[[Path], None]
) -> None:
    told: list[str] = []
    async with store_in(tmp_path) as store:
        await store.write(record, actor="tests")
    damage(tmp_path)
    before = set(threading.enumerate())

    with pytest.raises(StorageFailedError):
        await open_store(tmp_path, on_poison=lambda: told.append("poison"))

    assert threads_after(before) == set()
    # Who opens it hears of it at once, and decides.
    assert told == []


async def test_a_unit_runs_at_one_instant(store: Store, clock: FrozenClock) -> None:
    async def unit(work: Work) -> list[int]:
        first = work.now_ms
        clock.advance(60)
        return [first, work.now_ms]

    first, second = await store.write(unit, actor="tests")

    assert first == second == clock.now_ms() - 60_000


def modes_in(directory: Path) -> dict[str, int]:
    files = [directory, *directory.iterdir()]
    return {file.name: stat.S_IMODE(file.stat().st_mode) for file in files}


async def test_only_the_owner_may_read_the_directory_and_its_files(tmp_path: Path) -> None:
    directory = tmp_path / "data"
    async with store_in(directory) as store:
        await add_all(store)
        modes = modes_in(directory)

    if sys.platform != "win32":
        assert modes == {
            "data": 0o700,
            "school.db": 0o600,
            "school.db-wal": 0o600,
            "school.db-shm": 0o600,
            "school.made": 0o600,
        }


@pytest.mark.parametrize(
    ("content", "locked", "data"),
    [
        (None, False, False),
        (PLAIN_HEADER + b"more", False, True),
        (PLAIN_HEADER, False, True),
        (PLAIN_HEADER[:-1], True, True),
        (bytes(range(64)), True, True),
    ],
    ids=["no file", "plain", "header alone", "cut off", "noise"],
)
def test_the_first_bytes_tell_whether_a_key_is_needed(
    tmp_path: Path, content: bytes | None, locked: bool, data: bool
) -> None:
    if content is not None:
        (tmp_path / "school.db").write_bytes(content)

    assert is_locked(tmp_path) is locked
    assert has_data(tmp_path) is data


# Migrations


@clause("migration-saved-first")
async def test_what_holds_data_is_backed_up_before_it_is_migrated(tmp_path: Path) -> None:
    connection = Opener(tmp_path / "school.db", KEY, may_write=True)()
    migrate(connection, 0, to=1)
    connection.close()

    async with store_in(tmp_path, key=KEY) as store:
        (backup,) = store.backups()

    assert (backup.reason, backup.facts.schema_version) == ("before-migration", 1)
    assert verify_backup(backup.path, KEY, lambda *_: None).is_sound


@clause("migration-saved-first")
async def test_a_migration_that_cannot_be_saved_from_is_not_begun(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    connection = Opener(tmp_path / "school.db", None, may_write=True)()
    migrate(connection, 0, to=1)
    connection.close()
    before = threading.enumerate()

    with monkeypatch.context() as patched:
        patched.setattr(snapshot, "ROOM_BYTES", 2**62)
        with pytest.raises(DiskFullError):
            await open_store(tmp_path)

    assert threads_after(set(before)) == set()
    connection = Opener(tmp_path / "school.db", None, may_write=False)()
    assert connection.execute("PRAGMA user_version").fetchone()[0] == 1
    connection.close()


async def test_a_new_store_and_one_that_is_up_to_date_are_not_backed_up(tmp_path: Path) -> None:
    for _ in range(2):
        async with store_in(tmp_path) as store:
            assert store.backups() == []

    assert not (tmp_path / "backups").exists()
