"""A way to a PostgreSQL server that is cut where a test says."""

import asyncio
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Literal

Cut = Literal["nowhere", "before", "behind"]

_IS_READY = b"Z\0\0\0\5I"
_FIELDS = b"SFATAL\0VFATAL\0C57P01\0Mterminating connection\0\0"
_LAST_WORDS = b"E" + (4 + len(_FIELDS)).to_bytes(4, "big") + _FIELDS


class Wire:
    """Carries connections on; `cut` says what becomes of the next COMMIT.

    `before` it the connection ends, and the server takes everything back; `behind` it the server
    has committed, and nobody hears of it. With `ends_next` the server greets the next
    connection and ends it at once, before anybody asks it anything; with `falls_silent_next` it
    greets it and says nothing more. Unless `goes_on` nothing is carried, as where a network is
    gone: nobody is told, and nothing ends.
    """

    def __init__(self, server: Path) -> None:
        self._server = server
        self._carrying: list[asyncio.Task[None]] = []
        self.cut: Cut = "nowhere"
        self.cuts = 0
        self.ends_next = self.falls_silent_next = False
        self.goes_on = asyncio.Event()
        self.goes_on.set()
        self._forgotten: list[asyncio.Event] = []
        self.on_cut: Callable[[], Awaitable[None]] = _nothing
        """What happens before whoever waits for the answer notices."""

    async def carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Carry one connection, to its end."""
        task = asyncio.current_task()
        assert task is not None
        self._carrying.append(task)
        goes_on = self.goes_on
        there = await asyncio.open_unix_connection(str(self._server))
        if self.ends_next:
            self.ends_next = False
            await _greet(reader, writer, there, _LAST_WORDS)
            # Whatever is asked now has no answer.
            await reader.read(65_536)
            there[1].close()
        if self.falls_silent_next:
            self.falls_silent_next = False
            await _greet(reader, writer, there)
            while await reader.read(65_536):
                """Until whoever asks gives up."""
        back = asyncio.create_task(_carry_back(there[0], writer, goes_on))
        self._carrying.append(back)
        with suppress(OSError):
            while some := await reader.read(65_536):
                # A simple query: Q, its length, its text.
                is_commit = some.startswith(b"Q") and some[5:].startswith(b"COMMIT\0")
                if is_commit and self.cut != "nowhere":
                    await self._end(some, writer, there, back)
                    break
                await goes_on.wait()
                there[1].write(some)
        there[1].close()
        writer.close()

    def forget(self) -> None:
        """Carry nothing more on the connections that there are, and tell nobody; new ones go on."""
        self._forgotten.append(self.goes_on)
        self.goes_on.clear()
        self.goes_on = asyncio.Event()
        self.goes_on.set()

    async def end(self) -> None:
        """Wait until nobody uses it any more."""
        for event in (self.goes_on, *self._forgotten):
            event.set()
        async with asyncio.timeout(10):
            await asyncio.gather(*self._carrying, return_exceptions=True)

    async def _end(
        self,
        some: bytes,
        writer: asyncio.StreamWriter,
        there: tuple[asyncio.StreamReader, asyncio.StreamWriter],
        back: "asyncio.Task[None]",
    ) -> None:
        self.cuts += 1
        cut, self.cut = self.cut, "nowhere"
        back.cancel()
        if cut == "behind":
            with suppress(asyncio.CancelledError):
                await back
            there[1].write(some)
            # Its answer, which goes nowhere.
            await there[0].read(1)
        await self.on_cut()
        writer.transport.abort()


async def _greet(
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
    there: tuple[asyncio.StreamReader, asyncio.StreamWriter],
    more: bytes = b"",
) -> None:
    there[1].write(await reader.read(65_536))
    greeting = b""
    while not greeting.endswith(_IS_READY):
        greeting += await there[0].read(65_536)
    writer.write(greeting + more)


async def _nothing() -> None:
    """Let nothing else happen."""


async def _carry_back(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, goes_on: asyncio.Event
) -> None:
    with suppress(OSError):
        while some := await reader.read(65_536):
            await goes_on.wait()
            writer.write(some)
        writer.close()


@asynccontextmanager
async def wire_to(url: str) -> AsyncIterator[tuple[Wire, str]]:
    """Give a wire to a server on a socket, and the address to use in its place."""
    start, _, folder = url.rpartition("?host=")
    with tempfile.TemporaryDirectory(prefix="rpcbackend-wire-") as place:
        wire = Wire(Path(folder) / ".s.PGSQL.5432")
        server = await asyncio.start_unix_server(wire.carry, Path(place) / ".s.PGSQL.5432")
        try:
            yield wire, f"{start}?host={place}"
        finally:
            server.close()
            await wire.end()
