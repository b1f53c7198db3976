"""Connections to a PostgreSQL server: how they are opened, and what their errors mean."""

import asyncio
from collections import deque
from dataclasses import dataclass, field
from typing import Any

import asyncpg

from rpcbackend.errors import UnavailableError

CONNECT_SECONDS = 5.0

STATEMENTS = 1_000
"""Prepared statements that a connection remembers: ours are some 300, most in a few forms."""

_SETTINGS = {
    "application_name": "rpcbackend",
    # It only pays for statements that take seconds.
    "jit": "off",
    # Of a disk that does not turn, as the server's own manual advises. By its default, 4, reading a
    # whole table of some 10,000 rows seems cheaper than a hundred looks into its index.
    "random_page_cost": "1.1",
    # A process that hangs keeps the server from tidying up; a writer holds up others, too.
    "idle_in_transaction_session_timeout": "60s",
    "lock_timeout": "10s",
    # What is between us forgets connections on which nothing goes, some after four minutes.
    "tcp_keepalives_idle": "60s",
    "tcp_keepalives_interval": "10s",
    "statement_timeout": "60s",
}

# What is acknowledged must be on disk; a server that waits for more than its own keeps doing so.
_DURABLE = """
SELECT set_config('synchronous_commit', 'on', false)
WHERE current_setting('synchronous_commit') IN ('off', 'local')
"""

FAILURES = (asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError, OSError)
"""What asking a server may fail with. The third: its last words came while nobody asked."""

_LOST = (
    asyncpg.PostgresConnectionError,
    # Of a connection that ended while it was asked.
    asyncpg.InternalClientError,
    asyncpg.OperatorInterventionError,
    asyncpg.IdleInTransactionSessionTimeoutError,
    asyncpg.TooManyConnectionsError,
    OSError,
)

_REFUSALS = {
    asyncpg.InvalidCatalogNameError: (
        "The database server has no database of this name: create it (CREATE DATABASE … OWNER …),"
        " or correct database.url."
    ),
    asyncpg.InvalidAuthorizationSpecificationError: (
        "The database server does not let this user in: correct the user in database.url, his"
        " password (PGPASSWORD or ~/.pgpass), or pg_hba.conf on the server."
    ),
    asyncpg.InsufficientPrivilegeError: (
        "The user of the database lacks a right: let him own it (ALTER DATABASE … OWNER TO …)."
    ),
}

_AGAIN = (asyncpg.SerializationError, asyncpg.DeadlockDetectedError)


def is_lost(error: BaseException) -> bool:
    """Tell whether the connection failed, and not the statement."""
    if isinstance(error, asyncpg.InterfaceError):
        # The same class tells of parameters that do not fit.
        return "connection is closed" in str(error)
    # A statement that is cancelled, for its time is up, leaves its connection as it was.
    return isinstance(error, _LOST) and not isinstance(error, asyncpg.QueryCanceledError)


def refusal(error: BaseException | None) -> str | None:
    """Return what to do about an error that stays until somebody changes settings or rights."""
    found = (advice for kind, advice in _REFUSALS.items() if isinstance(error, kind))
    return next(found, None)


def is_to_be_tried_again(error: BaseException) -> bool:
    """Tell whether a transaction that failed so may go well the next time."""
    return is_lost(error) or isinstance(error, (*_AGAIN, UnavailableError))


@dataclass(frozen=True, slots=True)
class Server:
    """Where the database is."""

    url: str = field(repr=False)
    """`postgresql://user:password@host:port/database?sslmode=…`; it holds a password."""

    async def connect(self, **settings: str) -> "asyncpg.Connection[Any]":
        """Open a connection.

        Args:
            settings: Of the server's for it, beside those of all.

        Raises:
            UnavailableError: It does not come about; the server may be down.
        """
        # A call's first step runs outside of any task, where nothing can have a deadline.
        await asyncio.sleep(0)
        try:
            connection = await asyncpg.connect(
                self.url,
                timeout=CONNECT_SECONDS,
                statement_cache_size=STATEMENTS,
                max_cached_statement_lifetime=0,
                server_settings=_SETTINGS | settings,
            )
            try:
                # Nobody else has it yet who could give it up.
                await connection.execute(_DURABLE, timeout=CONNECT_SECONDS)
            except BaseException:
                connection.terminate()
                raise
        except FAILURES as error:
            why = refusal(error) or "The database server cannot be reached."
            raise UnavailableError(why) from error
        return connection


class Connections:
    """A few connections that units take turns at; opened when they are needed.

    Args:
        server: Where to.
        count: How many at most.
        settings: Of their sessions.
    """

    def __init__(self, server: Server, count: int, **settings: str) -> None:
        self._server, self._count, self._settings = server, count, settings
        self._free = asyncio.Semaphore(count)
        self._idle: deque[asyncpg.Connection[Any]] = deque()
        self._lent: set[asyncpg.Connection[Any]] = set()
        self.waiting = 0
        """Units that no connection has begun."""

    async def lend(self) -> "asyncpg.Connection[Any]":
        """Lend a connection; it is to be given back.

        Raises:
            UnavailableError: The server cannot be reached.
        """
        self.waiting += 1
        try:
            await self._free.acquire()
        finally:
            self.waiting -= 1
        try:
            connection = await self._take()
        except BaseException:
            self._free.release()
            raise
        self._lent.add(connection)
        return connection

    def give_back(self, connection: "asyncpg.Connection[Any]", *, is_well: bool) -> None:
        """Take a connection back; one that is in a transaction, or closed, is given up.

        Args:
            connection: The one that was lent.
            is_well: Whether whoever had it came to his end.
        """
        self._lent.discard(connection)
        if not is_well or connection.is_closed() or connection.is_in_transaction():
            connection.terminate()
        else:
            self._idle.append(connection)
        self._free.release()

    async def _take(self) -> "asyncpg.Connection[Any]":
        while self._idle:
            # The last one that was used: the others may be closed by the server one day.
            connection = self._idle.pop()
            if not connection.is_closed():
                return connection
        return await self._server.connect(**self._settings)

    def hang_up(self) -> None:
        """End them without a word to the server; who is at work with one has lost it."""
        for connection in (*self._idle, *self._lent):
            connection.terminate()

    async def close(self) -> None:
        """Wait for those that are lent, and close all."""
        for _ in range(self._count):
            await self._free.acquire()
        for connection in self._idle:
            await connection.close()
        self._idle.clear()
