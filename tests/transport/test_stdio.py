"""What crosses real pipes and sockets, and what a claimed stdout keeps off them."""

import asyncio
import os
import subprocess
import sys
import threading
from collections.abc import Iterator

import pytest

from rpcbackend.schema.limits import Limits
from rpcbackend.transport import stdio
from rpcbackend.transport.lines import OVERSIZE
from rpcbackend.transport.stdio import LINES_A_TURN, StdioTransport
from tests.clauses import clause
from tests.transport.streams import Answered, Ends, Heard, close, pipes, read_exactly, sockets


@pytest.fixture(params=[pipes, sockets], ids=["pipes", "sockets"])
def ends(request: pytest.FixtureRequest) -> Iterator[Ends]:
    with request.param() as made:
        yield made


@clause("line-whole-and-in-order", "eof-half-line-dropped")
async def test_lines_come_in_whole_and_in_order_and_the_end_once_and_last(ends: Ends) -> None:
    heard = Heard()
    transport = StdioTransport(ends.our_in, ends.our_out, Limits())
    heard.start(transport)

    for part in (b'{"a"', b":1}\n\n", b"2\r\n3\nhal", b"f"):
        os.write(ends.peer_out, part)
    close(ends.peer_out)

    assert await heard.until(4) == [b'{"a":1}', b"2\r", b"3", None]
    await transport.close()
    assert heard.all == [b'{"a":1}', b"2\r", b"3", None]


@clause("limit-request", "bad-too-long")
async def test_a_line_over_the_limit_is_announced_and_the_next_one_served(ends: Ends) -> None:
    heard = Heard()
    transport = StdioTransport(ends.our_in, ends.our_out, Limits())
    heard.start(transport)

    too_long = b"x" * (Limits().request_bytes + 1)
    await asyncio.to_thread(_write_all, ends.peer_out, too_long + b"\nnext\n")

    assert await heard.until(2) == [OVERSIZE, b"next"]
    await transport.close()


@clause("line-whole-and-in-order")
async def test_lines_go_out_whole_and_in_order_whatever_their_size(ends: Ends) -> None:
    transport = StdioTransport(ends.our_in, ends.our_out, Limits())
    Heard().start(transport)
    lines = [b"%d:" % n + b"x" * size + b"\n" for n, size in enumerate([1, 5_000, 0, 300_000, 2])]

    reading = asyncio.ensure_future(read_exactly(ends.peer_in, sum(map(len, lines))))
    for line in lines:
        transport.send(line)
        await asyncio.sleep(0)

    assert await reading == b"".join(lines)
    await transport.close()


@pytest.mark.parametrize("size", [10, 5_000, 60_000])
async def test_what_was_sent_just_before_the_close_is_written(ends: Ends, size: int) -> None:
    transport = StdioTransport(ends.our_in, ends.our_out, Limits())
    Heard().start(transport)

    transport.send(b"x" * size + b"\n")
    async with asyncio.timeout(30):
        await transport.close()

    assert await read_exactly(ends.peer_in, size + 1) == b"x" * size + b"\n"


@clause("stdout-closed-is-the-end")
@pytest.mark.parametrize("size", [10, 300_000])
async def test_a_peer_that_stops_reading_for_good_is_the_end(ends: Ends, size: int) -> None:
    heard = Heard()
    transport = StdioTransport(ends.our_in, ends.our_out, Limits())
    heard.start(transport)

    close(ends.peer_in)
    transport.send(b"x" * size + b"\n")

    assert (await heard.until(1))[0] is None
    async with asyncio.timeout(30):
        await transport.close()


async def test_an_input_that_cannot_be_read_is_the_end() -> None:
    heard = Heard()
    with pipes() as ends:
        transport = StdioTransport(ends.peer_out, ends.our_out, Limits())
        heard.start(transport)

        assert await heard.until(1) == [None]
        await transport.close()


@clause("unread-output-pauses")
async def test_reading_pauses_while_the_peer_does_not_read_and_then_goes_on(
    ends: Ends,
) -> None:
    limits = Limits(unread_bytes=1_000_000, unread_resume_bytes=500_000)
    heard = Heard()
    transport = StdioTransport(ends.our_in, ends.our_out, limits)
    heard.start(transport)
    os.write(ends.peer_out, b"first\n")
    await heard.until(1)

    transport.send(b"x" * 2_000_000 + b"\n")
    # A read that had begun before still gets through.
    os.write(ends.peer_out, b"second\n")
    await _until_reader_waits()
    os.write(ends.peer_out, b"third\n")

    assert b"third" not in heard.all
    await read_exactly(ends.peer_in, 2_000_001)
    assert await heard.until(3) == [b"first", b"second", b"third"]
    await transport.close()


@clause("unread-output-pauses")
async def test_lines_that_came_together_wait_their_turn_while_too_much_is_unread(
    ends: Ends,
) -> None:
    """A chunk of small requests may ask for more than memory holds; the end waits behind them."""
    limits = Limits(unread_bytes=1_000_000, unread_resume_bytes=500_000)
    transport = StdioTransport(ends.our_in, ends.our_out, limits)
    answered = Answered(transport, b"x" * 2_000_000 + b"\n")

    os.write(ends.peer_out, b"1\n2\n3\n")
    close(ends.peer_out)

    for count in range(1, 4):
        assert await answered.until(count) == [b"1", b"2", b"3"][:count]
        await read_exactly(ends.peer_in, 2_000_001)
    assert await answered.until(4) == [b"1", b"2", b"3", None]
    await answered.transport.close()


async def test_many_lines_that_came_together_leave_turns_to_the_rest(ends: Ends) -> None:
    heard = Heard()
    transport = StdioTransport(ends.our_in, ends.our_out, Limits())
    heard.start(transport)

    os.write(ends.peer_out, b"x\n" * 3 * LINES_A_TURN)
    close(ends.peer_out)

    assert len(await heard.until(1)) == LINES_A_TURN
    await heard.until(3 * LINES_A_TURN + 1)
    await transport.close()


@clause("eof-is-shutdown")
@pytest.mark.parametrize("closes_late", [False, True], ids=["before the pause", "while paused"])
async def test_a_peer_that_closed_stdin_and_reads_nothing_for_long_is_the_end(
    ends: Ends, closes_late: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A slow reader gets everything; one that is gone must not keep the process alive."""
    monkeypatch.setattr(stdio, "LOOK_SECONDS", 0.001)
    limits = Limits(unread_bytes=1_000_000, unread_resume_bytes=500_000)
    transport = StdioTransport(ends.our_in, ends.our_out, limits)
    answered = Answered(transport, b"x" * 2_000_000 + b"\n")

    os.write(ends.peer_out, b"1\n2\n")
    if closes_late:
        await answered.until(1)
        os.write(ends.peer_out, b"3\n")
    close(ends.peer_out)

    assert await answered.until(2) == [b"1", None]
    close(ends.peer_in)
    await transport.close()


@clause("unread-output-pauses")
async def test_who_waits_for_the_peer_is_told_when_it_reads_again(ends: Ends) -> None:
    limits = Limits(unread_bytes=1_000_000, unread_resume_bytes=500_000)
    transport = StdioTransport(ends.our_in, ends.our_out, limits)
    resumed = asyncio.Event()
    transport.start(lambda _: None, lambda: None, resumed.set)

    transport.send(b"x" * 2_000_000 + b"\n")
    assert transport.is_backed_up
    await read_exactly(ends.peer_in, 2_000_001)

    async with asyncio.timeout(30):
        await resumed.wait()
    assert not transport.is_backed_up
    await transport.close()


async def test_descriptors_that_somebody_made_non_blocking_serve_on(ends: Ends) -> None:
    for fd in (ends.our_in, ends.our_out):
        os.set_blocking(fd, False)
    heard = Heard()
    transport = StdioTransport(ends.our_in, ends.our_out, Limits())
    heard.start(transport)

    os.write(ends.peer_out, b"first\n")
    await heard.until(1)
    transport.send(b"y" * 3_000_000 + b"\n")

    assert await read_exactly(ends.peer_in, 3_000_001) == b"y" * 3_000_000 + b"\n"
    os.write(ends.peer_out, b"second\n")
    assert await heard.until(2) == [b"first", b"second"]
    await transport.close()


async def test_a_peer_that_reads_in_time_never_pauses_anything(ends: Ends) -> None:
    """The line may be written before the sender has noticed that too much was waiting."""
    limits = Limits.model_construct(unread_bytes=5, unread_resume_bytes=5)
    heard = Heard()
    transport = StdioTransport(ends.our_in, ends.our_out, limits)
    heard.start(transport)

    transport.send(b"0123456789\n")
    assert await read_exactly(ends.peer_in, 11) == b"0123456789\n"
    for line in (b"first\n", b"second\n"):
        os.write(ends.peer_out, line)

    assert await heard.until(2) == [b"first", b"second"]
    await transport.close()


@clause("stdout-protocol-only", "stderr-for-people", "stdin-guarded")
def test_nothing_but_protocol_lines_reaches_a_claimed_stdout() -> None:
    program = """
import os, subprocess, sys
from rpcbackend.transport.stdio import claim_stdio
wire_in, wire_out = claim_stdio()
print("stray print")
os.write(1, b"raw write\\n")
subprocess.run(["sh", "-c", "echo from a child; cat"], check=True)
try:
    input("prompt")
except EOFError:
    print("nothing to read")
os.write(wire_out, b"heard " + os.read(wire_in, 100))
print([os.get_inheritable(fd) for fd in (wire_in, wire_out)])
"""

    ended = subprocess.run(  # noqa: S603 (our own program)
        [sys.executable, "-c", program],
        input=b"request\n",
        capture_output=True,
        timeout=60,
        check=True,
    )

    assert ended.stdout == b"heard request\n"
    assert sorted(ended.stderr.decode().split("\n")) == sorted(
        ["stray print", "raw write", "from a child", "promptnothing to read", "[False, False]", ""]
    )


def _write_all(fd: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(fd, view) :]


async def _until_reader_waits() -> None:
    """Wait until the thread that reads has stopped doing so."""
    (reader,) = [thread for thread in threading.enumerate() if thread.name == "stdin"]
    async with asyncio.timeout(30):
        while sys._current_frames()[reader.ident or 0].f_code.co_name != "wait":  # noqa: ASYNC110, SLF001 (a thread has no event for that)
            await asyncio.sleep(0)
