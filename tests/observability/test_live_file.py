"""Figures in a file, while somebody looks and no longer."""

import asyncio
import os
import threading
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from rpcbackend.observability import live_file as live_file_module
from rpcbackend.observability.live_file import FIGURES_NAME, REQUEST_NAME, LiveFile
from rpcbackend.testing import FrozenClock


class Figures:
    """Counts how often they were asked for."""

    def __init__(self) -> None:
        self.count = 0
        self.changed = asyncio.Event()

    async def __call__(self) -> bytes:
        """Return how often."""
        self.count += 1
        self.changed.set()
        return str(self.count).encode()

    async def until(self, count: int) -> None:
        """Wait until they were asked for so often."""
        async with asyncio.timeout(30):
            while self.count < count:
                self.changed.clear()
                await self.changed.wait()


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live_file_module, "PAUSE_SECONDS", 0.001)


def touch(directory: Path, clock: FrozenClock) -> None:
    path = directory / REQUEST_NAME
    path.touch()
    os.utime(path, (clock.now_ms() / 1_000,) * 2)


async def test_nobody_looks_so_nothing_is_written(tmp_path: Path, clock: FrozenClock) -> None:
    figures = Figures()
    live = LiveFile(tmp_path, figures, clock)

    live.beat()
    await live.close()

    assert figures.count == 0
    assert not (tmp_path / FIGURES_NAME).exists()


async def test_somebody_looks_until_he_does_not_touch_it_any_more(
    tmp_path: Path, clock: FrozenClock
) -> None:
    figures, path = Figures(), tmp_path / FIGURES_NAME
    live = LiveFile(tmp_path, figures, clock)
    touch(tmp_path, clock)

    live.beat()
    live.beat()
    await figures.until(3)
    assert int(path.read_bytes()) >= 2
    assert path.stat().st_mode & 0o777 == 0o600
    clock.advance(11)

    await live.settle()
    assert not path.exists()
    seen = figures.count
    live.beat()
    await live.close()
    assert figures.count == seen


async def test_he_may_come_back(tmp_path: Path, clock: FrozenClock) -> None:
    figures, path = Figures(), tmp_path / FIGURES_NAME
    live = LiveFile(tmp_path, figures, clock)
    for round_ in (1, 2):
        touch(tmp_path, clock)
        live.beat()
        # Those before were written by then.
        await figures.until(figures.count + 2)
        assert path.exists(), round_
        clock.advance(11)
        await live.settle()
        assert not path.exists(), round_
    await live.close()


async def test_a_touch_from_a_far_future_is_none(tmp_path: Path, clock: FrozenClock) -> None:
    figures = Figures()
    clock.advance(1_000)
    touch(tmp_path, clock)
    clock.set_wall(-1_000)
    live = LiveFile(tmp_path, figures, clock)

    live.beat()

    assert figures.count == 0


async def test_a_file_that_cannot_be_written_is_tried_again(
    tmp_path: Path, clock: FrozenClock
) -> None:
    figures, path = Figures(), tmp_path / FIGURES_NAME
    path.mkdir()
    live = LiveFile(tmp_path, figures, clock)
    touch(tmp_path, clock)
    live.beat()
    await figures.until(2)

    path.rmdir()

    await figures.until(figures.count + 3)
    assert path.is_file()
    await live.close()
    assert not path.exists()


async def test_a_write_that_is_under_way_at_the_end_leaves_no_file(
    tmp_path: Path, clock: FrozenClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    is_writing, may_go_on = threading.Event(), threading.Event()
    replace = live_file_module._replace

    def replace_slowly(path: Path, content: bytes) -> None:
        is_writing.set()
        assert may_go_on.wait(30)
        replace(path, content)

    monkeypatch.setattr(live_file_module, "_replace", replace_slowly)
    live = LiveFile(tmp_path, Figures(), clock)
    touch(tmp_path, clock)
    live.beat()
    assert await asyncio.to_thread(is_writing.wait, 30)

    closing = asyncio.get_running_loop().create_task(live.close())
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    may_go_on.set()
    async with asyncio.timeout(30):
        await closing
    # Whatever threads are still at is done now.
    await asyncio.get_running_loop().shutdown_default_executor()

    assert not (tmp_path / FIGURES_NAME).exists()


async def test_a_store_in_memory_is_not_looked_at(clock: FrozenClock) -> None:
    figures: Callable[[], Awaitable[bytes]] = Figures()
    live = LiveFile(None, figures, clock)

    live.beat()
    await live.close()
