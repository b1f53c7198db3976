"""The PostgreSQL engine: one writer for each school, readers on snapshots, news of other processes.

Imported only where a database is on a server: asyncpg costs a start 60 ms.
"""

from collections.abc import Callable
from typing import Any

from rpcbackend.errors import ReadOnlyModeError, UnavailableError
from rpcbackend.schema.system import ReadOnlyReason
from rpcbackend.store import checks
from rpcbackend.store.driver import ServerRefusesError
from rpcbackend.store.engine import Work
from rpcbackend.store.files import StoreFacts
from rpcbackend.store.lane import see_through
from rpcbackend.store.migrations import latest_version
from rpcbackend.store.postgres_beside import BesideOpener
from rpcbackend.store.postgres_connections import FAILURES, Server, is_lost, refusal
from rpcbackend.store.postgres_neighbours import Neighbours
from rpcbackend.store.postgres_reader import Reader
from rpcbackend.store.postgres_schema import migrate
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
        self.reader = Reader(self._server, school, readers)
        self.neighbours.on_silence = self._hang_up

    async def open(self, now_ms: int) -> None:
        """Migrate; to be closed even when it fails.

        Raises:
            UnavailableError: The server cannot be reached.
            ServerRefusesError: It does not let us in, or not do what we must.
            SchemaTooNewError: A newer program wrote the database.
        """
        try:
            await self._open(now_ms)
        except (UnavailableError, *FAILURES) as error:
            cause = error.__cause__ if isinstance(error, UnavailableError) else error
            if advice := refusal(cause):
                raise ServerRefusesError(advice) from error
            if is_lost(error):
                raise UnavailableError("The database server cannot be reached.") from error
            raise

    async def _open(self, now_ms: int) -> None:
        # A migration of a large school has its own time.
        connection = await self._server.connect(statement_timeout="0")
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

    def _hang_up(self) -> None:
        # Where a network is gone no connection ends by itself for a quarter of an hour.
        self.writer.hang_up()
        self.reader.hang_up()

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
