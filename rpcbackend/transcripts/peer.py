"""The other end of a replay's connections: what is sent to the program, and what it sends."""

import asyncio
from collections import deque
from typing import Any

from rpcbackend.app import Application
from rpcbackend.moments import Moment
from rpcbackend.protocol import codec
from rpcbackend.schema.base import WireModel
from rpcbackend.schema.steps import StepName
from rpcbackend.security.tokens import Audience
from rpcbackend.steps import Begun
from rpcbackend.transcripts.timeline import Calls
from rpcbackend.transcripts.turns import Turns

REPLY_SECONDS = 60.0
"""No reply takes longer, whatever was asked for."""
EVENT_SECONDS = 5.0
"""Nor does an event that is due: what was committed so long ago was told."""
IDLE_SECONDS = 0.000_5


class ReplayTap:
    """Gives the calls of a replay the moments that they had."""

    def __init__(self, calls: Calls, turns: Turns) -> None:
        self._calls, self._turns = calls, turns

    def came(self, connection_id: str, line: bytes | None) -> None:
        """Look at nothing."""

    def moment(self) -> Moment:
        """Return that of the next call of the line that came last."""
        return self._calls.next()

    def began(self, name: str) -> Moment:  # noqa: ARG002 (it was begun by that)
        """Return that of what the process began by itself."""
        return self._calls.next()

    def step_began(self, name: StepName, facts: WireModel) -> Begun:
        """Return the moment of a step of the process's own, which the replay has begun."""
        return Begun(0, self._turns.moment(name, facts))

    def step_ended(self, number: int, seq: int | None) -> None:
        """Look at nothing."""

    def went(self, connection_id: str, line: bytes) -> None:
        """Look at nothing."""

    def opened(self, key: bytes | None) -> None:
        """Seal nothing."""


class Peer:
    """The other end of one connection of the replay.

    Args:
        app: The program.
        audience: How the recorded connection had reached it.
    """

    is_writable, is_backed_up = True, False

    def __init__(self, app: Application, audience: Audience = "stdio") -> None:
        self.events: deque[Any] = deque()
        self.ready: deque[Any] = deque()
        self.heard = 0
        """Lines that came."""
        self._stuck = 0
        self._replies: asyncio.Queue[Any] = asyncio.Queue()
        self._news = asyncio.Event()
        self.server = app.connections.open(self, audience=audience)

    def send(self, line: bytes) -> None:
        """Take a line of the process."""
        self.heard += 1
        message = codec.decode(line)
        if not isinstance(message, dict) or "method" not in message:
            self._replies.put_nowait(message)
        elif message["method"] == "event":
            self.events.append(message)
            self._news.set()
        elif message["method"] == "system.ready":
            self.ready.append(message)

    async def writable(self) -> None:
        """Read everything at once."""

    async def ask(self, line: bytes | None, *, wants_reply: bool) -> Any:
        """Send a line and return its reply, or None when everything has ended.

        Raises:
            TimeoutError: Neither comes.
        """
        self.server.receive(line)
        async with asyncio.timeout(REPLY_SECONDS):
            if wants_reply:
                return await self._replies.get()
            try:
                while self._at_work > self._stuck:  # noqa: ASYNC110 (nobody tells of it)
                    await asyncio.sleep(IDLE_SECONDS)
            finally:
                # What hangs is not waited for again.
                self._stuck = self._at_work
        return None

    @property
    def _at_work(self) -> int:
        return self.server.in_flight + self.server.queued

    def unasked(self) -> list[Any]:
        """Return the replies that nobody has waited for."""
        return [self._replies.get_nowait() for _ in range(self._replies.qsize())]

    async def hear(self, seconds: float = EVENT_SECONDS) -> None:
        """Wait for another event.

        Raises:
            TimeoutError: None comes.
        """
        self._news.clear()
        async with asyncio.timeout(seconds):
            await self._news.wait()
