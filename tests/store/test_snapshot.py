"""Making a backup: one snapshot while writers write, verified before it counts, or nothing."""

import asyncio
import errno
import stat
from collections.abc import Awaitable, Callable
from contextlib import nullcontext
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import sqlcipher3

from rpcbackend import __version__
from rpcbackend.errors import BackupInvalidError, DiskFullError
from rpcbackend.store import Backup, Store, Work, list_backups, rekey, verify_backup
from rpcbackend.store import snapshot as snapshots
from rpcbackend.store import store as stores
from rpcbackend.store.driver import open_still
from rpcbackend.testing import FrozenClock
from tests.clauses import clause
from tests.factories import KEY, add_all, an_id, make_branch, store_in
from tests.store.gate import Gate

KEYS = pytest.mark.parametrize("key", [None, KEY], ids=["plain", "encrypted"])


def nobody(_done: int, _total: int, _message: str) -> None:
    """Hear of progress."""


def add(number: int) -> Callable[[Work], Awaitable[None]]:
    async def unit(work: Work) -> None:
        await work.branches.put(make_branch(id=an_id("bra", number), address="x" * 500))
        await work.record("branches.saved", ("branch", an_id("bra", number), 1), {})

    return unit


def branches_in(backup: Backup, key: bytes | None) -> set[str]:
    connection = open_still(backup.path, key)
    try:
        return {row[0] for row in connection.execute("SELECT id FROM branches")}
    finally:
        connection.close()


def names_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir()) if folder.exists() else []


@KEYS
@clause("backup-counts-once-verified")
async def test_a_backup_says_what_is_in_it_and_is_sound(tmp_path: Path, key: bytes | None) -> None:
    async with store_in(tmp_path, key=key) as store:
        await add_all(store)
        await store.write(add(7), actor="tests")

        backup = await store.backup("daily")

        assert store.backups() == [backup]
        verdict = await store.verify_backup(backup.path)
    assert (verdict.faults, verdict.backup) == ((), backup)
    assert verdict.facts == backup.facts
    assert backup.id == "2026-11-23T08-00-00Z-daily"
    assert backup.created_at == datetime(2026, 11, 23, 8, tzinfo=UTC)
    assert (backup.facts.head_seq, backup.facts.rows["branches"]) == (1, 2)
    assert (backup.is_encrypted, backup.program_version) == (key is not None, __version__)
    assert names_in(tmp_path / "backups") == [f"{backup.id}.db", f"{backup.id}.json"]


async def test_a_backup_is_its_owner_s_alone(tmp_path: Path) -> None:
    async with store_in(tmp_path) as store:
        backup = await store.backup("daily")

    files = (backup.path, backup.path.with_suffix(".json"))
    assert {stat.S_IMODE(path.stat().st_mode) for path in files} == {0o600}
    assert stat.S_IMODE(backup.path.parent.stat().st_mode) == 0o700


@KEYS
async def test_a_backup_while_writers_write_is_one_snapshot_with_all_that_was_acknowledged(
    tmp_path: Path, key: bytes | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Small steps, so that many commits come between two of them."""
    monkeypatch.setattr(snapshots, "STEP_PAGES", 1)
    acknowledged: list[int] = []
    is_busy, is_over = asyncio.Event(), False

    async def write_on(store: Store, first: int) -> None:
        number = first
        while not is_over:
            await store.write(add(number), actor="tests")
            acknowledged.append(number)
            if len(acknowledged) == 40:
                is_busy.set()
            number += 4

    async with store_in(tmp_path, key=key) as store, asyncio.TaskGroup() as group:
        for first in range(4):
            group.create_task(write_on(store, first))
        await is_busy.wait()
        before = {an_id("bra", number) for number in acknowledged}
        backup = await store.backup("daily")
        meanwhile = len(acknowledged) - len(before)
        is_over = True

    held = branches_in(backup, key)
    assert meanwhile > 0
    assert before <= held
    # An event and a row come in one transaction: a snapshot has as many of each.
    assert backup.facts.head_seq == len(held) == backup.facts.rows["branches"]


async def test_a_backup_elsewhere_stays_there_and_nothing_is_removed(tmp_path: Path) -> None:
    elsewhere = tmp_path / "stick"
    clock = FrozenClock()

    async with store_in(tmp_path / "data", clock=clock) as store:
        for _ in range(3):
            clock.advance(60)
            await store.backup("daily", into=elsewhere)
        here = store.backups()

    assert here == []
    assert len(list_backups(elsewhere)) == 3


async def test_of_a_day_s_backups_the_newest_stays(tmp_path: Path) -> None:
    clock = FrozenClock()

    async with store_in(tmp_path, clock=clock) as store:
        await store.backup("daily")
        clock.advance(3_600)
        newest = await store.backup("daily")

        assert store.backups() == [newest]
    assert len(names_in(tmp_path / "backups")) == 2


async def test_two_backups_of_one_second_have_two_names(tmp_path: Path) -> None:
    async with store_in(tmp_path) as store:
        ids = [(await store.backup("manual")).id for _ in range(3)]

    at = "2026-11-23T08-00-00Z-manual"
    assert ids == [at, f"{at}-2", f"{at}-3"]


async def test_what_was_left_by_a_killed_one_is_swept_up(tmp_path: Path) -> None:
    folder = tmp_path / "backups"
    folder.mkdir()
    at = "2026-11-22T08-00-00Z-daily"
    for name in (f"{at}.db.new", f"{at}.json", "2026-11-21T08-00-00Z-daily.json"):
        (folder / name).write_text("{}", encoding="utf-8")
    for name in ("notes.json", "notes.db.new"):
        (folder / name).write_text("{}", encoding="utf-8")

    async with store_in(tmp_path) as store:
        backup = await store.backup("daily")

    made = [f"{backup.id}.db", f"{backup.id}.json"]
    assert names_in(folder) == [*made, "notes.db.new", "notes.json"]


@pytest.mark.parametrize("fails", [False, True])
async def test_in_a_folder_of_others_nothing_is_swept_up_or_written_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fails: bool
) -> None:
    stick = tmp_path / "stick"
    stick.mkdir()
    at = "2026-11-23T08-00-00Z-manual"
    theirs = ("my.db.new", "my.json", f"{at}.db.new", f"{at}-2.json", "2026-11-22T08-00-00Z-x.json")
    for name in theirs:
        (stick / name).write_text("precious", encoding="utf-8")
    if fails:
        monkeypatch.setattr(snapshots, "_copy_pages", fail_on_the_disk)

    async with store_in(tmp_path / "data") as store:
        with pytest.raises(BackupInvalidError) if fails else nullcontext():
            await store.backup("manual", into=stick)

    assert {read_text(stick / name) for name in theirs} == {"precious"}
    made = [] if fails else [f"{at}-3.db", f"{at}-3.json"]
    assert names_in(stick) == sorted([*theirs, *made])


def fail_on_the_disk(*_: Any) -> None:
    raise OSError(errno.EIO, "Input/output error")


def read_text(path: Path) -> str:
    return path.read_text(encoding="utf-8")


async def test_a_backup_tells_how_far_it_is(tmp_path: Path) -> None:
    heard: list[tuple[int, int, str]] = []

    async with store_in(tmp_path, key=KEY) as store:
        await store.backup("daily", lambda *step: heard.append(step))

    assert {"copying", "checking pages", "branches", "references"} <= {step[2] for step in heard}
    assert all(0 <= done <= total for done, total, _ in heard)


async def test_a_backup_without_room_is_refused_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(snapshots, "ROOM_BYTES", 2**62)

    async with store_in(tmp_path) as store:
        with pytest.raises(DiskFullError):
            await store.backup("daily")

        await store.write(add(1), actor="tests")
    assert names_in(tmp_path / "backups") == []


async def test_a_copy_that_is_not_sound_is_no_backup(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The disk writes something else than it was given."""
    copy_pages = snapshots._copy_pages  # noqa: SLF001 (what the disk does is behind it)

    def spoil(source: Any, target: Any, fd: int, report: Any) -> None:
        copy_pages(source, target, fd, report)
        target.execute("DELETE FROM students")

    monkeypatch.setattr(snapshots, "_copy_pages", spoil)

    async with store_in(tmp_path) as store:
        await add_all(store)
        with pytest.raises(BackupInvalidError) as refused:
            await store.backup("daily")

    assert refused.value.details == {"faults": ["facts"]}
    assert names_in(tmp_path / "backups") == []


async def test_a_folder_that_cannot_be_made_is_an_answer(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")

    async with store_in(tmp_path) as store:
        with pytest.raises(BackupInvalidError):
            await store.backup("daily", into=tmp_path / "file" / "backups")

        await store.write(add(1), actor="tests")


async def test_a_cancelled_backup_stops_and_leaves_nothing(tmp_path: Path) -> None:
    async with store_in(tmp_path, key=KEY) as store:
        begun = asyncio.Event()
        task = asyncio.create_task(store.backup("daily", lambda *_: begun.set()))
        async with asyncio.timeout(30):
            await begun.wait()
            task.cancel()
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task

        assert store.backups() == [] or len(names_in(tmp_path / "backups")) == 2
        await store.write(add(1), actor="tests")
        again = await store.backup("daily")
    assert verify_backup(again.path, KEY, nobody).is_sound
    assert [name for name in names_in(tmp_path / "backups") if ".new" in name] == []


async def test_readers_and_writers_are_served_during_a_backup(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The backup stands still in the middle, and everybody else goes on."""
    gate = Gate()
    copy_pages = snapshots._copy_pages  # noqa: SLF001 (to stand still in the middle of it)

    def stand_still(*given: Any) -> None:
        gate._loop.call_soon_threadsafe(gate._entered.set)  # noqa: SLF001 (no unit of work)
        gate._opened.wait(30)  # noqa: SLF001 (no unit of work)
        copy_pages(*given)

    monkeypatch.setattr(snapshots, "_copy_pages", stand_still)

    async with store_in(tmp_path) as store:
        task = asyncio.create_task(store.backup("daily"))
        await gate.entered()
        try:
            async with asyncio.timeout(30):
                await store.write(add(1), actor="tests")
                seen = await store.read(lambda work: work.branches.list())
        finally:
            gate.open()
        backup = await task

    assert b'"items":[{' in seen.json
    assert branches_in(backup, None) == set()


@pytest.mark.sqlite
async def test_a_store_in_memory_has_nothing_to_back_up(store: Store) -> None:
    with pytest.raises(BackupInvalidError):
        await store.backup("daily")

    assert store.backups() == []


async def test_after_a_change_of_keys_the_old_key_opens_no_backup(tmp_path: Path) -> None:
    new = bytes(32)
    clock = FrozenClock()

    async with store_in(tmp_path, key=KEY, clock=clock) as store:
        await add_all(store)
        daily = await store.backup("daily")
        clock.advance(24 * 3_600)
        await store.rekey(new, nobody)
        backups = store.backups()

    assert {backup.reason for backup in backups} == {"before-rekey", "after-rekey", "daily"}
    assert [verify_backup(backup.path, new, nobody).faults for backup in backups] == [()] * 3
    assert {
        word for backup in backups for word, _ in verify_backup(backup.path, KEY, nobody).faults
    } == {"key"}
    assert backups[-1].created_at == daily.created_at
    assert (backups[-1].facts, backups[-1].sha256 != daily.sha256) == (daily.facts, True)


async def test_a_change_of_keys_without_room_for_the_backups_is_done_and_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    new = bytes(32)

    async with store_in(tmp_path, key=KEY) as store:
        rekey = store.sqlite.rekey

        async def then_fill_the_disk(*given: Any) -> None:
            await rekey(*given)
            monkeypatch.setattr(snapshots, "ROOM_BYTES", 2**62)

        monkeypatch.setattr(store.engine, "rekey", then_fill_the_disk)
        with pytest.raises(DiskFullError) as refused:
            await store.rekey(new, nobody)

        assert refused.value.outcome == "committed"
    async with store_in(tmp_path, key=new) as store:
        assert len(store.backups()) == 1


async def test_a_change_of_keys_says_that_it_is_done_whatever_fails_afterwards(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever heard that nothing was done would lock himself out with the old key."""
    new = bytes(32)

    async with store_in(tmp_path, key=KEY) as store:
        monkeypatch.setattr(stores, "rekey_backups", fail_on_the_disk)
        with pytest.raises(BackupInvalidError) as refused:
            await store.rekey(new, nobody)

        assert refused.value.outcome == "committed"
    async with store_in(tmp_path, key=new) as store:
        await store.write(add(1), actor="tests")


async def test_a_change_of_keys_that_cannot_fold_its_log_in_says_that_it_is_done(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    new = bytes(32)

    def fill(_: Any) -> None:
        full = sqlcipher3.OperationalError("database or disk is full")
        full.sqlite_errorcode = sqlcipher3.SQLITE_FULL
        raise full

    async with store_in(tmp_path, key=KEY) as store:
        monkeypatch.setattr(rekey, "_finish", fill)
        with pytest.raises(DiskFullError) as refused:
            await store.rekey(new, nobody)

        assert refused.value.outcome == "committed"
        await store.write(add(1), actor="tests")
    async with store_in(tmp_path, key=new):
        pass


async def test_an_old_backup_that_cannot_be_removed_keeps_nobody_from_a_new_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = FrozenClock()
    unlink = Path.unlink

    async with store_in(tmp_path, clock=clock) as store:
        old = [await store.backup("manual") for _ in range(2)]

        def refuse(self: Path, *, missing_ok: bool = False) -> None:
            if self in {old[0].path, *(backup.path.with_suffix(".json") for backup in old)}:
                raise PermissionError(errno.EACCES, "Permission denied")
            unlink(self, missing_ok=missing_ok)

        monkeypatch.setattr(Path, "unlink", refuse)
        for _ in range(4):
            clock.advance(60)
            await store.backup("manual")
        left = [backup.id for backup in store.backups()]

    assert (len(left), left[-1]) == (4, old[0].id)
    assert not old[1].path.exists()
