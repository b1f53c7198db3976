"""A backup in the place of the database: what it brings back, what it keeps, what it refuses."""

import asyncio
import shutil
import stat
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import sqlcipher3

from rpcbackend.errors import (
    BackupInvalidError,
    DiskFullError,
    OutcomeUnknownError,
    SchemaTooNewError,
)
from rpcbackend.schema.system import ReadOnlyReason
from rpcbackend.store import (
    Backup,
    Command,
    Origin,
    Restored,
    Store,
    Work,
    WrongKeyError,
    files,
    migrations,
    open_store,
    restore,
    restore_closed,
    restoring,
    snapshot,
    verify_backup,
)
from rpcbackend.store.driver import Opener, Thread
from rpcbackend.store.files import MARKER_NAME, STAGE_NAME
from rpcbackend.testing import FrozenClock
from tests.clauses import clause
from tests.factories import KEY, an_id, events_in, make_branch, store_in
from tests.store.gate import Gate

KEYS = pytest.mark.parametrize("key", [None, KEY], ids=["plain", "encrypted"])
COMMAND = Command(channel="backups.restore", session_id="ses_1")


def nobody(_done: int, _total: int, _message: str) -> None:
    """Hear of progress."""


def origin_of(path: Path) -> Origin:
    return Origin(path=path, actor="usr_1", command=COMMAND)


def add(number: int) -> Callable[[Work], Awaitable[None]]:
    async def unit(work: Work) -> None:
        await work.branches.put(make_branch(id=an_id("bra", number)))
        await work.record("branches.saved", ("branch", an_id("bra", number), 1), {})

    return unit


async def ids_in(work: Work) -> list[str]:
    rows = await work.tx.all("SELECT id FROM branches WHERE school_id = :school ORDER BY id")
    return [row["id"] for row in rows]


async def write(store: Store, *numbers: int) -> None:
    for number in numbers:
        await store.write(add(number), actor="tests")


def ids(*numbers: int) -> list[str]:
    return [an_id("bra", number) for number in numbers]


async def backed_up(directory: Path, key: bytes | None = None) -> Backup:
    """Make a store with row 1, a backup of it, and row 2."""
    async with store_in(directory, key=key) as store:
        await write(store, 1)
        backup = await store.backup("daily")
        await write(store, 2)
    return backup


def names_in(directory: Path) -> set[str]:
    return {path.name for path in directory.iterdir()}


CLEAN = {"school.db", "school.made", "backups"}


@KEYS
@clause("restore-keeps-both")
async def test_a_restore_brings_back_what_was_and_keeps_what_is(
    tmp_path: Path, key: bytes | None
) -> None:
    backup = await backed_up(tmp_path, key)

    async with store_in(tmp_path, key=key) as store:
        restored = await restore(store, origin_of(backup.path), nobody)
        await write(store, 3)

        assert await store.read(ids_in) == ids(1, 3)
        assert (store.head_seq, store.restored_seq, store.restores) == (3, 2, 1)
    assert restored.safety is not None
    assert (restored.backup_id, restored.to_seq, restored.quarantine) == (backup.id, 1, None)
    assert restored.safety.facts.rows["branches"] == 2
    assert verify_backup(restored.safety.path, key, nobody).is_sound
    assert names_in(tmp_path) == CLEAN
    assert stat.S_IMODE((tmp_path / "school.db").stat().st_mode) == 0o600
    async with store_in(tmp_path, key=key) as store:
        assert await store.read(ids_in) == ids(1, 3)


async def test_the_restored_store_tells_where_it_came_from(tmp_path: Path) -> None:
    backup = await backed_up(tmp_path)

    async with store_in(tmp_path) as store:
        restored = await restore(store, origin_of(backup.path), nobody)
        (event,) = await events_in(store, after_seq=1)
        audited = store.audit_head.seq
        row = await store.read(lambda work: work.tx.one("SELECT * FROM audit"))

    assert restored.safety is not None
    assert (event["type"], event["seq"], event["actor"]) == ("backups.restored", 2, "usr_1")
    assert event["aggregate"] == {"type": "backup", "id": backup.id, "version": 1}
    assert event["data"] == {"backupId": backup.id, "safetyBackupId": restored.safety.id}
    assert row is not None
    assert (audited, row["channel"], row["session_id"]) == (1, "backups.restore", "ses_1")


async def test_what_a_restore_took_away_can_be_restored(tmp_path: Path) -> None:
    backup = await backed_up(tmp_path)

    async with store_in(tmp_path) as store:
        restored = await restore(store, origin_of(backup.path), nobody)
        assert restored.safety is not None
        await restore(store, origin_of(restored.safety.path), nobody)

        assert await store.read(ids_in) == ids(1, 2)
        assert store.restores == 2


async def test_calls_that_come_meanwhile_wait_and_go_on_in_their_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    backup = await backed_up(tmp_path)
    gate = Gate()
    put_in_place = files.put_stage_in_place

    def stand_still(*given: Any) -> None:
        gate._loop.call_soon_threadsafe(gate._entered.set)  # noqa: SLF001 (no unit of work)
        assert gate._opened.wait(30)  # noqa: SLF001 (no unit of work)
        put_in_place(*given)

    monkeypatch.setattr(restoring, "put_stage_in_place", stand_still)

    async with store_in(tmp_path) as store:
        task = asyncio.create_task(restore(store, origin_of(backup.path), nobody))
        await gate.entered()
        writes = [asyncio.create_task(store.write(add(n), actor="tests")) for n in (7, 8, 9)]
        reading = asyncio.create_task(store.read(ids_in))
        await asyncio.sleep(0)
        task.cancel()
        gate.open()
        async with asyncio.timeout(30):
            assert isinstance(await task, Restored)
            await asyncio.gather(*writes)
            seen = await reading

        assert set(ids(1)) <= set(seen) <= set(ids(1, 7, 8, 9))
        assert await store.read(ids_in) == ids(1, 7, 8, 9)
        told = [event["aggregate"]["id"] for event in await events_in(store, after_seq=2)]
        assert told == ids(7, 8, 9)
        assert store.head_seq == 5


async def test_those_who_were_let_in_are_looked_up_again(tmp_path: Path) -> None:
    backup = await backed_up(tmp_path)
    heard: list[str] = []

    async with store_in(tmp_path) as store:
        store.on_access_change.append(lambda: heard.append("access"))
        store.on_commit.append(lambda: heard.append("commit"))
        version = store.access_version
        await restore(store, origin_of(backup.path), nobody)

        assert heard == ["access", "commit"]
        assert store.access_version == version + 1

        async def version_seen(work: Work) -> int:
            return work.access_version

        assert await store.write(version_seen, actor="tests") == version + 1


async def test_a_cancelled_restore_that_has_not_begun_changes_nothing(tmp_path: Path) -> None:
    backup = await backed_up(tmp_path)

    async with store_in(tmp_path) as store:
        begun = asyncio.Event()
        task = asyncio.create_task(restore(store, origin_of(backup.path), lambda *_: begun.set()))
        async with asyncio.timeout(30):
            await begun.wait()
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task

        await write(store, 3)
        assert await store.read(ids_in) == ids(1, 2, 3)
    assert names_in(tmp_path) == CLEAN


# What is refused


async def refused(directory: Path, given: Path | Origin, key: bytes | None = None) -> list[str]:
    """Try to restore a file, and return what is wrong with it once nothing is found changed."""
    origin = given if isinstance(given, Origin) else origin_of(given)
    async with store_in(directory, key=key) as store:
        with pytest.raises(BackupInvalidError) as error:
            await restore(store, origin, nobody)
        await write(store, 3)
        assert await store.read(ids_in) == ids(1, 2, 3)
    assert names_in(directory) == CLEAN
    assert error.value.details is not None
    faults: list[str] = error.value.details["faults"]
    return faults


async def test_a_backup_with_a_flipped_bit_is_refused(tmp_path: Path) -> None:
    backup = await backed_up(tmp_path, KEY)
    content = bytearray(backup.path.read_bytes())
    content[len(content) // 2] ^= 1
    backup.path.write_bytes(content)

    assert await refused(tmp_path, backup.path, KEY) == ["checksum", "damage"]


async def test_a_backup_under_another_key_is_refused(tmp_path: Path) -> None:
    async with store_in(tmp_path / "other", key=bytes(32)) as other:
        backup = await other.backup("daily", into=tmp_path / "stick")
    await backed_up(tmp_path / "data", KEY)

    assert await refused(tmp_path / "data", backup.path, KEY) == ["key"]


async def test_a_plain_backup_never_takes_the_place_of_an_encrypted_store(tmp_path: Path) -> None:
    async with store_in(tmp_path / "other") as other:
        backup = await other.backup("daily", into=tmp_path / "stick")
    await backed_up(tmp_path / "data", KEY)

    assert await refused(tmp_path / "data", backup.path, KEY) == ["key"]


async def test_an_encrypted_backup_never_takes_the_place_of_a_plain_store(tmp_path: Path) -> None:
    async with store_in(tmp_path / "other", key=KEY) as other:
        backup = await other.backup("daily", into=tmp_path / "stick")
    await backed_up(tmp_path / "data")

    assert await refused(tmp_path / "data", backup.path) == ["key"]
    with_key = replace(origin_of(backup.path), key=KEY)
    assert await refused(tmp_path / "data", with_key) == ["key"]


async def test_what_is_no_database_or_not_there_is_refused(tmp_path: Path) -> None:
    await backed_up(tmp_path / "data")
    stranger = tmp_path / "letter.db"
    stranger.write_text("Dear school, " * 1_000, encoding="utf-8")

    assert await refused(tmp_path / "data", stranger) == ["key"]
    assert await refused(tmp_path / "data", tmp_path / "none.db") == ["missing"]


async def test_a_folder_in_which_nothing_can_be_staged_is_a_refusal(tmp_path: Path) -> None:
    backup = await backed_up(tmp_path, KEY)
    # What cannot be unlinked: a failing disk would do as well.
    (tmp_path / f"{STAGE_NAME}-journal").mkdir()
    async with store_in(tmp_path, key=KEY) as store:
        with pytest.raises(BackupInvalidError, match="a disk failed"):
            await restore(store, origin_of(backup.path), nobody)

        await write(store, 3)


async def test_a_backup_of_a_newer_program_is_refused(tmp_path: Path) -> None:
    backup = await backed_up(tmp_path)
    connection = Opener(backup.path, None, may_write=True)()
    connection.execute("PRAGMA user_version = 99")
    connection.close()
    backup.path.with_suffix(".json").unlink()

    async with store_in(tmp_path) as store:
        with pytest.raises(SchemaTooNewError):
            await restore(store, origin_of(backup.path), nobody)

        assert await store.read(ids_in) == ids(1, 2)
    assert names_in(tmp_path) == CLEAN
    with pytest.raises(SchemaTooNewError):
        await restore_closed(
            tmp_path, None, origin_of(backup.path), clock=FrozenClock(), report=nobody
        )
    assert names_in(tmp_path) == CLEAN


async def test_a_restore_without_room_changes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    backup = await backed_up(tmp_path)
    monkeypatch.setattr(restoring, "ROOM_BYTES", 2**62)

    async with store_in(tmp_path) as store:
        with pytest.raises(DiskFullError):
            await restore(store, origin_of(backup.path), nobody)

        assert await store.read(ids_in) == ids(1, 2)
    assert names_in(tmp_path) == CLEAN


@pytest.mark.parametrize("is_open", [True, False])
async def test_a_restore_without_room_for_the_safety_backup_leaves_nothing_staged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_open: bool
) -> None:
    backup = await backed_up(tmp_path)
    monkeypatch.setattr(snapshot, "ROOM_BYTES", 2**62)

    async def try_it() -> None:
        if is_open:
            async with store_in(tmp_path) as store:
                await restore(store, origin_of(backup.path), nobody)
        else:
            await closed(tmp_path, backup.path)

    with pytest.raises(DiskFullError):
        await try_it()

    assert names_in(tmp_path) == CLEAN


async def test_a_change_of_keys_that_comes_first_is_an_answer_and_harms_nothing(
    tmp_path: Path,
) -> None:
    backup = await backed_up(tmp_path, KEY)
    poisoned: list[str] = []

    store = await open_store(tmp_path, key=KEY, on_poison=lambda: poisoned.append("poison"))
    try:

        async def change_the_key() -> None:
            await store.rekey(bytes(32), nobody)

        with pytest.raises(BackupInvalidError):
            await restore(store, replace(origin_of(backup.path), seal=change_the_key), nobody)

        assert await store.read(ids_in) == ids(1, 2)
        assert names_in(tmp_path) - {"school.db-wal", "school.db-shm"} == CLEAN
    finally:
        await store.close()

    assert poisoned == []


@pytest.mark.sqlite
async def test_a_store_in_memory_has_no_file_to_be_replaced(store: Store, tmp_path: Path) -> None:
    with pytest.raises(BackupInvalidError):
        await restore(store, origin_of(tmp_path / "backup.db"), nobody)


# Older schemas


def make_old_backup(path: Path, version: int) -> None:
    """Make a store as an earlier version of this program did, with a row in it."""
    connection = Opener(path, None, may_write=True)()
    migrations.migrate(connection, 0, to=version)
    connection.execute(
        """INSERT INTO branches (school_id, id, name, zone, currency, is_active, version)
           VALUES (1, ?, '', '', 'EUR', 1, 1)""",
        ids(1),
    )
    connection.close()


@pytest.mark.parametrize("version", range(1, migrations.latest_version()))
async def test_a_backup_of_an_older_schema_is_migrated(tmp_path: Path, version: int) -> None:
    old = tmp_path / "old.db"
    make_old_backup(old, version)
    await backed_up(tmp_path / "data")

    async with store_in(tmp_path / "data") as store:
        await restore(store, origin_of(old), nobody)

        assert await store.read(ids_in) == ids(1)
        assert store.engine.facts().schema_version == migrations.latest_version()
    assert names_in(tmp_path / "data") == CLEAN


# Damaged and missing databases


async def closed(directory: Path, path: Path, key: bytes | None = None) -> Restored:
    return await restore_closed(directory, key, origin_of(path), clock=FrozenClock(), report=nobody)


async def test_a_closed_store_is_restored_with_a_safety_backup(tmp_path: Path) -> None:
    backup = await backed_up(tmp_path)

    restored = await closed(tmp_path, backup.path)

    assert restored.safety is not None
    assert restored.safety.facts.rows["branches"] == 2
    assert names_in(tmp_path) == CLEAN
    async with store_in(tmp_path) as store:
        assert await store.read(ids_in) == ids(1)


@KEYS
async def test_a_damaged_database_goes_into_quarantine_with_its_log_as_it_is(
    tmp_path: Path, key: bytes | None
) -> None:
    backup = await backed_up(tmp_path, key)
    path, log = tmp_path / "school.db", tmp_path / "school.db-wal"
    damaged = bytearray(path.read_bytes())
    damaged[4_096 : 4_096 * 20] = bytes(4_096 * 19)
    path.write_bytes(damaged)
    log.write_bytes(b"what was in the log")

    restored = await closed(tmp_path, backup.path, key)

    assert restored.safety is None
    assert restored.quarantine is not None
    assert restored.quarantine.parent == tmp_path / "quarantine"
    assert (restored.quarantine / "school.db").read_bytes() == damaged
    assert (restored.quarantine / "school.db-wal").read_bytes() == b"what was in the log"
    assert names_in(tmp_path) == CLEAN | {"quarantine"}
    async with store_in(tmp_path, key=key) as store:
        assert await store.read(ids_in) == ids(1)


@pytest.mark.parametrize("keep_trace", [True, False])
async def test_a_missing_database_is_restored(tmp_path: Path, keep_trace: bool) -> None:
    backup = await backed_up(tmp_path, KEY)
    (tmp_path / "school.db").unlink()
    if not keep_trace:
        (tmp_path / "school.made").unlink()

    restored = await closed(tmp_path, backup.path, KEY)

    assert (restored.safety, restored.quarantine) == (None, None)
    async with store_in(tmp_path, key=KEY) as store:
        assert await store.read(ids_in) == ids(1)


async def test_a_database_under_another_key_is_replaced_only_when_that_is_said(
    tmp_path: Path,
) -> None:
    async with store_in(tmp_path / "other", key=bytes(32)) as other:
        await write(other, 1)
        backup = await other.backup("daily", into=tmp_path / "stick")
    await backed_up(tmp_path / "data", KEY)

    with pytest.raises(WrongKeyError):
        await closed(tmp_path / "data", backup.path, bytes(32))
    assert names_in(tmp_path / "data") == CLEAN
    restored = await restore_closed(
        tmp_path / "data",
        bytes(32),
        origin_of(backup.path),
        clock=FrozenClock(),
        report=nobody,
        is_unreadable=True,
    )

    assert restored.quarantine is not None
    async with store_in(restored.quarantine, key=KEY) as aside:
        assert await aside.read(ids_in) == ids(1, 2)


# The end of what was cut short


async def test_a_stage_without_its_marker_is_swept_up_at_the_next_start(tmp_path: Path) -> None:
    await backed_up(tmp_path)
    for end in ("", "-wal", "-shm"):
        (tmp_path / f"{STAGE_NAME}{end}").write_bytes(b"half of a backup")

    async with store_in(tmp_path) as store:
        assert await store.read(ids_in) == ids(1, 2)

    assert names_in(tmp_path) == CLEAN


@pytest.mark.parametrize("has_live", [True, False])
async def test_a_stage_with_its_marker_is_put_in_place_at_the_next_start(
    tmp_path: Path, has_live: bool
) -> None:
    backup = await backed_up(tmp_path)
    shutil.copy(backup.path, tmp_path / STAGE_NAME)
    (tmp_path / MARKER_NAME).write_text("", encoding="utf-8")
    (tmp_path / "school.db-wal").write_bytes(b"of the old one")
    if not has_live:
        (tmp_path / "school.db").unlink()

    async with store_in(tmp_path) as store:
        assert await store.read(ids_in) == ids(1)

    assert names_in(tmp_path) == CLEAN


async def test_a_marker_whose_stage_is_in_place_already_is_removed(tmp_path: Path) -> None:
    await backed_up(tmp_path)
    (tmp_path / MARKER_NAME).write_text("quarantine/x", encoding="utf-8")

    async with store_in(tmp_path) as store:
        assert await store.read(ids_in) == ids(1, 2)

    assert names_in(tmp_path) == CLEAN


async def test_a_disk_that_fails_behind_the_marker_ends_the_process_and_the_next_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    backup = await backed_up(tmp_path)
    put_in_place = files.put_stage_in_place

    def fail(directory: Path, aside: Path | None) -> None:
        replace_path = Path.replace

        def replace_or_fail(self: Path, target: Path) -> Path:
            if self.name == STAGE_NAME:
                raise OSError(5, "Input/output error")
            return replace_path(self, target)

        with monkeypatch.context() as patched:
            patched.setattr(Path, "replace", replace_or_fail)
            put_in_place(directory, aside)

    monkeypatch.setattr(restoring, "put_stage_in_place", fail)
    poisoned: list[str] = []

    store = await open_store(tmp_path, on_poison=lambda: poisoned.append("poison"))
    try:
        with pytest.raises(OutcomeUnknownError):
            await restore(store, origin_of(backup.path), nobody)
        # What is written now would be lost.
        with pytest.raises(OutcomeUnknownError):
            await write(store, 3)
    finally:
        await store.close()

    assert poisoned == ["poison"]
    async with store_in(tmp_path) as store:
        assert await store.read(ids_in) == ids(1)
        assert [event["type"] for event in await events_in(store, 1)] == ["backups.restored"]


async def test_what_is_in_quarantine_stays_though_the_restored_database_cannot_be_put_in_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No empty database is made meanwhile, which would be moved over it at the next start."""
    backup = await backed_up(tmp_path)
    poisoned: list[str] = []

    store = await open_store(tmp_path, on_poison=lambda: poisoned.append("poison"))
    try:
        connection = Opener(tmp_path / "school.db", None, may_write=True)()
        connection.execute("CREATE TABLE nobody_knows_it (x)")
        connection.close()
        with monkeypatch.context() as patched:
            patched.setattr(Path, "replace", replace_all_but_the_stage)
            with pytest.raises(OutcomeUnknownError):
                await restore(store, origin_of(backup.path), nobody)
    finally:
        await store.close()

    assert poisoned == ["poison"]
    assert "school.db" not in names_in(tmp_path)
    async with store_in(tmp_path) as store:
        assert await store.read(ids_in) == ids(1)
    (aside,) = (tmp_path / "quarantine").iterdir()
    connection = Opener(aside / "school.db", None, may_write=True)()
    (count,) = connection.execute("SELECT count(*) FROM branches").fetchone()
    connection.close()
    assert count == 2


_replace = Path.replace


def replace_all_but_the_stage(self: Path, target: Path) -> Path:
    if self.name == STAGE_NAME:
        raise OSError(5, "Input/output error")
    return _replace(self, target)


@pytest.mark.parametrize("failing", range(3))
async def test_a_database_that_cannot_be_opened_again_ends_the_process_and_is_closed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failing: int
) -> None:
    backup = await backed_up(tmp_path)
    poisoned: list[str] = []
    taken: list[Thread] = []
    take_up = Thread.take_up

    async def fail_once(self: Thread, opener: Opener) -> None:
        taken.append(self)
        if len(taken) == failing + 1:
            raise sqlcipher3.OperationalError("unable to open database file")
        await take_up(self, opener)

    store = await open_store(tmp_path, on_poison=lambda: poisoned.append("poison"))
    try:
        with monkeypatch.context() as patched:
            patched.setattr(Thread, "take_up", fail_once)
            with pytest.raises(OutcomeUnknownError):
                await restore(store, origin_of(backup.path), nobody)
        with pytest.raises(OutcomeUnknownError):
            await write(store, 3)
    finally:
        async with asyncio.timeout(30):
            await store.close()

    assert (poisoned, len(taken)) == (["poison"], 3)
    async with store_in(tmp_path) as store:
        assert await store.read(ids_in) == ids(1)


@pytest.mark.parametrize(("found", "left"), [("damage", None), ("disk", "disk")])
async def test_damage_that_was_found_meanwhile_is_gone_with_the_old_database(
    tmp_path: Path, found: ReadOnlyReason, left: ReadOnlyReason | None
) -> None:
    backup = await backed_up(tmp_path)

    async with store_in(tmp_path) as store:

        async def find() -> None:
            store.engine.read_only, store.engine.is_damaged = found, found == "damage"

        await restore(store, replace(origin_of(backup.path), seal=find), nobody)

        assert (store.engine.read_only, store.engine.is_damaged) == (left, False)
        store.engine.read_only = None
        await write(store, 3)
        assert await store.read(ids_in) == ids(1, 3)
