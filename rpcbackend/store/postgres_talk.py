"""What the processes of a school tell each other that is kept nowhere, on a connection they have.

What cannot be told now is not told at all.
"""

import asyncio
from collections.abc import Callable, Iterable
from typing import Any

import asyncpg

from rpcbackend.store.postgres_writer import channel_of

HURRY_SECONDS = 0.05
"""What is to be told soon waits for so long for more of it."""

# It is of no worth after a crash: its commit waits for no disk.
_TELL = "SELECT set_config('synchronous_commit', 'off', true), pg_notify($1, $2)"


class Talk:
    """One process's part of it.

    Args:
        school: Whose processes.
        wake: Lets `tell` be called soon.
    """

    def __init__(self, school: int, wake: Callable[[], None]) -> None:
        self._channel, self._wake = f"{channel_of(school)}_talk", wake
        self._take: Callable[[], Iterable[str]] = tuple
        self._hear: Callable[[str], None] = lambda message: None  # noqa: ARG005
        self._hurrying: asyncio.TimerHandle | None = None

    def begin(
        self, take: Callable[[], Iterable[str]], hear: Callable[[str], None]
    ) -> Callable[[], None]:
        """See `Others.talk`."""
        self._take, self._hear = take, hear
        return self._hurry

    def end(self) -> None:
        """Hurry no more."""
        if self._hurrying is not None:
            self._hurrying.cancel()

    async def join(self, connection: "asyncpg.Connection[Any]") -> None:
        """Listen on a connection."""
        await connection.add_listener(self._channel, self._listen)
        self.forget()

    def forget(self) -> None:
        """Tell nobody of what there was to tell: by the time it could be told, it is old."""
        tuple(self._take())

    async def tell(self, connection: "asyncpg.Connection[Any]") -> None:
        """Tell what there is to tell."""
        for message in self._take():
            await connection.execute(_TELL, self._channel, message)

    def _hurry(self) -> None:
        if self._hurrying is None:
            loop = asyncio.get_running_loop()
            self._hurrying = loop.call_later(HURRY_SECONDS, self._go_on)

    def _go_on(self) -> None:
        self._hurrying = None
        self._wake()

    def _listen(self, connection: Any, pid: int, _channel: str, message: object) -> None:
        if pid != connection.get_server_pid():
            self._hear(str(message))
