"""The processes of one school on a server: they tell each other of commits, and one of them leads.

All of it hangs on one connection: who dies is gone from the moment on in which the server notices.
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from contextvars import Context
from typing import Any

import asyncpg

from rpcbackend.errors import UnavailableError
from rpcbackend.store.postgres_connections import Server
from rpcbackend.store.postgres_writer import NEWS_OF_ACCESS, channel_of

LOOK_SECONDS = 1.0
"""How often a connection that was lost is opened again, and it is tried to lead."""

# Locks of two numbers, of which the second is the school's; a writer's lock has one.
_PRESENT, _LEADS = 1, 2

_CALLS = {
    "try": "SELECT pg_try_advisory_lock($1, $2)",
    "share": "SELECT pg_advisory_lock_shared($1, $2)",
    "unlock": "SELECT pg_advisory_unlock($1, $2)",
}

_FAILURES = (asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError, OSError)


class Neighbours:
    """Keeps this process among those of its school.

    Args:
        server: Where to.
        school: Whose processes.
        is_ours: Tells whether the server's process of that number serves this one.
    """

    def __init__(self, server: Server, school: int, is_ours: Callable[[int], bool]) -> None:
        self._server, self._school, self._is_ours = server, school, is_ours
        self.on_news: Callable[[bool], None] = lambda is_access: None  # noqa: ARG005
        """Told on the loop that others have committed, and whether it changes who may come in."""
        self.is_leader = False
        """Whether what one process does for all is this one's to do."""
        self.was_alone = False
        """Whether there was no other process when this one came."""
        self._connection: asyncpg.Connection[Any] | None = None
        self._task: asyncio.Task[None] | None = None
        self._wake = asyncio.Event()

    async def join(self) -> None:
        """Begin to listen.

        Raises:
            UnavailableError: The server cannot be reached.
        """
        await self._connect()
        self._task = asyncio.get_running_loop().create_task(self._stay(), context=Context())

    async def leave(self) -> None:
        """Listen no more, and let another one lead."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])
        self.is_leader = False
        if self._connection is not None:
            with suppress(*_FAILURES):
                await self._connection.close(timeout=1.0)

    async def _connect(self) -> None:
        connection = await self._server.connect()
        try:
            await connection.add_listener(channel_of(self._school), self._hear)
            connection.add_termination_listener(lambda _: self._wake.set())
            # Nobody else has it, not even shared.
            self.was_alone = await self._lock(connection, "try", _PRESENT)
            await self._lock(connection, "share", _PRESENT)
            if self.was_alone:
                await self._lock(connection, "unlock", _PRESENT)
            self.is_leader = await self._lock(connection, "try", _LEADS)
        except BaseException:
            connection.terminate()
            raise
        self._connection = connection

    async def _lock(self, connection: "asyncpg.Connection[Any]", call: str, which: int) -> bool:
        # What waits for a lock returns nothing.
        return await connection.fetchval(_CALLS[call], which, self._school) is not False

    async def _stay(self) -> None:
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(LOOK_SECONDS):
                    await self._wake.wait()
            self._wake.clear()
            with suppress(UnavailableError, *_FAILURES):
                await self._look()

    async def _look(self) -> None:
        connection = self._connection
        if connection is None or connection.is_closed():
            self.is_leader, self._connection = False, None
            # What was not heard may have been anything, now and until it is heard again.
            self.on_news(True)
            await self._connect()
            self.on_news(True)
        elif not self.is_leader:
            self.is_leader = await self._lock(connection, "try", _LEADS)

    def _hear(self, _connection: object, pid: int, _channel: str, news: object) -> None:
        if not self._is_ours(pid):
            self.on_news(news == NEWS_OF_ACCESS)
