"""How lines leave: together where they can, in order always, and never at the loop's expense."""

import asyncio
import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from rpcbackend.transport.writer import LineWriter
from tests.transport.streams import Ends, close, pipes, read_exactly, sockets


class Told:
    """What a writer told its owner."""

    def __init__(self) -> None:
        self.drained = threading.Event()
        self.broken = asyncio.Event()

    def writer(self, fd: int) -> LineWriter:
        """Make the writer that tells it."""
        return LineWriter(
            fd,
            resume_below_bytes=1_000,
            on_drained=self.drained.set,
            on_broken=self.broken.set,
        )


@pytest.fixture(params=[pipes, sockets], ids=["pipes", "sockets"])
def ends(request: pytest.FixtureRequest) -> Iterator[Ends]:
    with request.param() as made:
        yield made


async def test_lines_of_one_turn_of_the_loop_leave_in_one_write(ends: Ends) -> None:
    lines = Told().writer(ends.our_out)

    assert [lines.put(b"a\n"), lines.put(b"bc\n")] == [2, 5]
    await asyncio.sleep(0)

    assert os.read(ends.peer_in, 100) == b"a\nbc\n"
    assert lines.is_drained
    await lines.close()


async def test_a_peer_that_does_not_read_holds_up_nobody_and_gets_everything_in_order(
    ends: Ends,
) -> None:
    lines = Told().writer(ends.our_out)
    sent = [b"%d:" % n + b"x" * 50_000 + b"\n" for n in range(40)]

    for line in sent:
        waiting = lines.put(line)
        await asyncio.sleep(0)
    small = lines.put(b"last\n")

    assert waiting > 50_000
    assert small > 50_000
    wanted = b"".join([*sent, b"last\n"])
    assert await read_exactly(ends.peer_in, len(wanted)) == wanted
    await lines.close()


async def test_a_peer_that_reads_again_is_announced(ends: Ends) -> None:
    told = Told()
    lines = told.writer(ends.our_out)

    lines.put(b"x" * 1_000_000)
    await asyncio.sleep(0)
    assert not lines.is_drained
    assert not told.drained.is_set()
    await read_exactly(ends.peer_in, 1_000_000)

    assert await asyncio.to_thread(told.drained.wait, 30)
    await lines.close()


@pytest.mark.parametrize("size", [10, 1_000_000], ids=["at-once", "by-thread"])
async def test_a_peer_that_has_left_is_announced(ends: Ends, size: int) -> None:
    told = Told()
    lines = told.writer(ends.our_out)
    close(ends.peer_in)

    lines.put(b"x" * size)

    async with asyncio.timeout(30):
        await told.broken.wait()
        await lines.close()


async def test_a_peer_that_leaves_in_the_middle_of_a_write_is_announced(ends: Ends) -> None:
    told = Told()
    lines = told.writer(ends.our_out)
    lines.put(b"x" * 1_000_000)
    await read_exactly(ends.peer_in, 10)

    close(ends.peer_in)

    async with asyncio.timeout(30):
        await told.broken.wait()
        await lines.close()


async def test_a_close_waits_for_what_was_put_before(ends: Ends) -> None:
    lines = Told().writer(ends.our_out)
    lines.put(b"x" * 1_000_000)

    closing = asyncio.ensure_future(lines.close())
    assert await read_exactly(ends.peer_in, 1_000_000) == b"x" * 1_000_000

    async with asyncio.timeout(30):
        await closing


async def test_a_file_takes_lines_too(tmp_path: Path) -> None:
    file = tmp_path / "out"
    fd = os.open(file, os.O_WRONLY | os.O_CREAT)
    lines = Told().writer(fd)

    lines.put(b"a\n")
    lines.put(b"b\n")
    async with asyncio.timeout(30):
        await lines.close()

    os.close(fd)
    assert file.read_bytes() == b"a\nb\n"
