"""A connection to a server for long work on a thread of its own: one snapshot, row by row."""

import asyncio
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncpg

from rpcbackend.errors import UnavailableError
from rpcbackend.rpc_error import RpcError
from rpcbackend.store import dialect
from rpcbackend.store.postgres_connections import Server, is_lost

CLOSE_SECONDS = 1.0

AT_A_TIME = 100
"""Rows that come in one answer."""


@dataclass(frozen=True, slots=True)
class BesideOpener:
    """Opens such a connection, on the thread that calls it."""

    server: Server
    path: Path | None = None
    """There is no file."""

    def __call__(self) -> "Beside":
        """Open it.

        Raises:
            UnavailableError: The server cannot be reached.
        """
        return Beside(self.server)


class Beside:
    """Reads as the driver of a file does, on the thread that made it.

    Args:
        server: Where to.

    Raises:
        UnavailableError: The server cannot be reached, here and by every method.
    """

    def __init__(self, server: Server) -> None:
        self._loop = asyncio.new_event_loop()
        try:
            self._connection: asyncpg.Connection[Any] = self._loop.run_until_complete(
                server.connect()
            )
        except BaseException:
            self._loop.close()
            raise

    def execute(self, sql: str, params: dict[str, Any] | None = None) -> "Rows":
        """Begin the one transaction, or ask for rows within it."""
        if params is None:
            self.wait(self._connection.execute(_BEGIN))
            return Rows(self, None)
        nothing = frozenset(name for name in dialect.asked(sql) if params[name] is None)
        statement = dialect.read(sql, nothing)
        given = [params[name] for name in statement.names]
        return Rows(self, self.wait(self._connection.cursor(statement.sql, *given)))

    def wait(self, asked: Any) -> Any:
        """Return what the server answers."""

        async def answer() -> Any:
            return await asked

        try:
            return self._loop.run_until_complete(answer())
        except RpcError:
            raise
        except Exception as error:  # what is no lost connection goes on as it is
            if is_lost(error):
                raise UnavailableError("The database server cannot be reached.") from error
            raise

    def close(self) -> None:
        """Let go of the connection."""
        # One that is lost needs no goodbye; its socket is closed all the same.
        with suppress(Exception):
            self._loop.run_until_complete(self._connection.close(timeout=CLOSE_SECONDS))
        self._connection.terminate()
        self._loop.run_until_complete(asyncio.sleep(0))
        self._loop.close()


# Long work has its own time.
_BEGIN = """
BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY;
SET LOCAL statement_timeout = 0;
SET LOCAL idle_in_transaction_session_timeout = 0
"""


class Rows:
    """Rows on their way."""

    def __init__(self, beside: Beside, cursor: Any) -> None:
        self._beside, self._cursor = beside, cursor

    def fetchone(self) -> Any:
        """Return the next row, or None."""
        return self._beside.wait(self._cursor.fetchrow())

    def __iter__(self) -> Iterator[Any]:
        """Give all that are left."""
        while rows := self._beside.wait(self._cursor.fetch(AT_A_TIME)):
            yield from rows
