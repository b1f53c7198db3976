"""What looks after an open store: when it stops writing, why, and when it goes on."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from rpcbackend.config import Disk
from rpcbackend.errors import ReadOnlyModeError
from rpcbackend.store import Command, Keyed, Room, Store, Work, start
from rpcbackend.store.idempotency import KEPT_SECONDS
from rpcbackend.store.latest import LatestTime
from rpcbackend.testing import FrozenClock
from rpcbackend.watch import Watch
from tests.factories import KEY, make_branch, store_in
from tests.store.damage import fill, leaves_with, spoil
from tests.store.gate import Gate

DISK = Disk(ballast_bytes=1_000, warn_bytes=50_000, read_only_bytes=10_000)


class FakeRoom(Room):
    """A disk with as much room as a test says."""

    def __init__(self, directory: Path, free: int) -> None:
        super().__init__(directory, DISK.ballast_bytes)
        self.free = free
        self.takes_ballast = True

    def free_bytes(self) -> int:
        """Return what the test said."""
        return self.free

    def make_ballast(self) -> bool:
        """Make it, unless the test says that there is no room after all."""
        return self.takes_ballast and super().make_ballast()


@asynccontextmanager
async def watched(
    directory: Path, **given: Any
) -> AsyncIterator[tuple[Store, FakeRoom, Watch, list[str]]]:
    """Open a store with a watch that looks when it is told to."""
    told: list[str] = []
    room = FakeRoom(directory, 100_000)
    async with store_in(directory, **given) as store:
        watch = Watch(
            store, room, DISK, clock=FrozenClock(), tell=lambda text, _: told.append(text)
        )
        try:
            yield store, room, watch, told
        finally:
            await watch.stop()


async def write(store: Store) -> None:
    await store.write(lambda work: work.branches.put(make_branch()), actor="tests")


async def test_with_room_enough_a_reserve_is_made_and_nothing_is_said(tmp_path: Path) -> None:
    async with watched(tmp_path) as (store, room, watch, told):
        await watch.look()

        await write(store)
        assert (room.missing_bytes(), told) == (0, [])
        assert (tmp_path / "school.ballast").stat().st_mode & 0o077 == 0


async def test_a_disk_that_fills_up_is_warned_of_once_each_time(tmp_path: Path) -> None:
    async with watched(tmp_path) as (store, room, watch, told):
        for free in (40_000, 30_000, 60_000, 40_000):
            room.free = free
            await watch.look()

        await write(store)
        assert told == ["the disk is filling up"] * 2


async def test_below_the_bound_nothing_is_written_until_there_is_room_for_the_reserve_too(
    tmp_path: Path,
) -> None:
    async with watched(tmp_path) as (store, room, watch, told):
        room.free = 9_999
        await watch.look()
        with pytest.raises(ReadOnlyModeError) as refused:
            await write(store)
        room.free = 10_999
        await watch.look()

        assert (refused.value.retryable, store.engine.read_only) == (True, "disk")
        room.free = 11_000
        await watch.look()

        await write(store)
        assert told == ["nothing is written any more", "there is room again: writing goes on"]


async def test_writing_does_not_go_on_where_the_reserve_finds_no_room_after_all(
    tmp_path: Path,
) -> None:
    async with watched(tmp_path) as (store, room, watch, told):
        watch.refuse("disk")
        room.takes_ballast = False
        await watch.look()

        assert store.engine.read_only == "disk"
        room.takes_ballast = True
        await watch.look()

        assert store.engine.read_only is None
        assert told[-1] == "there is room again: writing goes on"


async def test_on_a_full_disk_reserve_log_and_what_has_expired_are_given_back(
    tmp_path: Path,
) -> None:
    async with watched(tmp_path) as (store, room, watch, _):
        await watch.look()
        now = FrozenClock().now_ms() // 1_000
        await store.write(lambda work: keep(work, now), actor="tests")

        await watch.make_room()

        assert room.missing_bytes() == DISK.ballast_bytes
        assert store.engine.facts().wal_bytes == 0
        assert await store.read(keys_in) == ["new"]


async def keep(work: Work, now: int) -> None:
    """Keep two replies, one of which has expired."""
    for key, at in (("old", now - KEPT_SECONDS - 1), ("new", now)):
        keyed = Keyed(actor="a", channel="c", key=key, params_sha256=b"s")
        await work.tx.run(
            "INSERT INTO idempotency_keys VALUES (:school, :a, :c, :key, :sha, '{}', :at)",
            a=keyed.actor,
            c=keyed.channel,
            key=key,
            sha=keyed.params_sha256,
            at=at + KEPT_SECONDS,
        )


async def keys_in(work: Work) -> list[str]:
    rows = await work.tx.all("SELECT key FROM idempotency_keys WHERE school_id = :school")
    return [row["key"] for row in rows]


async def test_other_reasons_stay_whatever_room_there_is(tmp_path: Path) -> None:
    async with watched(tmp_path) as (store, _, watch, told):
        watch.refuse("damage")
        watch.refuse("disk")
        await watch.look()

        assert store.engine.read_only == "damage"
        assert told == ["nothing is written any more"]


@pytest.mark.parametrize("is_damaged", [False, True], ids=["sound", "damaged"])
async def test_a_large_store_that_was_not_closed_is_looked_through_while_it_serves(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, is_damaged: bool
) -> None:
    monkeypatch.setattr(start, "PLAIN_BYTES", 0)
    await fill(tmp_path, None)
    if is_damaged:
        spoil(tmp_path / "school.db", leaves_with(tmp_path / "school.db", b"ada 100"))
    # A log that is not empty, as after a kill; SQLite reads nothing out of this one.
    (tmp_path / "school.db-wal").write_bytes(b"no log")

    async with watched(tmp_path) as (store, _, watch, told):
        assert store.is_suspect
        await write(store)

        watch.start()
        async with asyncio.timeout(30):
            await watch.looked_for_damage.wait()

        assert store.engine.read_only == ("damage" if is_damaged else None)
        assert told == ["nothing is written any more"] * is_damaged
        branches = await store.read(lambda work: work.tx.all("SELECT id FROM branches"))
        assert len(branches) == 1


async def test_a_small_store_is_no_matter_for_the_background(tmp_path: Path) -> None:
    await fill(tmp_path, KEY)
    (tmp_path / "school.db-wal").write_bytes(b"no log")

    async with store_in(tmp_path, key=KEY) as store:
        assert not store.is_suspect


async def test_a_folder_that_cannot_be_asked_is_asked_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = asyncio.Event()
    answers: Iterator[OSError | int] = iter([OSError("gone"), OSError("gone"), 9_999])

    def free(_: FakeRoom) -> int:
        answer = next(answers, 9_999)
        if isinstance(answer, OSError):
            raise answer
        return answer

    monkeypatch.setattr(FakeRoom, "free_bytes", free)
    disk = DISK.model_copy(update={"first_look_seconds": 0.001, "look_seconds": 0.001})
    async with store_in(tmp_path) as store:
        room = FakeRoom(tmp_path, 0)
        watch = Watch(store, room, disk, clock=FrozenClock(), tell=lambda *_: asked.set())
        watch.start()

        async with asyncio.timeout(30):
            await asked.wait()
        await watch.stop()

        assert store.engine.read_only == "disk"


# The time


async def noted(store: Store) -> int:
    return await store.read(lambda work: work.latest_time.get())


@asynccontextmanager
async def timed(directory: Path, clock: FrozenClock) -> AsyncIterator[tuple[Store, Watch]]:
    """Open a store with a watch that notes the time when it is told to."""
    async with store_in(directory, clock=clock) as store:
        room = FakeRoom(directory, 100_000)
        watch = Watch(store, room, DISK, clock=clock, tell=lambda *_: None)
        await watch.begin_time()
        yield store, watch
        await watch.stop()


def seconds_of(clock: FrozenClock) -> int:
    return clock.now_ms() // 1_000


async def test_the_time_is_noted_once_a_minute_while_commands_run_and_in_five_at_rest(
    tmp_path: Path,
) -> None:
    clock = FrozenClock()
    began = seconds_of(clock)
    async with timed(tmp_path, clock) as (store, watch):
        await watch.note_time()
        assert await noted(store) == began

        clock.advance(299)
        await watch.note_time()
        assert await noted(store) == began
        clock.advance(1)
        await watch.note_time()
        assert await noted(store) == began + 300

        await store.write(lambda work: work.audited(nothing, COMMAND), actor="tests")
        clock.advance(60)
        await watch.note_time()
        assert await noted(store) == began + 360
        clock.advance(60)
        await watch.note_time()
        assert await noted(store) == began + 360


COMMAND = Command(channel="a.b")


async def nothing(work: Work) -> None:
    """Change nothing, as a command."""


async def test_the_time_of_the_end_is_noted(tmp_path: Path) -> None:
    clock = FrozenClock()
    async with timed(tmp_path, clock) as (_, watch):
        await watch.note_time()
        clock.advance(7)

    async with store_in(tmp_path) as store:
        assert await noted(store) == seconds_of(clock)


@pytest.mark.parametrize("days", [-10, -1, 30], ids=str)
async def test_a_clock_that_is_set_wrong_for_some_minutes_is_not_noted(
    tmp_path: Path, days: int
) -> None:
    clock = FrozenClock()
    began = seconds_of(clock)
    async with timed(tmp_path, clock) as (store, watch):
        await watch.note_time()
        clock.set_wall(days * 86_400)
        for _ in range(9):
            clock.advance(60)
            await watch.note_time()
        clock.set_wall(-days * 86_400)
        await watch.note_time()

        assert await noted(store) == began + 540


async def test_a_noted_time_that_is_wrong_by_far_is_forgotten(tmp_path: Path) -> None:
    clock = FrozenClock()
    wrong = seconds_of(clock) + 40 * 86_400
    async with store_in(tmp_path, clock=clock) as store:
        await store.write(lambda work: work.latest_time.note(wrong, most=wrong), actor="tests")

    async with timed(tmp_path, clock) as (store, watch):
        assert await noted(store) == wrong

        await watch.note_time()

        assert await noted(store) == seconds_of(clock)


async def test_a_watch_that_is_stopped_while_it_notes_the_time_ends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A write that has begun is seen through, and takes the cancellation with it."""
    gate = Gate()

    async def note(times: LatestTime, at: int, *, most: int) -> None:  # noqa: ARG001 (as it is called)
        gate.wait()

    monkeypatch.setattr(LatestTime, "note", note)
    async with store_in(tmp_path) as store:
        disk = DISK.model_copy(update={"first_look_seconds": 0.001, "look_seconds": 3_600.0})
        room = FakeRoom(tmp_path, 100_000)
        watch = Watch(store, room, disk, clock=FrozenClock(), tell=lambda *_: None)
        watch.start()
        await gate.entered()

        stopping = asyncio.create_task(watch.stop())
        await asyncio.sleep(0)
        gate.open()

        async with asyncio.timeout(30):
            await stopping


async def test_a_watch_that_meets_a_bug_goes_on_and_ends_without_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    has_gone_on = asyncio.Event()
    met: list[int] = []

    async def note(times: LatestTime, at: int, *, most: int) -> None:  # noqa: ARG001 (as it is called)
        met.append(at)
        raise RuntimeError("nobody expected this")

    def free(_: FakeRoom) -> int:
        if met:
            has_gone_on.set()
        return 100_000

    monkeypatch.setattr(LatestTime, "note", note)
    monkeypatch.setattr(FakeRoom, "free_bytes", free)
    disk = DISK.model_copy(update={"first_look_seconds": 0.001, "look_seconds": 0.001})
    async with store_in(tmp_path) as store:
        room = FakeRoom(tmp_path, 100_000)
        watch = Watch(store, room, disk, clock=FrozenClock(), tell=lambda *_: None)
        watch.start()
        async with asyncio.timeout(30):
            await has_gone_on.wait()
        before = len(met)

        await watch.stop()

        assert len(met) > before
