"""The PostgreSQL engine: one writer for each school, readers on snapshots, news of other processes.

Imported only where a database is on a server: asyncpg costs a start 60 ms.
"""

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import asyncpg

from rpcbackend.errors import ReadOnlyModeError, UnavailableError
from rpcbackend.histogram import Histogram
from rpcbackend.schema.system import ReadOnlyReason
from rpcbackend.store import checks
from rpcbackend.store.engine import Work
from rpcbackend.store.files import StoreFacts
from rpcbackend.store.lane import LaneFacts, see_through
from rpcbackend.store.migrations import latest_version
from rpcbackend.store.postgres_beside import BesideOpener
from rpcbackend.store.postgres_connections import Connections, Server, is_lost, is_to_be_tried_again
from rpcbackend.store.postgres_neighbours import Neighbours
from rpcbackend.store.postgres_schema import migrate
from rpcbackend.store.postgres_transaction import PostgresTransaction
from rpcbackend.store.postgres_writer import Unit, Writer
from rpcbackend.store.transaction import Report


class PostgresEngine:
    """Runs units of work on the part of a server's database that is one school's.

    Args:
        url: Where the database is; holds a password.
        school: Bound as `:school` in every statement.
        readers: How many connections reads may take.
    """

    name = "postgresql"
    is_shared = True

    def __init__(self, url: str, *, school: int, readers: int) -> None:
        self.school = school
        # What a server does with its disk is its own affair.
        self.is_encrypted = self.is_damaged = False
        self.read_only: ReadOnlyReason | None = None
        """Why nothing is written, while nothing is."""
        self.failure = ""
        self.on_poison: Callable[[], None] = lambda: None
        """Never called: a server that fails may come back."""
        self.schema_version = self.migrated_from = 0
        self._server = Server(url)
        self.writer = Writer(self._server, school)
        self.neighbours = self.others = Neighbours(self._server, school, self.writer.is_ours)
        self.reader = Readers(self._server, school, readers)

    async def open(self, now_ms: int) -> None:
        """Migrate; to be closed even when it fails.

        Raises:
            UnavailableError: The server cannot be reached.
            SchemaTooNewError: A newer program wrote the database.
        """
        connection = await self._server.connect()
        try:
            self.migrated_from = await migrate(connection, now_ms)
            self.schema_version = latest_version()
        finally:
            await connection.close()
        await self.neighbours.join()

    @property
    def opener(self) -> BesideOpener:
        """How long work gets a connection of its own."""
        return BesideOpener(self._server)

    @property
    def is_leader(self) -> bool:
        """Whether what one process does for all is this one's to do."""
        return self.neighbours.is_leader

    @property
    def was_alone(self) -> bool:
        """Whether no other process was there when this one came."""
        return self.neighbours.was_alone

    async def read(self, work: Work) -> Any:
        """Run *work* on one snapshot; a cancelled read is stopped."""
        return await self.reader.read(work)

    async def write(self, work: Work, *, keep: bool) -> Any:
        """Run *work* as one transaction and return when it is durable.

        A cancelled write that has not begun is withdrawn; one that has is waited for, and its true
        result returned. One whose connection is lost is run again, or found to be committed.

        Raises:
            OutcomeUnknownError: Nobody knows whether it was committed.
            UnavailableError: The server cannot be reached; nothing was changed.
            ReadOnlyModeError: Nothing is written for now.
        """
        if self.read_only is not None:
            raise ReadOnlyModeError.because(self.read_only)
        unit = Unit(work, keep)
        self.writer.put(unit)
        return await see_through(unit.future, withdraw=lambda: self.writer.withdraw(unit))

    async def look_through(self, report: Report) -> list[checks.Finding]:
        """Check what stands in the tables, and return what is not as it must be."""
        return await checks.look_through(self.read, report)

    def facts(self) -> StoreFacts:
        """Return the version; a server tells sizes to those who look after it."""
        return StoreFacts(schema_version=self.schema_version, database_bytes=0, wal_bytes=0)

    async def close(self) -> None:
        """Finish what is queued, close every connection."""
        await self.neighbours.leave()
        await self.writer.close()
        await self.reader.close()


class Readers:
    """Runs reads, several at a time, each on a snapshot of its own."""

    def __init__(self, server: Server, school: int, count: int) -> None:
        self._connections, self._school = Connections(server, count), school
        self._done, self._times = 0, Histogram()

    def facts(self) -> LaneFacts:
        """Return what it has to do, and what it did so far."""
        return LaneFacts(self._connections.waiting, [0, self._done], self._times.copy())

    async def read(self, work: Work) -> Any:
        """Run *work*; once more where the connection turns out to be gone.

        Raises:
            UnavailableError: The server cannot be reached.
        """
        for is_last in (False, True):
            try:
                return await self._read(work)
            except Exception as error:
                if not is_to_be_tried_again(error) or isinstance(error, UnavailableError):
                    raise
                if is_last:
                    raise UnavailableError("The database server cannot be reached.") from error
        raise AssertionError

    async def _read(self, work: Work) -> Any:
        async with self._connections.one() as connection:
            started = time.perf_counter()
            await connection.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
            try:
                result = await work(PostgresTransaction(connection, self._school))
            except Exception as error:
                # One that is cancelled within a statement is given up with its connection.
                if not is_lost(error):
                    await connection.execute("ROLLBACK")
                raise
            else:
                await connection.execute("ROLLBACK")
                return result
            finally:
                self._done += 1
                self._times.add(int((time.perf_counter() - started) * 1_000_000))

    async def close(self) -> None:
        """Wait for those that run, and close the connections."""
        with suppress(asyncpg.PostgresError, asyncpg.InterfaceError, OSError):
            async with asyncio.timeout(5):
                await self._connections.close()
