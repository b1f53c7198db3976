"""A transport over real descriptors, and the peer at their other ends."""

import asyncio
import os
import socket
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import NamedTuple

from rpcbackend.transport.lines import Line
from rpcbackend.transport.stdio import StdioTransport


class Ends(NamedTuple):
    """The four ends of two one-way streams."""

    our_in: int
    peer_out: int
    peer_in: int
    our_out: int


@contextmanager
def pipes() -> Iterator[Ends]:
    """Make two pipes, as a shell does."""
    our_in, peer_out = os.pipe()
    peer_in, our_out = os.pipe()
    with _closing(Ends(our_in, peer_out, peer_in, our_out)) as ends:
        yield ends


@contextmanager
def sockets() -> Iterator[Ends]:
    """Make two pairs of sockets, as Node does."""
    our_in, peer_out = (end.detach() for end in socket.socketpair())
    peer_in, our_out = (end.detach() for end in socket.socketpair())
    with _closing(Ends(our_in, peer_out, peer_in, our_out)) as ends:
        yield ends


@contextmanager
def _closing(ends: Ends) -> Iterator[Ends]:
    try:
        yield ends
    finally:
        # The peer leaves first, so that no thread stays blocked in a read or write of ours; and a
        # thread that is still there could read from whoever gets its descriptor's number next.
        close(ends.peer_out)
        close(ends.peer_in)
        for thread in threading.enumerate():
            if thread.name in ("stdin", "stdout"):
                thread.join(30)
        close(ends.our_in)
        close(ends.our_out)


def close(fd: int) -> None:
    """Close *fd* if that did not happen before."""
    try:
        os.close(fd)
    except OSError:
        return


class Heard:
    """What a transport told its owner, in order; None stands for the end."""

    def __init__(self) -> None:
        self.all: list[Line | None] = []
        self._grew = asyncio.Event()

    def start(self, transport: StdioTransport) -> None:
        """Listen to *transport*."""
        transport.start(self._take, lambda: self._take([None]))

    async def until(self, count: int) -> list[Line | None]:
        """Wait for *count* entries and return all."""
        async with asyncio.timeout(30):
            while len(self.all) < count:
                self._grew.clear()
                await self._grew.wait()
        return self.all

    def _take(self, lines: Iterable[Line | None]) -> None:
        self.all += lines
        self._grew.set()


class Answered(Heard):
    """A transport whose owner answers each line at once."""

    def __init__(self, transport: StdioTransport, reply: bytes) -> None:
        super().__init__()
        self.transport, self._reply = transport, reply
        self.start(transport)

    def _take(self, lines: Iterable[Line | None]) -> None:
        for line in lines:
            super()._take([line])
            if line is not None:
                self.transport.send(self._reply)


async def read_exactly(fd: int, size: int) -> bytes:
    """Read *size* bytes without holding up the loop."""

    def read() -> bytes:
        parts = bytearray()
        while len(parts) < size and (part := os.read(fd, size - len(parts))):
            parts += part
        return bytes(parts)

    async with asyncio.timeout(30):
        return await asyncio.to_thread(read)
