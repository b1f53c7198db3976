"""Log lines leave in order, and an unread or closed stderr holds up nobody."""

import asyncio
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from loguru import logger

from rpcbackend.observability import logs
from rpcbackend.observability.logs import (
    BoundedStderr,
    Strays,
    escaped,
    log_to_stderr,
    report_bug,
)
from tests.clauses import clause


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


FORGED = "\n2026-11-23T08:00:00.000+0000 INFO    all is well {}\r\x1b[2J\u2028\u202e{0.__class__}"
ESCAPED = (
    "\\n2026-11-23T08:00:00.000+0000 INFO    all is well {}\\r\\x1b[2J\\u2028\\u202e{0.__class__}"
)


@clause("log-not-forged")
async def test_no_text_forges_a_line_wherever_it_comes_from(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with (tmp_path / "stderr").open("w+", encoding="utf-8") as stderr:
        monkeypatch.setattr(sys, "stderr", stderr)
        sink = log_to_stderr("INFO")
        logger.info("{}", FORGED)
        logger.bind(channel=FORGED).info("bound")
        bug = RuntimeError(FORGED)
        bug.add_note(FORGED)
        report_bug(bug, FORGED)
        print(FORGED, file=Strays(sink))
        await flushed(sink)
        logger.remove()

    lines = (tmp_path / "stderr").read_bytes().decode().split("\n")
    ours = [line for line in lines if line and not line.startswith("| ")]
    assert [line.partition(" ")[2] for line in ours] == [
        f"INFO    {ESCAPED} {{}}",
        f"INFO    bound {{'channel': {FORGED!r}}}",
        f"ERROR   unexpected error {{'correlation_id': {FORGED!r}}}",
    ]
    assert all(escaped(line) == line for line in lines)
    assert "| RuntimeError: " in lines
    # Of the message, the note and what was printed: behind the bar each.
    assert sum(line.startswith(f"| {ESCAPED[2:]}") for line in lines) == 3


async def test_what_is_printed_without_a_line_end_goes_out_at_the_end_or_when_it_is_long(
    pipe: tuple[int, int],
) -> None:
    sink = BoundedStderr(pipe[1])
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


def _fail(card_number: str) -> float:
    return len(card_number) / 0


def _read_until(fd: int, end: bytes) -> bytes:
    text = b""
    while not text.endswith(end):
        text += os.read(fd, 65_536)
    return text
