"""stdin and stdout as a transport: one thread reads, one thread writes, and nothing else prints.

asyncio's own pipe transports fail on Windows and switch descriptors that other processes share to
non-blocking mode (architecture D8), so both directions are plain blocking calls in own threads.
"""

import asyncio
import os
import select
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress

from rpcbackend.schema.limits import Limits
from rpcbackend.transport.lines import Line, LineSplitter
from rpcbackend.transport.writer import LineWriter

CHUNK_BYTES = 256 * 1024
"""One read takes at most this much: a pipe holds 64 KiB, a socket a little more."""

HANDOVERS_AHEAD = 8
"""Chunks the reader may run ahead of the loop, so that a flood stays in the pipe."""

LINES_A_TURN = 256
"""Lines handed over at once: between them the loop sees to calls that ended, and to signals."""

OnLines = Callable[[Iterable[Line]], None]
OnEnd = Callable[[], None]
OnResume = Callable[[], None]

STDERR = 2

LOOK_SECONDS = 1.0
STALLED_LOOKS = 10
"""A peer that has closed our stdin and reads nothing for this many looks is gone for good."""


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


def close_leaked() -> None:
    """Close what the parent left open in us beside stdin, stdout and stderr.

    Electron on Linux leaks some fourteen descriptors to each child: as long as we held them its
    files would be in use and its sockets connected (electron#34808). What this process opened by
    itself no child inherits (PEP 446), so it is told apart by that and stays.
    """
    with suppress(OSError):  # there is none on Windows, which leaks nothing, or without /proc
        for name in os.listdir("/dev/fd"):  # noqa: PTH208 (names are all that is wanted)
            _close_inherited(int(name))


def _close_inherited(fd: int) -> None:
    with suppress(OSError):  # the listing's own is among the listed
        if fd > STDERR and os.get_inheritable(fd):
            os.close(fd)


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
        self.is_backed_up = False
        """Whether so much is unread that nothing should cause more."""
        self._has_ended = threading.Event()
        self._ahead = threading.BoundedSemaphore(HANDOVERS_AHEAD)
        self._arrived: deque[deque[Line] | None] = deque()
        self._is_handing_over = False

    def start(self, on_lines: OnLines, on_end: OnEnd, on_resume: OnResume = lambda: None) -> None:
        """Begin to read; the callbacks run on the running loop.

        Args:
            on_lines: Takes what came in.
            on_end: Told when the peer is gone.
            on_resume: Told when the peer reads again after `is_backed_up`.
        """
        self._loop = asyncio.get_running_loop()
        self._on_lines, self._on_end, self._on_resume = on_lines, on_end, on_resume
        self._writer = LineWriter(
            self._fd_out,
            resume_below_bytes=self._limits.unread_resume_bytes,
            on_drained=self._resume,
            on_broken=on_end,
        )
        threading.Thread(target=self._read, name="stdin", daemon=True).start()

    def send(self, line: bytes) -> None:
        """Queue one line, its line end included; it is written together with what else is ready."""
        if self._writer.put(line) > self._limits.unread_bytes:
            # In this order: whoever resumes between the two finds nothing to resume, and is asked
            # again below; the other way round nobody would ever read again.
            self._may_read.clear()
            self.is_backed_up = True
            if self._writer.is_drained:
                # The peer caught up while we made up our mind: nobody would tell us again.
                self._resume()

    @property
    def is_writable(self) -> bool:
        """Whether the peer has read most of what it was sent."""
        return self._writer.has_room

    async def writable(self) -> None:
        """Wait until the peer has read most of what it was sent."""
        await self._writer.room()

    @property
    def written_bytes(self) -> int:
        """How much the peer has taken."""
        return self._writer.written_bytes

    async def close(self) -> None:
        """Write what is queued and stop; waits as long as the peer takes to read it."""
        self._has_ended.set()
        await self._writer.close()

    # On the loop

    def _arrive(self, lines: list[Line] | None) -> None:
        """Take the lines of a chunk, or None for the end."""
        self._arrived.append(lines if lines is None else deque(lines))
        self._go_on()

    def _go_on(self) -> None:
        if not self._is_handing_over:
            self._hand_over()

    def _resumed(self) -> None:
        # Those who wait came before those who have not been looked at.
        self._on_resume()
        self._go_on()

    def _hand_over(self) -> None:
        # One chunk of small requests may ask for thousands of large replies, so a pause that only
        # kept the next chunk out would bound nothing.
        self._is_handing_over = bool(self._arrived) and not self.is_backed_up
        if not self._is_handing_over:
            return
        lines = self._arrived[0]
        if lines is None:
            self._has_ended.set()
            self._on_end()
            return
        try:
            self._on_lines(self._until_pause(lines))
        finally:
            if not lines:
                self._arrived.popleft()
                self._ahead.release()
            self._is_handing_over = bool(self._arrived)
            if self._arrived:
                self._loop.call_soon(self._hand_over)

    def _until_pause(self, lines: deque[Line]) -> Iterator[Line]:
        for _ in range(LINES_A_TURN):
            if not lines or self.is_backed_up:
                return
            yield lines.popleft()

    # On threads

    def _resume(self) -> None:
        if self.is_backed_up:
            self.is_backed_up = False
            self._may_read.set()
            with suppress(RuntimeError):
                self._loop.call_soon_threadsafe(self._resumed)

    def _read(self) -> None:
        splitter = LineSplitter(self._limits.request_bytes)
        # The loop may close while this thread is blocked in its read: then nobody is listening.
        with suppress(RuntimeError):
            while chunk := self._next_chunk():
                if lines := splitter.feed(chunk):
                    if not self._wait_for(self._is_caught_up):
                        return
                    self._loop.call_soon_threadsafe(self._arrive, lines)
            self._loop.call_soon_threadsafe(self._arrive, None)
            self._wait_for(self._has_ended.wait, has_ended=True)

    def _next_chunk(self) -> bytes:
        if not self._wait_for(self._may_read.wait):
            return b""
        while True:
            try:
                return os.read(self._fd_in, CHUNK_BYTES)
            except BlockingIOError:
                # Somebody who shares the descriptor made it non-blocking (D8).
                select.select([self._fd_in], [], [])
            except OSError:
                # A broken pipe on stdin means what end of file means: the peer is gone.
                return b""

    def _is_caught_up(self, seconds: float) -> bool:
        return self._ahead.acquire(timeout=seconds)

    def _wait_for(self, come: Callable[[float], bool], *, has_ended: bool = False) -> bool:
        """Wait until *come* is true; give up on a peer that is gone and never reads again.

        Whoever closes our stdin and reads on slowly, such as a pager, gets everything. Whoever is
        dead while somebody else keeps his end of stdout open would keep us alive for ever.
        """
        stalled, written = 0, self._writer.written_bytes
        while not come(LOOK_SECONDS):
            is_stalled = self.is_backed_up and written == self._writer.written_bytes
            stalled = stalled + 1 if is_stalled and (has_ended or self._is_hung_up()) else 0
            written = self._writer.written_bytes
            if stalled >= STALLED_LOOKS:
                self._has_ended.set()
                self._loop.call_soon_threadsafe(self._on_end)
                return False
        return True

    def _is_hung_up(self) -> bool:
        """Tell whether nobody can write to stdin any more, though there may be more to read."""
        if sys.platform == "win32":
            return False
        poll = select.poll()
        poll.register(self._fd_in, getattr(select, "POLLRDHUP", 0))
        return any(events & ~select.POLLIN for _, events in poll.poll(0))
