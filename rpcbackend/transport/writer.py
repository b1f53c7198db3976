"""Write lines to a descriptor without ever making the loop wait for the peer."""

import asyncio
import os
import select
import socket
import stat
import sys
import threading
from collections import deque
from collections.abc import Callable
from contextlib import ExitStack, suppress

ROOM_BYTES = 1024 * 1024
"""Unread output above which events wait, for they stand in the store, and progress is left out."""

WRITE_BYTES = 1024 * 1024
"""One write takes about this much: joining all that waits would hold it twice."""

Attempt = Callable[[bytes], int]
"""Writes as much as goes without waiting, and returns how much that was."""


class LineWriter:
    """Coalesce lines: one write for all that a turn of the loop has produced.

    What the peer can take at once is written by the loop itself, which saves two thread switches a
    reply; the rest is left to a thread, in order.

    Args:
        fd: Written in the order of `put`.
        resume_below_bytes: Unread output below which a peer counts as reading again.
        on_drained: Called, on the loop or the thread, when unread output is little again.
        on_broken: Called on the loop when the peer has closed its end.
    """

    def __init__(
        self,
        fd: int,
        *,
        resume_below_bytes: int,
        on_drained: Callable[[], None],
        on_broken: Callable[[], None],
    ) -> None:
        self._fd, self._resume_below = fd, resume_below_bytes
        self._on_drained, self._on_broken = on_drained, on_broken
        self._loop = asyncio.get_running_loop()
        self._kept = ExitStack()
        self._attempt = _attempt_on(fd, self._kept)
        self._fresh: list[bytes] = []
        self._handed: deque[bytes] = deque()
        self._put_bytes = 0
        self.written_bytes = 0
        """How much the peer has taken; the thread counts while it has lines, else the loop does."""
        self._wake = threading.Event()
        self._is_closing = False
        self._has_room = asyncio.Event()
        self._has_ended = asyncio.Event()
        threading.Thread(target=self._run, name="stdout", daemon=True).start()

    def put(self, line: bytes) -> int:
        """Queue *line* and return how many bytes wait to be written now."""
        if not self._fresh:
            self._loop.call_soon(self._flush)
        self._fresh.append(line)
        self._put_bytes += len(line)
        return self._put_bytes - self.written_bytes

    @property
    def is_drained(self) -> bool:
        """Whether little waits to be written."""
        return self._put_bytes - self.written_bytes < self._resume_below

    @property
    def has_room(self) -> bool:
        """Whether the peer has read most of what it was sent."""
        return self._put_bytes - self.written_bytes <= ROOM_BYTES

    async def room(self) -> None:
        """Wait until the peer has read most of what it was sent."""
        while not self.has_room:
            self._has_room.clear()
            await self._has_room.wait()

    async def close(self) -> None:
        """Write what is queued and stop; waits as long as the peer takes to read it."""
        self._flush()
        self._is_closing = True
        self._wake.set()
        await self._has_ended.wait()
        self._kept.close()

    def _flush(self) -> None:
        fresh, self._fresh = self._fresh, []
        if not fresh:
            return
        waiting = self._put_bytes - self.written_bytes
        if waiting <= WRITE_BYTES:
            ready = b"".join(fresh)
            rest = self._write_at_once(ready) if waiting == len(ready) else ready
            fresh = [rest] if rest else []
        if fresh:
            self._handed.extend(fresh)
            self._wake.set()

    def _write_at_once(self, ready: bytes) -> bytes:
        """Write what goes without waiting and return the rest."""
        if self._attempt is None:
            return ready
        try:
            written = self._attempt(ready)
        except OSError:
            self._on_broken()
            return b""
        self.written_bytes += written
        self._has_room.set()
        if self.is_drained:
            self._on_drained()
        return ready[written:]

    def _run(self) -> None:
        try:
            is_closing = False
            while not is_closing:
                self._wake.wait()
                self._wake.clear()
                # Looked at before the lines: what was handed over before the close is written.
                is_closing = self._is_closing
                while self._write_handed():
                    pass
        except OSError:
            # EPIPE: the peer closed its end. What is still queued has no reader.
            self._is_closing = True
            self._tell(self._on_broken)
        finally:
            self._tell(self._has_ended.set)

    def _tell(self, function: Callable[[], object]) -> None:
        """From the thread, call *function* on the loop, if there still is one."""
        with suppress(RuntimeError):
            self._loop.call_soon_threadsafe(function)

    def _write_handed(self) -> bool:
        """Write what was handed over; tell whether there was anything."""
        if not self._handed:
            return False
        parts, size = [], 0
        while self._handed and size < WRITE_BYTES:
            parts.append(self._handed.popleft())
            size += len(parts[-1])
        view = memoryview(b"".join(parts))
        while view:
            try:
                # A long line in pieces, too: whoever waits for the peer sees that it reads.
                written = os.write(self._fd, view[:WRITE_BYTES])
            except BlockingIOError:
                # Somebody who shares the descriptor made it non-blocking (D8).
                select.select([], [self._fd], [])
                continue
            view = view[written:]
            self.written_bytes += written
        if self.is_drained:
            self._on_drained()
        if self.has_room:
            self._tell(self._has_room.set)
        return True


def _attempt_on(fd: int, kept: ExitStack) -> Attempt | None:
    """Return how to write to *fd* without waiting and without changing it, if there is a way.

    Making the descriptor non-blocking is none: others may share it (D8).
    """
    if sys.platform == "win32":
        return None
    mode = os.fstat(fd).st_mode
    if stat.S_ISSOCK(mode):
        return _attempt_on_socket(kept.enter_context(socket.socket(fileno=os.dup(fd))))
    return _attempt_on_pipe(fd) if stat.S_ISFIFO(mode) else None


def _attempt_on_socket(peer: socket.socket) -> Attempt:
    # Node gives its children socket pairs.
    def attempt(ready: bytes) -> int:
        try:
            return peer.send(ready, socket.MSG_DONTWAIT)
        except BlockingIOError:
            return 0

    return attempt


def _attempt_on_pipe(fd: int) -> Attempt:
    poll = select.poll()
    poll.register(fd, select.POLLOUT)

    def attempt(ready: bytes) -> int:
        # A pipe that polls as writable takes PIPE_BUF bytes at once: POSIX write(), and we are the
        # only writer.
        if len(ready) > select.PIPE_BUF or not poll.poll(0):
            return 0
        try:
            return os.write(fd, ready)
        except BlockingIOError:
            return 0

    return attempt
