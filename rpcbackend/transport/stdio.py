"""stdin and stdout as a transport: one thread reads, one thread writes, and nothing else prints.

asyncio's own pipe transports fail on Windows and switch descriptors that other processes share to
non-blocking mode (architecture D8), so both directions are plain blocking calls in own threads.
"""

import asyncio
import os
import sys
import threading
from collections.abc import Callable

from rpcbackend.schema.limits import Limits
from rpcbackend.transport.lines import Line, LineSplitter
from rpcbackend.transport.writer import LineWriter

CHUNK_BYTES = 256 * 1024
"""One read takes at most this much: a pipe holds 64 KiB, a socket a little more."""

HANDOVERS_AHEAD = 8
"""Chunks the reader may run ahead of the loop, so that a flood stays in the pipe."""

OnLines = Callable[[list[Line]], None]
OnEnd = Callable[[], None]


def claim_stdio() -> tuple[int, int]:
    """Take stdin and stdout away from everybody else and return private copies of them.

    Afterwards fd 1 is stderr and fd 0 is empty, so a stray `print`, a C library or a child process
    can neither corrupt the stream nor eat requests from it.
    """
    wire_in, wire_out = os.dup(0), os.dup(1)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    os.dup2(2, 1)
    sys.stdout = sys.stderr
    if sys.platform == "win32":
        import msvcrt  # noqa: PLC0415 (exists on Windows only)

        msvcrt.setmode(wire_in, os.O_BINARY)
        msvcrt.setmode(wire_out, os.O_BINARY)
    return wire_in, wire_out


class StdioTransport:
    """Lines over a pair of descriptors.

    Args:
        fd_in: Read until end of file.
        fd_out: Written in the order of `send`; a closed one counts as the peer being gone.
        limits: How long a line may be, and how much may be unread.
    """

    def __init__(self, fd_in: int, fd_out: int, limits: Limits) -> None:
        self._fd_in, self._fd_out = fd_in, fd_out
        self._limits = limits
        self._may_read = threading.Event()
        self._may_read.set()
        self._ahead = threading.BoundedSemaphore(HANDOVERS_AHEAD)

    def start(self, on_lines: OnLines, on_end: OnEnd) -> None:
        """Begin to read; both callbacks run on the running loop, *on_end* when the peer is gone."""
        loop = asyncio.get_running_loop()
        self._writer = LineWriter(
            self._fd_out,
            resume_below_bytes=self._limits.unread_resume_bytes,
            on_drained=self._may_read.set,
            on_broken=on_end,
        )
        threading.Thread(
            target=self._read, args=(loop, on_lines, on_end), name="stdin", daemon=True
        ).start()

    def send(self, line: bytes) -> None:
        """Queue one line, its line end included; it is written together with what else is ready."""
        if self._writer.put(line) > self._limits.unread_bytes:
            self._may_read.clear()
            if self._writer.is_drained:
                # The peer caught up while we made up our mind: nobody would tell us again.
                self._may_read.set()

    @property
    def is_writable(self) -> bool:
        """Whether the peer has read most of what it was sent."""
        return self._writer.has_room

    async def writable(self) -> None:
        """Wait until the peer has read most of what it was sent."""
        await self._writer.room()

    async def close(self) -> None:
        """Write what is queued and stop; waits as long as the peer takes to read it."""
        await self._writer.close()

    def _read(self, loop: asyncio.AbstractEventLoop, on_lines: OnLines, on_end: OnEnd) -> None:
        splitter = LineSplitter(self._limits.request_bytes)

        def hand_over(lines: list[Line]) -> None:
            try:
                on_lines(lines)
            finally:
                self._ahead.release()

        try:
            while chunk := self._next_chunk():
                if lines := splitter.feed(chunk):
                    self._ahead.acquire()
                    loop.call_soon_threadsafe(hand_over, lines)
            loop.call_soon_threadsafe(on_end)
        except RuntimeError:
            # The loop closed while this thread was blocked in its read: nobody is listening.
            return

    def _next_chunk(self) -> bytes:
        self._may_read.wait()
        try:
            return os.read(self._fd_in, CHUNK_BYTES)
        except OSError:
            # A broken pipe on stdin means what end of file means: the peer is gone.
            return b""
