"""One HTTP request as a connection of its own: its message goes in, its reply comes out."""

import asyncio

from rpcbackend.app import Application
from rpcbackend.dispatch.server import Server
from rpcbackend.protocol import codec
from rpcbackend.protocol.codec import Json
from rpcbackend.schema.meta import MAX_TIMEOUT_MS

REQUEST_ID = 1
"""Of the one call of a request."""

_LONGEST_SECONDS = MAX_TIMEOUT_MS / 1_000 + 10
"""No call lives longer: its own deadline ends it before."""

_NOTIFICATION = b'{"jsonrpc":"2.0","method":'


class Wire:
    """Speaks to the application as its peers do, line by line.

    Args:
        app: The program.
    """

    def __init__(self, app: Application) -> None:
        self.app = app

    async def call(self, channel: str, params: dict[str, Json], source: str) -> bytes:
        """Make one call and return its reply line."""
        reply = await self.send(codec.request(REQUEST_ID, channel, params), source)
        assert reply is not None  # noqa: S101 (it has an id)
        return reply

    async def send(self, line: bytes, source: str) -> bytes | None:
        """Send one line and return its reply line; None answers notifications alone.

        Nothing else will come on this connection, so it is drained at once, as at the end of stdin:
        what runs ends and answers, and what would go on sending is stopped.
        """
        sink = _OneReply()
        server = self.app.connections.open(sink, audience="http", source=source)
        try:
            server.receive(line)
            if server.in_flight or server.queued:
                await server.drain(_LONGEST_SECONDS)
        finally:
            self.app.connections.close(server)
        return sink.line

    def subscribe(self, sink: "EventSink", source: str) -> Server:
        """Open a connection that stays; whoever opens it closes it."""
        server = self.app.connections.open(sink, audience="http", source=source)
        server.on_feed_end = sink.end
        return server

    def refuse(self, error: Exception, channel: str | None = None) -> bytes:
        """Return the reply line to what comes to no call; observers see it as any other."""
        return self.app.connections.refuse(error, channel, "http")


class _OneReply:
    """A sink that keeps the one reply; notifications have nowhere to go."""

    is_writable, is_backed_up = True, False

    def __init__(self) -> None:
        self.line: bytes | None = None

    def send(self, line: bytes) -> None:
        """Take a line."""
        if not line.startswith(_NOTIFICATION):
            self.line = line

    async def writable(self) -> None:
        """Take everything at once."""


class EventSink:
    """A sink whose lines are read one by one; it asks for no more while too much is unread.

    Args:
        most_bytes: What may be unread before it is not writable any more.
    """

    is_backed_up = False

    def __init__(self, most_bytes: int) -> None:
        self._most_bytes = most_bytes
        self._unread = 0
        self._lines: asyncio.Queue[bytes | None] = asyncio.Queue()
        self._is_read = asyncio.Event()
        self._is_read.set()
        self.is_over = False

    def send(self, line: bytes) -> None:
        """Take a line."""
        self._lines.put_nowait(line)
        self._unread += len(line)
        if self._unread >= self._most_bytes:
            self._is_read.clear()

    @property
    def is_writable(self) -> bool:
        """Whether little enough is unread."""
        return self._is_read.is_set()

    async def writable(self) -> None:
        """Wait until little enough is unread."""
        await self._is_read.wait()

    async def next(self) -> bytes | None:
        """Return the next line, or None when there will be no more."""
        line = None if self.is_over and self._lines.empty() else await self._lines.get()
        self._unread -= len(line or b"")
        if self._unread < self._most_bytes:
            self._is_read.set()
        return line

    def end(self) -> None:
        """Let `next` come to its end after what is here."""
        self.is_over = True
        # Whoever waits for room need not any more.
        self._is_read.set()
        self._lines.put_nowait(None)
