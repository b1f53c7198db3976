"""The wire between one client and the process: lines in order, late, unread for a while, cut."""

import asyncio
import random
from collections import deque
from collections.abc import Callable
from contextvars import Context

from rpcbackend.dispatch.server import Server
from tests.simulation.journal import Journal
from tests.simulation.loop import SimulatedLoop

TRAVEL_SECONDS = 0.000_5
"""How long a line is on its way, at most; many arrive in the same turn of the loop."""

ROOM_BYTES, UNREAD_BYTES, RESUME_BYTES = 4_000, 16_000, 8_000
"""Small, so that a peer that does not read is felt: see `LineWriter` and `Limits`."""

HANG_UP_SECONDS = 2.0
"""How long the process waits for the calls of a connection that is gone."""


class Link:
    """Both ends of a connection; to the process it is the sink of its lines.

    Args:
        name: In the trace.
        loop: Carries the lines.
        bits: Decide how long they take.
        journal: Gets every line when the process takes or sends it.
    """

    def __init__(
        self, name: str, loop: SimulatedLoop, bits: random.Random, journal: Journal
    ) -> None:
        self.name = name
        self._loop, self._bits, self._journal = loop, bits, journal
        self._to_server: deque[bytes] = deque()
        self._to_client: deque[bytes | None] = deque()
        self._unread_bytes = 0
        self._has_room = asyncio.Event()
        self._is_stalled = self._is_dead = self._is_paused = False
        self.is_cut = False
        self.on_line: Callable[[bytes | None], None] = lambda line: None  # noqa: ARG005
        """Takes the lines at the client's end, and None for the end of them."""

    def plug_in(self, server: Server, context: Context) -> None:
        """Give it the process's end of the connection."""
        self._server, self._context = server, context

    # The client's end

    def write(self, line: bytes) -> None:
        """Send a line to the process."""
        if not self.is_cut:
            self._to_server.append(line)
            self._loop.call_outside(self._travel(), self._arrive)

    def stall(self, seconds: float) -> None:
        """Read nothing for a while."""
        self._is_stalled = True
        self._loop.call_outside(seconds, self._read_again)

    def cut(self) -> None:
        """Lose the connection: what is on its way in either direction is lost."""
        if self.is_cut:
            return
        self.is_cut = True
        self._to_server.clear()
        self._to_client.clear()
        self._journal.note(self.name, "is cut")
        self._has_room.set()
        self._loop.call_outside(self._travel(), self.on_line, None)
        if not self._is_dead:
            drain = self._server.drain(HANG_UP_SECONDS)
            self._loop.create_task(drain, context=self._context, name=f"{self.name} hangs up")

    # The process's end

    def die(self) -> None:
        """Lose the process: what it had sent still arrives, and then the end."""
        self._is_dead = True
        if not self.is_cut:
            self.is_cut = True
            self._to_server.clear()
            self._push(None)

    def send(self, line: bytes) -> None:
        """Take a line of the process."""
        if self._is_dead or self.is_cut:
            return
        self._journal.note(self.name, f"> {line.decode()}")
        self._unread_bytes += len(line)
        if self._unread_bytes > UNREAD_BYTES:
            self._is_paused = True
        self._push(line)

    @property
    def is_writable(self) -> bool:
        """Whether the client has read most of what it was sent."""
        return self._unread_bytes <= ROOM_BYTES or self.is_cut

    @property
    def is_backed_up(self) -> bool:
        """Whether so much is unread that nothing should cause more."""
        return self._is_paused and not self.is_cut

    async def writable(self) -> None:
        """Wait until the client has read most of what it was sent."""
        while not self.is_writable:
            self._has_room.clear()
            await self._has_room.wait()

    # Between them

    def _travel(self) -> float:
        return self._bits.random() * TRAVEL_SECONDS

    def _arrive(self) -> None:
        # First come, first served, whatever timer goes off first.
        if self._to_server and not self.is_backed_up and not self.is_cut:
            line = self._to_server.popleft()
            self._journal.note(self.name, f"< {line.decode()}")
            self._context.run(self._server.receive, line)

    def _push(self, line: bytes | None) -> None:
        self._to_client.append(line)
        self._loop.call_outside(self._travel(), self._read)

    def _read(self) -> None:
        if self._is_stalled or not self._to_client:
            return
        line = self._to_client.popleft()
        if line is not None:
            self._unread_bytes -= len(line)
            if self._unread_bytes <= ROOM_BYTES:
                self._has_room.set()
            if self._is_paused and self._unread_bytes < RESUME_BYTES:
                self._resume()
        self.on_line(line)

    def _resume(self) -> None:
        self._is_paused = False
        if not self.is_cut:
            # Those who wait in the process came before those who have not arrived.
            self._context.run(self._server.resume)
            for _ in range(len(self._to_server)):
                self._loop.call_outside(self._travel(), self._arrive)

    def _read_again(self) -> None:
        self._is_stalled = False
        for _ in range(len(self._to_client)):
            self._loop.call_outside(self._travel(), self._read)
