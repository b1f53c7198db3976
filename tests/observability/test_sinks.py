"""Log lines leave in order, and an unread or closed stderr, or a full disk, holds up nobody."""

import asyncio
import os
from collections.abc import Iterator

import pytest

from rpcbackend.observability import sinks
from rpcbackend.observability.forms import JSON
from rpcbackend.observability.sinks import BoundedSink, Strays, to_fd, to_first_that_can


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    read, write = os.pipe()
    yield read, write
    os.close(read)


async def flushed(sink: BoundedSink) -> None:
    """Flush, which gives up after a minute: then nothing would have been flushed."""
    async with asyncio.timeout(30):
        await asyncio.to_thread(sink.drain, 60)


async def test_lines_are_written_in_order(pipe: tuple[int, int]) -> None:
    sink = BoundedSink(to_fd(pipe[1]))

    for line in ("a\n", "ü\n", "c\n"):
        sink.write(line)
    await flushed(sink)

    assert os.read(pipe[0], 100) == "a\nü\nc\n".encode()


async def test_a_process_that_logged_nothing_does_not_wait_at_its_end(
    pipe: tuple[int, int],
) -> None:
    sink = BoundedSink(to_fd(pipe[1]))

    await flushed(sink)
    sink.write("a\n")
    await flushed(sink)
    await flushed(sink)

    assert os.read(pipe[0], 100) == b"a\n"


async def test_the_oldest_lines_go_when_nobody_reads_and_their_number_is_told(
    pipe: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sinks, "MAX_WAITING_LINES", 3)
    sink = BoundedSink(to_fd(pipe[1]))
    filler = "x" * 200_000 + "\n"
    sink.write(filler)
    # The thread is stuck with the first line once the pipe is full.
    head = os.read(pipe[0], 1)

    for number in range(10):
        sink.write(f"{number}\n")
    text = head + await asyncio.to_thread(_read_until, pipe[0], b"9\n")

    assert text == filler.encode() + b"(7 lines dropped: nobody took them)\n7\n8\n9\n"


async def test_a_closed_stderr_is_no_reason_to_fail() -> None:
    read, write = os.pipe()
    os.close(read)
    sink = BoundedSink(to_fd(write))

    sink.write("a\n")
    await asyncio.to_thread(sink.drain, 0.1)
    sink.write("b\n")

    os.close(write)


async def test_what_the_first_cannot_write_the_other_does(pipe: tuple[int, int]) -> None:
    taken: list[str] = []

    def file(lines: str) -> None:
        if len(taken) == 1:
            taken.append("full")
            raise OSError(28, "No space left on device")
        taken.append(lines)

    sink = BoundedSink(to_first_that_can(file, to_fd(pipe[1])))
    for line in ("a\n", "b\n", "c\n"):
        sink.write(line)
    await flushed(sink)

    assert taken == ["a\n", "full", "c\n"]
    assert os.read(pipe[0], 100) == b"b\n"


async def test_lines_that_nothing_takes_are_counted_and_the_next_ones_go_out() -> None:
    taken: list[str] = []
    failures = [OSError(28, "No space left on device"), ValueError("write to closed file")]

    def write_out(lines: str) -> None:
        if failures:
            raise failures.pop()
        taken.append(lines)

    sink = BoundedSink(to_first_that_can(refuse, write_out))
    for line in ("a\n", "b\n", "c\n", "d\n"):
        sink.write(line)
        await flushed(sink)

    assert taken == ["(2 lines dropped: nobody took them)\nc\n", "d\n"]


def refuse(_: str) -> None:
    raise ValueError("I/O operation on closed file")


async def test_what_is_printed_without_a_line_end_goes_out_at_the_end_or_when_it_is_long(
    pipe: tuple[int, int],
) -> None:
    sink = BoundedSink(to_fd(pipe[1]))
    strays = Strays(sink)

    strays.write("a")
    strays.write("b\nc")
    strays.write("d" * 8_192)
    strays.write("e")
    strays.flush()
    strays.end()
    strays.end()
    await flushed(sink)

    assert os.read(pipe[0], 10_000).decode() == f"| ab\n| c{'d' * 8_192}\n| e\n"


async def test_what_is_printed_into_a_log_of_json_is_json(pipe: tuple[int, int]) -> None:
    sink = BoundedSink(to_fd(pipe[1]), JSON)
    strays = Strays(sink, JSON)

    strays.write("a\n")
    await flushed(sink)

    assert b'"level":"PRINT","message":"a"}\n' in os.read(pipe[0], 1_000)


def _read_until(fd: int, end: bytes) -> bytes:
    text = b""
    while not text.endswith(end):
        text += os.read(fd, 65_536)
    return text
