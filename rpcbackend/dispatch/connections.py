"""All connections of a process, the desk's and those over HTTP, until the last is drained."""

import asyncio

from rpcbackend.clock import Clock
from rpcbackend.dispatch.dispatcher import Dispatcher
from rpcbackend.dispatch.flight import Flight
from rpcbackend.dispatch.server import Server
from rpcbackend.dispatch.tap import LineSink, Tap
from rpcbackend.security.tokens import Audience

PREFIXES: dict[Audience, str] = {"stdio": "con", "http": "web"}
"""How the ids of connections begin, so that a transcript tells where each came from."""


def audience_of(connection_id: str) -> Audience:
    """Tell how the connection of this id reached us."""
    return "http" if connection_id.startswith(PREFIXES["http"]) else "stdio"


def _to_nobody(reply: bytes | None) -> None:
    """Deliver nothing: the reply is returned."""


class Connections:
    """Opens connections, and knows what all of them have in hand.

    Args:
        dispatcher: Answers their messages.
        clock: Measures deadlines.
        tap: Gets every line, in and out.
    """

    def __init__(self, dispatcher: Dispatcher, clock: Clock, tap: Tap | None) -> None:
        self._dispatcher, self._clock, self._tap = dispatcher, clock, tap
        # In the order in which they came: they are drained in one turn, and listed so.
        self._open: dict[str, Server] = {}
        self._count = 0
        self._is_draining = False

    def __len__(self) -> int:
        """Count the connections that are open."""
        return len(self._open)

    @property
    def in_flight(self) -> int:
        """How many calls have begun and not ended."""
        return sum(server.in_flight for server in self._open.values())

    @property
    def queued(self) -> int:
        """How many calls wait for a place."""
        return sum(server.queued for server in self._open.values())

    def open(
        self, sink: LineSink, *, audience: Audience = "stdio", source: str | None = None
    ) -> Server:
        """Begin to serve a connection; one that comes while others are drained is refused all."""
        self._count += 1
        server = Server(
            self._dispatcher,
            sink,
            clock=self._clock,
            connection_id=f"{PREFIXES[audience]}_{self._count}",
            tap=self._tap,
            audience=audience,
            source=source,
            is_draining=self._is_draining,
        )
        self._open[server.id] = server
        return server

    def refuse(self, error: Exception, channel: str | None, audience: Audience) -> bytes:
        """Return the reply line to what comes to no call; observers see it as any other.

        An error that nobody expected is reported, as that of a call is.
        """
        message = {"jsonrpc": "2.0", "id": None, "method": channel} if channel else None
        flight = Flight(message, _to_nobody, arrived_at=self._clock.monotonic())
        reply = self._dispatcher.refuse(flight, error, PREFIXES[audience])
        assert reply is not None  # noqa: S101 (it is no notification)
        return reply

    def close(self, server: Server) -> None:
        """Forget a connection whose calls have ended."""
        self._open.pop(server.id, None)

    async def drain(self, seconds: float) -> bool:
        """Refuse new calls and wait for those that are here, of all connections at once.

        Returns:
            Whether everything ended by itself within *seconds*.
        """
        self._is_draining = True
        servers = tuple(self._open.values())
        return all(await asyncio.gather(*(server.drain(seconds) for server in servers)))
