"""The reads of one school on a PostgreSQL server, several at a time, each on a snapshot of its own.

Most are one statement, which is a snapshot by itself and takes one round trip. A transaction begins
with the second: the first is asked again in it, and almost always says what it said before.
"""

import asyncio
import time
from contextlib import suppress
from typing import Any

import asyncpg

from rpcbackend.errors import UnavailableError
from rpcbackend.histogram import Histogram
from rpcbackend.store.engine import Work
from rpcbackend.store.lane import LaneFacts
from rpcbackend.store.postgres_connections import (
    FAILURES,
    Connections,
    Server,
    is_lost,
    is_to_be_tried_again,
)
from rpcbackend.store.postgres_together import Request
from rpcbackend.store.postgres_transaction import PostgresTransaction
from rpcbackend.store.transaction import Row

_SETTINGS = {
    "default_transaction_isolation": "repeatable read",
    "default_transaction_read_only": "on",
}


class ChangedMeanwhileError(Exception):
    """What the first statement of a read said is not so in the snapshot of the second."""


class Reading(PostgresTransaction):
    """The statements of one read.

    Args:
        connection: Its transactions are read-only snapshots.
        school: Whose.
        is_begun_at_once: Whether there is a transaction from the first statement on.
    """

    __slots__ = ("_first", "_is_begun_at_once", "has_begun")

    def __init__(
        self, connection: "asyncpg.Connection[Any]", school: int, *, is_begun_at_once: bool
    ) -> None:
        super().__init__(connection, school)
        self._is_begun_at_once = is_begun_at_once
        self._first: tuple[Request, bool, list[Row]] | None = None
        self.has_begun = False
        """Whether there is a transaction, which is to be ended."""

    async def _fetch(self, request: Request, *, is_one: bool = False) -> list[Row]:
        if self._first is None and not self._is_begun_at_once:
            rows = await super()._fetch(request, is_one=is_one)
            self._first = request, is_one, rows
            return rows
        await self._begin()
        return await super()._fetch(request, is_one=is_one)

    async def _execute(self, request: Request) -> int:
        await self._begin()
        return await super()._execute(request)

    async def _begin(self) -> None:
        """Begin a transaction, unless there is one.

        Raises:
            ChangedMeanwhileError: The first statement says something else in it.
        """
        if self.has_begun:
            return
        self.has_begun = True
        await self._connection.execute("BEGIN")
        if self._first is not None:
            request, is_one, rows = self._first
            if await super()._fetch(request, is_one=is_one) != rows:
                raise ChangedMeanwhileError


class Reader:
    """Runs the reads of one process.

    Args:
        server: Where to.
        school: Whose.
        count: How many at a time.
    """

    def __init__(self, server: Server, school: int, count: int) -> None:
        self._connections, self._school = Connections(server, count, **_SETTINGS), school
        self._done, self._times = 0, Histogram()
        self._ending: set[asyncio.Task[None]] = set()

    def facts(self) -> LaneFacts:
        """Return what it has to do, and what it did so far."""
        return LaneFacts(self._connections.waiting, [0, self._done], self._times.copy())

    async def read(self, work: Work) -> Any:
        """Run *work*; once more where it saw two states, or its connection turns out to be gone.

        Raises:
            UnavailableError: The server cannot be reached.
        """
        try:
            return await self._read_surely(work, is_begun_at_once=False)
        except ChangedMeanwhileError:
            return await self._read_surely(work, is_begun_at_once=True)

    async def _read_surely(self, work: Work, *, is_begun_at_once: bool) -> Any:
        for is_last in (False, True):
            try:
                return await self._read(work, is_begun_at_once=is_begun_at_once)
            except Exception as error:  # what is no lost connection goes on as it is
                if not is_to_be_tried_again(error) or isinstance(error, UnavailableError):
                    raise
                if is_last:
                    raise UnavailableError("The database server cannot be reached.") from error
        raise AssertionError

    async def _read(self, work: Work, *, is_begun_at_once: bool) -> Any:
        connection = await self._connections.lend()
        started = time.perf_counter()
        reading = Reading(connection, self._school, is_begun_at_once=is_begun_at_once)
        # One that is cancelled within a statement is given up with its connection.
        is_well = False
        try:
            result = await work(reading)
            is_well = True
        except Exception as error:  # it goes on as it is; a lost connection is not lent again
            is_well = not is_lost(error)
            raise
        finally:
            self._done += 1
            self._times.add(int((time.perf_counter() - started) * 1_000_000))
            if is_well and reading.has_begun:
                self._end_soon(connection)
            else:
                self._connections.give_back(connection, is_well=is_well)
        return result

    def _end_soon(self, connection: "asyncpg.Connection[Any]") -> None:
        """End its transaction beside whoever has his answer."""
        task = asyncio.get_running_loop().create_task(self._end(connection))
        # The loop keeps only weak references to its tasks.
        self._ending.add(task)
        task.add_done_callback(self._ending.discard)

    async def _end(self, connection: "asyncpg.Connection[Any]") -> None:
        try:
            with suppress(*FAILURES):
                await connection.execute("ROLLBACK")
        finally:
            self._connections.give_back(connection, is_well=True)

    def hang_up(self) -> None:
        """End its connections: the server says nothing any more."""
        self._connections.hang_up()

    async def close(self) -> None:
        """Wait for those that run, and close the connections."""
        with suppress(*FAILURES):
            async with asyncio.timeout(5):
                await self._connections.close()
