"""Log lines leave in order, and an unread or closed stderr holds up nobody."""

import asyncio
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from loguru import logger

from rpcbackend.observability import logs
from rpcbackend.observability.logs import BoundedStderr, log_to_stderr, report_bug


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    read, write = os.pipe()
    yield read, write
    os.close(read)


async def flushed(sink: BoundedStderr) -> None:
    """Flush, which gives up after a second: then nothing would have been flushed."""
    async with asyncio.timeout(0.9):
        await asyncio.to_thread(sink.drain, 1)


async def test_lines_are_written_in_order(pipe: tuple[int, int]) -> None:
    sink = BoundedStderr(pipe[1])

    for line in ("a\n", "ü\n", "c\n"):
        sink.write(line)
    await flushed(sink)

    assert os.read(pipe[0], 100) == "a\nü\nc\n".encode()


async def test_a_process_that_logged_nothing_does_not_wait_at_its_end(
    pipe: tuple[int, int],
) -> None:
    sink = BoundedStderr(pipe[1])

    await flushed(sink)
    sink.write("a\n")
    await flushed(sink)
    await flushed(sink)

    assert os.read(pipe[0], 100) == b"a\n"


async def test_the_oldest_lines_go_when_nobody_reads_and_their_number_is_told(
    pipe: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logs, "MAX_WAITING_LINES", 3)
    sink = BoundedStderr(pipe[1])
    filler = "x" * 200_000 + "\n"
    sink.write(filler)
    # The thread is stuck with the first line once the pipe is full.
    head = os.read(pipe[0], 1)

    for number in range(10):
        sink.write(f"{number}\n")
    text = head + await asyncio.to_thread(_read_until, pipe[0], b"9\n")

    assert text == filler.encode() + b"(7 lines dropped: nobody read stderr)\n7\n8\n9\n"


async def test_a_closed_stderr_is_no_reason_to_fail() -> None:
    read, write = os.pipe()
    os.close(read)
    sink = BoundedStderr(write)

    sink.write("a\n")
    await asyncio.to_thread(sink.drain, 0.1)
    sink.write("b\n")

    os.close(write)


async def test_a_bug_is_logged_with_its_id_and_without_the_values_of_variables(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with (tmp_path / "stderr").open("w+", encoding="utf-8") as stderr:
        monkeypatch.setattr(sys, "stderr", stderr)
        sink = log_to_stderr("INFO")
        try:
            _fail(f"{4929}-{1234}")
        except ZeroDivisionError as bug:
            report_bug(bug, "cor_1")
        logger.debug("too fine")
        await flushed(sink)
        logger.remove()

    written = (tmp_path / "stderr").read_text(encoding="utf-8")
    assert "ERROR   unexpected error {'correlation_id': 'cor_1'}" in written
    assert "ZeroDivisionError: division by zero" in written
    assert "too fine" not in written
    assert "4929-1234" not in written


def _fail(card_number: str) -> float:
    return len(card_number) / 0


def _read_until(fd: int, end: bytes) -> bytes:
    text = b""
    while not text.endswith(end):
        text += os.read(fd, 65_536)
    return text
