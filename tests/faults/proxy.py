"""What stands between the program and a host on loopback, and does harm there."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from enum import StrEnum

CHUNK = 65_536
DRIP_SECONDS = 0.05
"""Between two bytes: no read of the program waits for long, and the whole never ends."""
LATENCY_SECONDS = 0.02
TRUNCATED_BYTES = 9


class Fault(StrEnum):
    """What becomes of a connection."""

    NONE = "none"
    REFUSED = "refused"
    """Nobody listens."""
    RESET = "reset"
    """Broken off as soon as it is there."""
    BLACK_HOLE = "black hole"
    """Taken, and nothing said."""
    GARBAGE = "garbage"
    """Answered with what belongs to no protocol."""
    LATENCY = "latency"
    """Each piece comes later, but it comes."""
    CUT_REQUEST = "cut request"
    """Broken off in the midst of what the program says."""
    ANSWER_RESET = "answer reset"
    """Broken off once the message has arrived, in the place of the answer; so the three below."""
    ANSWER_LOST = "answer lost"
    """Nothing comes any more."""
    ANSWER_DRIPS = "answer drips"
    """Byte by byte."""
    ANSWER_CUT = "answer cut"
    """It ends amid its first line."""


class Proxy:
    """Passes on what comes, but for its fault.

    Args:
        port: Of the host behind it.
        arrived: Counts the messages that the host has.
    """

    def __init__(self, port: int, arrived: Callable[[], int]) -> None:
        self._upstream, self._arrived = port, arrived
        self._fault = Fault.NONE
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self.port = 0
        self.passed = 0
        """Bytes on their way up so far, of the present connection."""
        self.length = 0
        """Bytes that the last whole message took on its way up, greetings among them."""

    async def become(self, fault: Fault) -> None:
        """Do this harm to every connection from now on, and end those that there are."""
        self._fault = fault
        await self._end_connections()
        if fault is Fault.REFUSED and self._server is not None:
            self._server.close()
            self._server = None
        elif self._server is None:
            self._server = await asyncio.start_server(self._meet, "127.0.0.1", self.port)
            self.port = self._server.sockets[0].getsockname()[1]

    async def close(self) -> None:
        """Stop listening, and end every connection."""
        if self._server is not None:
            self._server.close()
        await self._end_connections()

    async def _end_connections(self) -> None:
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks, timeout=5)

    async def _meet(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            with suppress(OSError, asyncio.CancelledError):
                await self._serve(reader, writer)
        finally:
            self._tasks.discard(task)
            writer.transport.abort()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._fault is Fault.RESET:
            return
        if self._fault is Fault.BLACK_HOLE:
            await asyncio.Event().wait()
        if self._fault is Fault.GARBAGE:
            writer.write(b"\x00\xff\xfe what is this?\r\n" * 3)
            await writer.drain()
            await reader.read()
            return
        before = self._arrived()
        up_reader, up_writer = await asyncio.open_connection("127.0.0.1", self._upstream)
        both = [
            asyncio.ensure_future(self._pass_up(reader, up_writer)),
            asyncio.ensure_future(self._pass_down(up_reader, writer, before)),
        ]
        try:
            # Whoever hangs up first ends it for both.
            await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
        finally:
            up_writer.transport.abort()
            for one in both:
                one.cancel()
            await asyncio.gather(*both, return_exceptions=True)

    async def _pass_up(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        passed = 0
        while piece := await reader.read(CHUNK):
            if self._fault is Fault.LATENCY:
                await asyncio.sleep(LATENCY_SECONDS)
            room = self.length - MISSING_BYTES - passed
            passed += len(piece)
            if self._fault is Fault.CUT_REQUEST and len(piece) > room:
                # The host has most of the message, and will never have the rest.
                writer.write(piece[:room])
                await writer.drain()
                raise ConnectionResetError
            writer.write(piece)
            await writer.drain()
            self.passed = passed

    async def _pass_down(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, before: int
    ) -> None:
        is_first = True
        while piece := await reader.read(CHUNK):
            if self._fault is Fault.LATENCY:
                await asyncio.sleep(LATENCY_SECONDS)
            if is_first and self._arrived() > before:
                is_first, self.length = False, self.passed
                if self._fault in _OF_ANSWERS:
                    await _OF_ANSWERS[self._fault](writer, piece)
                    return
            writer.write(piece)
            await writer.drain()


MISSING_BYTES = 20
"""Of a message that is cut: its end, whatever the protocol."""


async def _reset(*_: object) -> None:
    """Say nothing, and break off."""


async def _lose(*_: object) -> None:
    await asyncio.Event().wait()


async def _drip(writer: asyncio.StreamWriter, piece: bytes) -> None:
    for byte in piece:
        writer.write(bytes((byte,)))
        await writer.drain()
        await asyncio.sleep(DRIP_SECONDS)


async def _cut(writer: asyncio.StreamWriter, piece: bytes) -> None:
    writer.write(piece[:TRUNCATED_BYTES])
    await writer.drain()
    writer.write_eof() if writer.can_write_eof() else None
    await asyncio.Event().wait()


_OF_ANSWERS: dict[Fault, Callable[[asyncio.StreamWriter, bytes], Awaitable[None]]] = {
    Fault.ANSWER_RESET: _reset,
    Fault.ANSWER_LOST: _lose,
    Fault.ANSWER_DRIPS: _drip,
    Fault.ANSWER_CUT: _cut,
}


@asynccontextmanager
async def proxy_to(port: int, arrived: Callable[[], int]) -> AsyncIterator[Proxy]:
    """Stand before a host until the end of the block."""
    proxy = Proxy(port, arrived)
    await proxy.become(Fault.NONE)
    try:
        yield proxy
    finally:
        await proxy.close()
