"""What the engine keeps: group commit, cancellation, snapshots, and the end of a poisoned store."""

import asyncio
import errno
import os
import random
import struct
import sys
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import sqlcipher3

from rpcbackend.errors import DiskFullError, OutcomeUnknownError, SchemaTooNewError
from rpcbackend.store import Store, Work, is_sound, open_store, sqlite
from rpcbackend.store.driver import StorageFailedError
from rpcbackend.store.migrations import latest_version
from rpcbackend.store.sqlite import CHECKPOINT_BYTES, GROUP, READERS
from rpcbackend.store.transaction import UnitSuspendedError
from tests.factories import KEY, an_id, make_branch, make_vehicle, store_in
from tests.store.gate import Gate, threads_after

ENDLESS = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT max(i) FROM n"
IOERR_FSYNC = 1034
"""SQLite's extended code of a failed fsync (sqlite.org/rescode.html)."""

pytestmark = pytest.mark.sqlite


def add(name: str) -> Callable[[Work], Awaitable[str]]:
    """Make a unit that adds a branch and records it."""

    async def unit(work: Work) -> str:
        branch = make_branch(id=work.new_id("bra"), name=name)
        await work.branches.put(branch)
        await work.record("branches.saved", ("branch", branch.id, 1), {"name": name})
        return name

    return unit


async def names_in(work: Work) -> list[str]:
    """List the branches in the order of their events: a unit of work."""
    rows = await work.tx.all(
        "SELECT json_extract(data, '$.name') FROM events WHERE school_id = :school ORDER BY seq"
    )
    names = [row[0] for row in rows]
    stored = await work.tx.all("SELECT name FROM branches WHERE school_id = :school")
    assert sorted(names) == sorted(row[0] for row in stored)
    return names


def commits_in(directory: Path) -> int:
    """Count the commits in the write-ahead log (SQLite file format, section 4.1)."""
    log = (directory / "school.db-wal").read_bytes()
    if not log:
        return 0
    page_size = struct.unpack(">I", log[8:12])[0]
    frames = range(32, len(log), 24 + page_size)
    return sum(1 for frame in frames if struct.unpack(">I", log[frame + 4 : frame + 8])[0])


def nobody(done: int, total: int, message: str) -> None:
    """Watch no progress."""


def refuse(*_: object) -> Any:
    raise LookupError("no")


async def fail(work: Work) -> None:
    """Change something, then fail."""
    await add("never")(work)
    refuse()


async def fill(work: Work) -> None:
    """Need more room than a few pages."""
    for _ in range(100):
        await work.branches.put(make_branch(id=work.new_id("bra"), address="x" * 4_000))


async def settled(tasks: list[asyncio.Task[Any]]) -> list[Any]:
    async with asyncio.timeout(30):
        return await asyncio.gather(*tasks, return_exceptions=True)


async def queue_behind(gate: Gate, store: Store, units: list[Any]) -> list[asyncio.Task[Any]]:
    """Hold the writer in the gate and queue the units behind it."""
    tasks = [asyncio.create_task(store.write(gate.hold, actor="tests"))]
    await gate.entered()
    tasks += [asyncio.create_task(store.write(unit, actor="tests")) for unit in units]
    # Every task runs once before this one does again.
    await asyncio.sleep(0)
    return tasks


# Group commit


@pytest.mark.parametrize(
    ("writes", "commits"), [(1, 1), (GROUP, 1), (GROUP + 1, 2), (2 * GROUP + 2, 3)]
)
async def test_writes_that_wait_together_share_a_commit(
    tmp_path: Path, writes: int, commits: int
) -> None:
    async with store_in(tmp_path) as store:
        gate = Gate()
        tasks = await queue_behind(gate, store, [add(str(n)) for n in range(writes)])
        before = commits_in(tmp_path)

        gate.open()

        assert await settled(tasks) == [None, *map(str, range(writes))]
        assert commits_in(tmp_path) - before == commits


async def test_writes_take_effect_in_the_order_in_which_they_came(store: Store) -> None:
    names = [str(n) for n in range(200)]

    await settled([asyncio.create_task(store.write(add(name), actor="tests")) for name in names])

    assert await store.read(names_in) == names


async def test_a_failing_unit_leaves_its_neighbours_in_the_group_alone(tmp_path: Path) -> None:
    async with store_in(tmp_path) as store:
        gate = Gate()
        tasks = await queue_behind(gate, store, [add("one"), fail, add("two"), fail, add("three")])
        before = commits_in(tmp_path)
        gate.open()

        _, one, first, two, second, three = await settled(tasks)

        assert [one, two, three] == ["one", "two", "three"]
        assert [type(first), type(second)] == [LookupError, LookupError]
        assert await store.read(names_in) == ["one", "two", "three"]
        assert commits_in(tmp_path) - before == 1


async def test_a_dry_run_sees_its_own_changes_and_leaves_none(store: Store) -> None:
    async def unit(work: Work) -> list[str]:
        await add("dry")(work)
        return await names_in(work)

    assert await store.write(unit, actor="tests", keep=False) == ["dry"]
    assert await store.read(names_in) == []
    assert store.head_seq == 0


async def test_a_commit_that_is_refused_fails_every_unit_of_its_group(tmp_path: Path) -> None:
    async def break_a_reference(work: Work) -> None:
        await work.tx.run("PRAGMA defer_foreign_keys = ON")
        await work.tx.run(
            "INSERT INTO vehicles VALUES (:school, 'veh', 'nowhere', 'P', 'VW', 'Golf', '[]',"
            " 'manual', 'active', 1)"
        )

    async with store_in(tmp_path) as store:
        gate = Gate()
        tasks = await queue_behind(gate, store, [add("one"), break_a_reference])
        gate.open()

        _, one, broken = await settled(tasks)

        assert [type(one), type(broken)] == [OutcomeUnknownError, OutcomeUnknownError]
        assert [one.outcome, broken.outcome] == ["none", "none"]
        assert await store.write(add("two"), actor="tests") == "two"
        assert await store.read(names_in) == ["two"]


@pytest.mark.parametrize("directory", [True, False], ids=["file", "memory"])
async def test_on_a_full_disk_only_the_writes_that_find_no_room_are_refused(
    tmp_path: Path, directory: bool
) -> None:
    told: list[str] = []
    async with store_in(
        tmp_path if directory else None, on_poison=lambda: told.append("poison")
    ) as store:
        await leave_room(store, pages=20)
        gate = Gate()
        tasks = await queue_behind(gate, store, [add("one"), fill, add("two"), fail])
        gate.open()

        _, one, full, two, failed = await settled(tasks)

        assert [one, two, type(failed)] == ["one", "two", LookupError]
        assert type(full) is DiskFullError
        assert (full.outcome, told) == ("none", [])
        assert await store.read(names_in) == ["one", "two"]
        await leave_room(store, pages=1_000)
        await store.write(fill, actor="tests")


async def leave_room(store: Store, *, pages: int) -> None:
    """Let the database grow so far and no further: to SQLite a full disk is the same."""

    async def unit(work: Work) -> None:
        row = await work.tx.one("PRAGMA page_count")
        assert row is not None
        await work.tx.one(f"PRAGMA max_page_count = {row[0] + pages}")

    await store.write(unit, actor="tests", keep=False)


async def test_a_unit_that_waits_for_something_else_is_an_error_and_leaves_nothing(
    store: Store,
) -> None:
    async def yields(work: Work) -> None:
        await add("never")(work)
        await asyncio.sleep(0)

    with pytest.raises(UnitSuspendedError):
        await store.write(yields, actor="tests")

    assert await store.read(names_in) == []
    assert await store.write(add("next"), actor="tests") == "next"


async def test_a_unit_that_raises_what_is_no_exception_still_gets_an_answer(store: Store) -> None:
    async def cancels(work: Work) -> None:
        await add("never")(work)
        raise asyncio.CancelledError

    ends = await settled([asyncio.create_task(store.write(cancels, actor="tests"))])

    assert [type(end) for end in ends] == [UnitSuspendedError]
    assert await store.write(add("next"), actor="tests") == "next"
    assert await store.read(names_in) == ["next"]


# Cancellation


async def test_a_queued_write_that_is_cancelled_is_withdrawn(store: Store) -> None:
    gate = Gate()
    holding, *rest = await queue_behind(gate, store, [add("one"), add("two"), add("three")])

    rest[1].cancel()
    cancelled = await settled([rest[1]])
    gate.open()

    assert [type(error) for error in cancelled] == [asyncio.CancelledError]
    assert await settled([holding, rest[0], rest[2]]) == [None, "one", "three"]
    assert await store.read(names_in) == ["one", "three"]


@pytest.mark.parametrize("times", [1, 3])
async def test_a_begun_write_that_is_cancelled_returns_its_true_result(
    store: Store, times: int
) -> None:
    gate = Gate()

    async def slow(work: Work) -> str:
        await gate.hold(work)
        return await add("kept")(work)

    task = asyncio.create_task(store.write(slow, actor="tests"))
    await gate.entered()
    for _ in range(times):
        task.cancel()
        await asyncio.sleep(0)
    gate.open()

    assert await settled([task]) == ["kept"]
    assert await store.read(names_in) == ["kept"]
    assert store.head_seq == 1


async def test_a_begun_write_that_is_cancelled_and_fails_says_how(store: Store) -> None:
    gate = Gate()

    async def slow(work: Work) -> None:
        await gate.hold(work)
        await fail(work)

    task = asyncio.create_task(store.write(slow, actor="tests"))
    await gate.entered()
    task.cancel()
    gate.open()

    assert [type(error) for error in await settled([task])] == [LookupError]
    assert await store.read(names_in) == []


async def test_300_cancels_at_random_leave_every_write_whole_and_the_store_usable(
    tmp_path: Path,
) -> None:
    chance = random.Random(7)  # noqa: S311 (a replayable choice)
    async with store_in(tmp_path) as store:
        tasks: list[asyncio.Task[Any]] = []
        for n in range(300):
            unit = fail if chance.random() < 0.1 else add(str(n))
            tasks.append(asyncio.create_task(store.write(unit, actor="tests")))
            reading: asyncio.Task[Any] = asyncio.create_task(store.read(names_in))
            for _ in range(chance.randrange(4)):
                await asyncio.sleep(0)
            chance.choice([tasks[-1], chance.choice(tasks), reading]).cancel()
            tasks.append(reading)
        ends = await settled(tasks)

        stored = await store.read(names_in)
        assert stored == [end for end in ends if isinstance(end, str)]
        assert {type(end) for end in ends} >= {str, list, asyncio.CancelledError, LookupError}
        assert await store.write(add("after"), actor="tests") == "after"
        assert is_free(tmp_path)


def is_free(directory: Path) -> bool:
    """Tell whether nobody holds a transaction: a stranger may write and empty the log."""
    stranger = sqlcipher3.connect(directory / "school.db", isolation_level=None)
    try:
        # A thread ends its transaction after its replies went out: it may take it a moment.
        stranger.execute("PRAGMA busy_timeout = 5000")
        stranger.execute("BEGIN IMMEDIATE")
        stranger.execute("ROLLBACK")
        return bool(stranger.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0] == 0)
    finally:
        stranger.close()


@pytest.mark.parametrize("statements", [1, 2], ids=["within a statement", "between two"])
async def test_a_running_read_that_is_cancelled_stops_and_its_reader_serves_on(
    tmp_path: Path, statements: int
) -> None:
    gate = Gate()

    async def endless(work: Work) -> None:
        if statements == 1:
            gate.open()
        await gate.hold(work)
        await work.tx.one(ENDLESS)

    async with store_in(tmp_path) as store:
        # One on each reader, so that whoever reads next needs one of these two.
        tasks = [asyncio.create_task(store.read(endless)) for _ in range(READERS)]
        await gate.entered()
        for task in tasks:
            task.cancel()
        ends = await settled(tasks)
        gate.open()

        assert [type(end) for end in ends] == [asyncio.CancelledError] * READERS
        async with asyncio.timeout(30):
            assert await asyncio.gather(*(store.read(names_in) for _ in range(8))) == [[]] * 8
        assert is_free(tmp_path)


async def test_a_cancelled_read_takes_none_of_its_neighbours_along(tmp_path: Path) -> None:
    gate = Gate()

    async def slow(work: Work) -> list[str]:
        await gate.hold(work)
        return await names_in(work)

    async with store_in(tmp_path) as store:
        await store.write(add("one"), actor="tests")
        holding = [asyncio.create_task(store.read(slow)) for _ in range(READERS)]
        await gate.entered()
        reads = [asyncio.create_task(store.read(names_in)) for _ in range(20)]
        await asyncio.sleep(0)
        for cancelled in reads[::2]:
            cancelled.cancel()
        gate.open()

        assert await settled(holding) == [["one"]] * READERS
        assert await settled(reads[1::2]) == [["one"]] * 10


async def test_a_cancelled_read_of_a_store_in_memory_is_withdrawn(store: Store) -> None:
    gate = Gate()
    holding = asyncio.create_task(store.read(gate.hold))
    await gate.entered()
    queued = asyncio.create_task(store.read(names_in))
    await asyncio.sleep(0)
    queued.cancel()
    holding.cancel()
    gate.open()

    ends = await settled([queued, holding])

    assert [type(end) for end in ends] == [asyncio.CancelledError] * 2
    assert await store.read(names_in) == []


# Reads


async def test_every_read_sees_every_write_that_was_acknowledged_before(tmp_path: Path) -> None:
    async with store_in(tmp_path) as store:
        for n in range(1, 41):
            await store.write(add(str(n)), actor="tests")

            seen = await asyncio.gather(*(store.read(names_in) for _ in range(2 * READERS)))

            assert [len(names) for names in seen] == [n] * 2 * READERS


async def test_a_read_sees_one_state_however_long_it_takes(tmp_path: Path) -> None:
    gate = Gate()

    async def look_twice(work: Work) -> tuple[list[str], list[str]]:
        first = await names_in(work)
        await gate.hold(work)
        return first, await names_in(work)

    async with store_in(tmp_path) as store:
        await store.write(add("before"), actor="tests")
        reading = asyncio.create_task(store.read(look_twice))
        await gate.entered()
        await store.write(add("meanwhile"), actor="tests")
        gate.open()

        assert await settled([reading]) == [(["before"], ["before"])]
        assert await store.read(names_in) == ["before", "meanwhile"]


async def test_a_slow_read_holds_up_no_other_while_a_reader_is_free(tmp_path: Path) -> None:
    slow, holding = Gate(), [Gate() for _ in range(READERS)]

    async with store_in(tmp_path) as store:
        tasks = []
        for gate in holding:
            tasks.append(asyncio.create_task(store.read(gate.hold)))
            await gate.entered()
        tasks.append(asyncio.create_task(store.read(slow.hold)))
        quick = [asyncio.create_task(store.read(names_in)) for _ in range(40)]
        await asyncio.sleep(0)
        try:
            for gate in holding:
                gate.open()
            await slow.entered()

            assert await settled(quick) == [[]] * 40
            async with asyncio.timeout(30):
                assert [await store.read(names_in) for _ in range(40)] == [[]] * 40
        finally:
            slow.open()
        assert await settled(tasks) == [None] * (READERS + 1)


async def test_a_reply_does_not_wait_for_a_slow_neighbour_in_its_group(tmp_path: Path) -> None:
    holding = [Gate() for _ in range(READERS)]

    async with store_in(tmp_path) as store:
        tasks = []
        for gate in holding:
            tasks.append(asyncio.create_task(store.read(gate.hold)))
            await gate.entered()
        quick = asyncio.create_task(store.read(names_in))
        endless = asyncio.create_task(store.read(lambda work: work.tx.one(ENDLESS)))
        await asyncio.sleep(0)
        try:
            holding[0].open()

            assert await settled([quick]) == [[]]
        finally:
            endless.cancel()
            for gate in holding:
                gate.open()
        assert [type(end) for end in await settled([*tasks, endless])] == [
            *[type(None)] * READERS,
            asyncio.CancelledError,
        ]


@pytest.mark.parametrize("key", [None, KEY], ids=["plain", "encrypted"])
async def test_the_check_of_the_whole_database_needs_no_reader(
    tmp_path: Path, key: bytes | None
) -> None:
    gates = [Gate() for _ in range(READERS)]

    async with store_in(tmp_path, key=key) as store:
        threads = set(threading.enumerate())
        tasks = []
        for gate in gates:
            tasks.append(asyncio.create_task(store.read(gate.hold)))
            await gate.entered()
        try:
            async with asyncio.timeout(30):
                assert await store.engine.look_through(nobody) == []
        finally:
            for gate in gates:
                gate.open()
        await settled(tasks)

        assert threads_after(threads) == set()


async def test_a_store_in_memory_can_be_checked(store: Store) -> None:
    assert await store.engine.look_through(nobody) == []


async def test_a_check_says_how_far_it_is(store: Store) -> None:
    heard: list[tuple[int, int, str]] = []

    await store.engine.look_through(lambda *step: heard.append(step))

    total = len(heard)
    assert [(done, of) for done, of, _ in heard] == [(done, total) for done in range(total)]
    assert {"lessons", "free pages"} <= {message for _, _, message in heard}


async def test_a_reader_cannot_write(tmp_path: Path) -> None:
    async with store_in(tmp_path) as store:
        with pytest.raises(sqlcipher3.OperationalError, match="readonly"):
            await store.read(add("never"))

        assert await store.read(names_in) == []


async def test_what_a_read_fails_with_reaches_the_caller(tmp_path: Path) -> None:
    async with store_in(tmp_path) as store:
        with pytest.raises(LookupError, match="no"):
            await store.read(refuse)


# The end


async def test_closing_finishes_what_is_queued_and_empties_the_log(tmp_path: Path) -> None:
    store = await open_store(tmp_path)
    gate = Gate()
    tasks = await queue_behind(gate, store, [add(str(n)) for n in range(100)])
    gate.open()

    async with asyncio.timeout(30):
        await store.close()

    assert await settled(tasks) == [None, *map(str, range(100))]
    assert [file.name for file in files_in(tmp_path)] == ["school.db", "school.made"]
    async with store_in(tmp_path) as again:
        assert len(await again.read(names_in)) == 100


async def test_an_idle_writer_folds_a_long_log_into_the_database(tmp_path: Path) -> None:
    async with store_in(tmp_path) as store:
        before = store.engine.facts()

        async def unit(work: Work) -> None:
            for n in range(CHECKPOINT_BYTES // 4_000):
                await work.branches.put(make_branch(id=an_id("bra", n), address="x" * 4_000))

        await store.write(unit, actor="tests")
        long_log = store.engine.facts()
        await until_folded_in(store)
        # The next commit starts the log anew.
        await store.write(add("next"), actor="tests")

        assert before.database_bytes < CHECKPOINT_BYTES < long_log.wal_bytes
        assert store.engine.facts().wal_bytes <= CHECKPOINT_BYTES


async def test_a_writer_that_is_never_idle_folds_its_log_in_as_well(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bound, writes = 64 * 1_024, 200
    monkeypatch.setattr(sqlite, "GROUP", 1)
    monkeypatch.setattr(sqlite, "CHECKPOINT_BYTES", 2**40)
    monkeypatch.setattr(sqlite, "BUSY_CHECKPOINT_BYTES", bound)

    async with store_in(tmp_path) as store:
        gate = Gate()
        tasks = await queue_behind(gate, store, [add(str(n)) for n in range(writes)])
        gate.open()
        await settled(tasks)

        # A commit has more than one page; without checkpoints all of them would be there.
        assert store.engine.facts().wal_bytes < 4 * bound < writes * 4_096
        assert len(await store.read(names_in)) == writes


async def test_a_log_whose_size_cannot_be_asked_for_stops_no_write(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with store_in(tmp_path) as store:
        with monkeypatch.context() as broken:
            broken.setattr(Path, "stat", stale)

            assert await store.write(add("one"), actor="tests") == "one"
            assert await store.write(add("two"), actor="tests") == "two"
            assert store.engine.facts().wal_bytes == 0

        assert await store.read(names_in) == ["one", "two"]


def stale(*_: object, **__: object) -> Any:
    """Fail as the system does when a file's server is gone."""
    raise OSError(errno.ESTALE, "stale")


async def until_folded_in(store: Store) -> None:
    """Wait for a checkpoint: nobody tells of one, but the database grows."""
    async with asyncio.timeout(30):
        while store.engine.facts().database_bytes < CHECKPOINT_BYTES:  # noqa: ASYNC110 (see above)
            await asyncio.sleep(0)


async def test_the_facts_of_a_store_in_memory_know_no_files(store: Store) -> None:
    facts = store.engine.facts()

    assert (facts.schema_version, facts.database_bytes, facts.wal_bytes) == (latest_version(), 0, 0)


async def test_a_store_that_fails_to_open_leaves_no_thread_behind(tmp_path: Path) -> None:
    async with store_in(tmp_path):
        pass
    raise_version(tmp_path)

    with pytest.raises(SchemaTooNewError):
        await open_store(tmp_path)

    assert is_free(tmp_path)


@pytest.mark.parametrize("key", [None, KEY], ids=["plain", "encrypted"])
async def test_a_store_whose_schema_is_damaged_says_that_the_storage_failed(
    tmp_path: Path, key: bytes | None
) -> None:
    async with store_in(tmp_path, key=key) as store:
        await store.write(add("one"), actor="tests")
    turn_bits_over(tmp_path)

    with pytest.raises(StorageFailedError):
        await open_store(tmp_path, key=key)


def turn_bits_over(directory: Path) -> None:
    """Damage every page but the first."""
    file = directory / "school.db"
    raw = bytearray(file.read_bytes())
    for place in range(4_096, len(raw), 7):
        raw[place] ^= 0xFF
    file.write_bytes(raw)


@pytest.mark.parametrize("key", [None, KEY], ids=["plain", "encrypted"])
async def test_a_file_that_lost_its_end_while_it_was_open_is_not_sound(
    tmp_path: Path, key: bytes | None
) -> None:
    async with store_in(tmp_path, key=key) as store:
        await store.write(add("one"), actor="tests")

    async with store_in(tmp_path, key=key) as store:
        assert await store.engine.look_through(nobody) == []
        os.truncate(tmp_path / "school.db", 3 * 4_096)

        assert not is_sound(await store.engine.look_through(nobody))


async def test_a_store_with_a_text_that_is_no_json_any_more_is_not_sound(store: Store) -> None:
    async def spoil(work: Work) -> None:
        await work.branches.put(make_branch())
        await work.vehicles.put(make_vehicle())
        await work.tx.run("PRAGMA ignore_check_constraints = ON")
        await work.tx.run("UPDATE vehicles SET categories = 'B' WHERE school_id = :school")
        await work.tx.run("PRAGMA ignore_check_constraints = OFF")

    await store.write(spoil, actor="tests")

    assert not is_sound(await store.engine.look_through(nobody))


def raise_version(directory: Path) -> None:
    newer = sqlcipher3.connect(directory / "school.db")
    newer.execute("PRAGMA user_version = 99")
    newer.close()


def files_in(directory: Path) -> list[Path]:
    return sorted(directory.iterdir())


# Poison


def disk_fails(*_: object) -> Any:
    """Raise what the driver raises when a write to the disk fails."""
    error = sqlcipher3.OperationalError("disk I/O error")
    error.sqlite_errorcode = IOERR_FSYNC
    raise error


async def test_after_a_failed_disk_nothing_is_written_and_the_process_is_told_once(
    tmp_path: Path,
) -> None:
    told: list[str] = []
    async with store_in(tmp_path, on_poison=lambda: told.append("poison")) as store:
        await store.write(add("before"), actor="tests")
        gate = Gate()
        group = [add("in its group"), disk_fails, *[add("behind")] * (GROUP + 1), disk_fails]
        tasks = await queue_behind(gate, store, group)
        gate.open()

        _, *ends = await settled(tasks)
        with pytest.raises(OutcomeUnknownError) as later:
            await store.write(add("later"), actor="tests")

        assert {type(end) for end in ends} == {OutcomeUnknownError}
        assert [end.outcome for end in ends[:GROUP]] == ["unknown"] * GROUP
        assert [end.outcome for end in ends[GROUP:]] == ["none"] * (len(ends) - GROUP)
        assert later.value.outcome == "none"
        assert told == ["poison"]
        assert await store.read(names_in) == ["before"]


async def test_a_rollback_that_fails_as_well_hides_no_failed_disk(tmp_path: Path) -> None:
    told: list[str] = []

    async def disk_fails_for_good(work: Work) -> None:
        connection = work.tx._connection  # type: ignore[attr-defined]  # noqa: SLF001 (the disk's part)
        connection.set_authorizer(refuse_rollback)
        disk_fails()

    async with store_in(tmp_path, on_poison=lambda: told.append("poison")) as store:
        with pytest.raises(OutcomeUnknownError) as failed:
            await store.write(disk_fails_for_good, actor="tests")

        assert (failed.value.outcome, told) == ("unknown", ["poison"])


def refuse_rollback(action: int, what: str | None, *_: object) -> int:
    """Answer as an authorizer does (SQLITE_TRANSACTION is 22, SQLITE_DENY 1)."""
    return int((action, what) == (22, "ROLLBACK"))


async def test_a_disk_that_fails_under_a_read_is_told_once_and_nothing_is_written_any_more(
    tmp_path: Path,
) -> None:
    told: list[str] = []
    async with store_in(tmp_path, on_poison=lambda: told.append("poison")) as store:
        reads = [asyncio.create_task(store.read(disk_fails)) for _ in range(20)]
        ends = await settled(reads)

        with pytest.raises(OutcomeUnknownError) as later:
            await store.write(add("later"), actor="tests")

        assert {(type(end), end.outcome) for end in ends} == {(OutcomeUnknownError, "none")}
        assert (later.value.outcome, told) == ("none", ["poison"])


if sys.platform != "win32":
    # A limit on the size of files is a disk that really fails: writes beyond it are refused.
    import resource

    @contextmanager
    def no_file_above(size: int) -> Iterator[None]:
        soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
        try:
            yield
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))

    async def test_a_disk_that_fails_under_a_commit_is_told_and_leaves_no_half_of_it(
        tmp_path: Path,
    ) -> None:
        told: list[str] = []
        async with store_in(tmp_path, on_poison=lambda: told.append("poison")) as store:
            await store.write(add("before"), actor="tests")
            with (
                no_file_above(store.engine.facts().wal_bytes),
                pytest.raises(OutcomeUnknownError) as failed,
            ):
                await store.write(add("lost"), actor="tests")

            assert failed.value.outcome == "unknown"
            assert told == ["poison"]
            assert await store.read(names_in) == ["before"]

        async with store_in(tmp_path) as again:
            assert await again.read(names_in) == ["before"]

    async def test_a_disk_that_fails_under_a_checkpoint_is_told_and_nothing_is_lost(
        tmp_path: Path,
    ) -> None:
        told = asyncio.Event()
        tell = partial(asyncio.get_running_loop().call_soon_threadsafe, told.set)

        def fill_from(first: int) -> Callable[[Work], Awaitable[None]]:
            async def unit(work: Work) -> None:
                for n in range(first, first + CHECKPOINT_BYTES // 4_000):
                    await work.branches.put(make_branch(id=an_id("bra", n), address="x" * 4_000))

            return unit

        async with store_in(tmp_path, on_poison=tell) as store:
            await store.write(fill_from(0), actor="tests")
            await until_folded_in(store)
            # The log begins anew and has room enough, the database behind it has not.
            with no_file_above(CHECKPOINT_BYTES * 7 // 4):
                await store.write(fill_from(2_000), actor="tests")
                async with asyncio.timeout(30):
                    await told.wait()

            with pytest.raises(OutcomeUnknownError):
                await store.write(add("later"), actor="tests")

        async with store_in(tmp_path) as again:
            rows = await again.read(lambda work: work.tx.all("SELECT id FROM branches"))
            assert len(rows) == 2 * (CHECKPOINT_BYTES // 4_000)
