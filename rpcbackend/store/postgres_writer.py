"""The writes of one school on a PostgreSQL server, one after the other in all of its processes.

Whoever writes holds the school's lock until his transaction is over: so each unit sees all that was
committed before it and nothing else, and events come to be seen in the order of their numbers
(docs/adr/0051-one-writer-a-school.md). What waits in this process shares one transaction.
"""

import asyncio
import time
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from contextvars import Context
from dataclasses import dataclass, field
from typing import Any

import asyncpg

from rpcbackend.errors import (
    OutcomeUnknownError,
    OverloadedError,
    ShuttingDownError,
    UnavailableError,
)
from rpcbackend.histogram import Histogram
from rpcbackend.moments import MOMENT, Moment
from rpcbackend.store.engine import Work
from rpcbackend.store.lane import LaneFacts
from rpcbackend.store.postgres_connections import (
    FAILURES,
    Server,
    is_lost,
    is_to_be_tried_again,
)
from rpcbackend.store.postgres_together import Request
from rpcbackend.store.postgres_transaction import PostgresTransaction
from rpcbackend.store.transaction import Mark, Row, UnitSuspendedError

GROUP = 16
"""Units in one commit; a longer group would hold the lock for longer than others should wait."""

HANGING_SECONDS = 5.0
"""After so long without a statement the server ends a transaction: a process that hangs within one
holds up its whole school, and the others give up waiting for it after ten."""

PATIENCE_SECONDS = 15.0
"""After so long without an answer a connection is given up: nobody waits so long for a lock."""

WAITS_SECONDS = (0.0, 0.01, 0.05, 0.25, 1.0)
"""Before each further try of a transaction that was not committed."""

# A query of two statements has no parameters; the school is a number of the settings.
_BEGIN = "BEGIN; SELECT pg_advisory_xact_lock({:d})"

# The number of a transaction tells what became of it as long as its era lasts. A promoted standby
# counts on from wherever it was; and a server that crashed gives the numbers of transactions that
# left no trace on its disk once more, to others. A crash throws statistics away, and says when.
_ERA = """
left(pg_walfile_name(pg_current_wal_lsn()), 8) ||
  (SELECT coalesce(stats_reset::text, '') FROM pg_stat_wal) AS era
"""

# The others are told once it is committed.
_END = f"""
SELECT pg_notify($1, $2)::text, pg_current_xact_id()::text AS number, {_ERA}
"""

_LOCK = f"SELECT pg_advisory_xact_lock($1), {_ERA}"

NEWS, NEWS_OF_ACCESS = "", "access"
"""What others are told of a commit: that there was one, or that it changed who may come in."""

_STATUS = "SELECT pg_xact_status($1::text::xid8)"

_IS_AUDITED = "SELECT EXISTS (SELECT 1 FROM audit WHERE school_id = $1 AND seq = $2 AND hash = $3)"


@dataclass(slots=True, eq=False)
class Unit:
    """One write on its way."""

    work: Work
    keep: bool
    moment: Moment | None = field(default_factory=MOMENT.get)
    future: "asyncio.Future[Any]" = field(
        default_factory=lambda: asyncio.get_running_loop().create_future()
    )
    value: Any = None
    error: Exception | None = None

    def settle(self, error: Exception | None) -> None:
        """Let whoever waits have the outcome; *error* is that of the whole transaction."""
        if self.future.done():
            return
        if error or self.error:
            self.future.set_exception(error or self.error)  # type: ignore[arg-type]  # one of them is
        else:
            self.future.set_result(self.value)


@dataclass(frozen=True, slots=True)
class _Begun:
    """A transaction that was begun."""

    number: str
    era: str
    mark: Mark | None
    """What else tells that it was committed."""


class Writer:
    """Runs writes in the order in which they come.

    Args:
        server: Where to.
        school: Whose.
    """

    def __init__(self, server: Server, school: int) -> None:
        self._server, self._school = server, school
        self._connection: asyncpg.Connection[Any] | None = None
        self._waiting: deque[Unit] = deque()
        self._task: asyncio.Task[None] | None = None
        self._is_stopped = False
        self._sizes, self._times = [0] * (GROUP + 1), Histogram()

    def facts(self) -> LaneFacts:
        """Return what it has to do, and what it did so far."""
        return LaneFacts(len(self._waiting), self._sizes.copy(), self._times.copy())

    def is_ours(self, pid: int) -> bool:
        """Tell whether the server's process of that number runs our writes."""
        connection = self._connection
        if connection is None or connection.is_closed():
            return False
        return connection.get_server_pid() == pid

    def put(self, unit: Unit) -> None:
        """Queue a write.

        Raises:
            ShuttingDownError: The writer was closed.
        """
        if self._is_stopped:
            raise ShuttingDownError
        self._waiting.append(unit)
        if self._task is None:
            # It belongs to none of those who wait.
            loop = asyncio.get_running_loop()
            self._task = loop.create_task(self._write_all(), context=Context())

    def withdraw(self, unit: Unit) -> bool:
        """Take a write back that has not begun."""
        try:
            self._waiting.remove(unit)
        except ValueError:
            return False
        return True

    def hang_up(self) -> None:
        """End its connection: the server says nothing any more. What runs is run on another."""
        if self._connection is not None:
            self._connection.terminate()

    async def close(self) -> None:
        """Finish what waits, and close the connection."""
        self._is_stopped = True
        while self._task is not None:
            done, _ = await asyncio.wait([self._task], timeout=PATIENCE_SECONDS)
            if not done:
                self.hang_up()
        await self._let_go()

    async def _write_all(self) -> None:
        try:
            while self._waiting:
                group = [self._waiting.popleft() for _ in range(min(GROUP, len(self._waiting)))]
                started = time.perf_counter()
                error = await self._write(group)
                self._sizes[len(group)] += 1
                self._times.add(int((time.perf_counter() - started) * 1_000_000))
                if isinstance(error, UnavailableError):
                    # Nobody else would fare better.
                    group += self._waiting
                    self._waiting.clear()
                for unit in group:
                    unit.settle(error)
        finally:
            self._task = None

    async def _write(self, group: Sequence[Unit]) -> Exception | None:
        """Run a group until it is known what became of it; return why it failed as a whole."""
        failure: Exception | None = None
        for wait in WAITS_SECONDS:
            await asyncio.sleep(wait)
            try:
                begun = await self._try(group)
                if begun is None or await self._is_committed(begun):
                    return None
            except Exception as error:  # noqa: BLE001 (whatever it is, those who wait must hear)
                failure = error
                await self._let_go()
                if not is_to_be_tried_again(error):
                    break
        return _refusal(failure)

    async def _try(self, group: Sequence[Unit]) -> _Begun | None:
        """Run a group and commit it; return its transaction if nobody answered the COMMIT."""
        connection = await self._connected()
        await connection.execute(_BEGIN.format(self._school), timeout=PATIENCE_SECONDS)
        transactions = [await self._run(connection, unit, len(group)) for unit in group]
        kept = [tx for tx in transactions if tx is not None]
        if not kept:
            await connection.execute("ROLLBACK")
            return None
        row = await self._end(kept)
        try:
            said = await connection.execute("COMMIT")
        except Exception as error:  # what is no lost connection goes on as it is
            if not is_lost(error):
                raise
            marks = [tx.mark for tx in kept if tx.mark is not None]
            return _Begun(row["number"], row["era"], marks[-1] if marks else None)
        if said != "COMMIT":
            # A unit went on after an error that had spoilt the transaction.
            raise RuntimeError(f"the transaction ended with {said}")
        return None

    async def _run(
        self, connection: "asyncpg.Connection[Any]", unit: Unit, size: int
    ) -> PostgresTransaction | None:
        """Run a unit, and return its transaction if anything of it stays."""
        unit.value = unit.error = None
        tx = PostgresTransaction(connection, self._school)
        # One alone needs no mark to go back to: the whole transaction is its own.
        if size > 1:
            await connection.execute("SAVEPOINT unit")
        before = MOMENT.set(unit.moment)
        try:
            unit.value = await unit.work(tx)
            if size > 1 and unit.keep:
                # The next unit sees all of it.
                await tx.settle()
        except asyncio.CancelledError:
            # Of something it awaited: nobody cancels the writer.
            unit.error = UnitSuspendedError("a unit of work awaited something that was cancelled")
        except Exception as error:  # told to whoever asked for the unit, and to nobody else
            if is_to_be_tried_again(error):
                raise
            unit.error = error
        finally:
            MOMENT.reset(before)
        is_kept = unit.keep and unit.error is None
        if size > 1:
            end = "RELEASE unit" if is_kept else "ROLLBACK TO unit; RELEASE unit"
            await connection.execute(end)
        return tx if is_kept else None

    async def _end(self, kept: Sequence[PostgresTransaction]) -> Row:
        """Do what was left for later, and let the other processes hear of it after the commit."""
        news = NEWS_OF_ACCESS if any(tx.access_changed for tx in kept) else NEWS
        (row,) = await kept[-1].settle(Request(_END, (channel_of(self._school), news)))
        return row  # type: ignore[no-any-return]  # answers are rows or counts

    async def _is_committed(self, begun: _Begun) -> bool:
        """Find out what became of a transaction whose COMMIT nobody answered.

        Raises:
            OutcomeUnknownError: Nobody knows; whoever repeats the command under its key will.
        """
        for wait in WAITS_SECONDS:
            await asyncio.sleep(wait)
            await self._let_go()
            with suppress(UnavailableError, *FAILURES):
                connection = await self._connected()
                async with connection.transaction():
                    # Once the lock is ours, the backend that held it has come to its end.
                    era = await connection.fetchval(_LOCK, self._school, column=1)
                    if era == begun.era:
                        status = await connection.fetchval(_STATUS, begun.number)
                        return bool(status == "committed")
                    if begun.mark is not None:
                        return bool(
                            await connection.fetchval(_IS_AUDITED, self._school, *begun.mark)
                        )
                break
        raise OutcomeUnknownError(outcome="unknown")

    async def _connected(self) -> "asyncpg.Connection[Any]":
        if self._connection is None or self._connection.is_closed():
            self._connection = await self._server.connect(
                idle_in_transaction_session_timeout=f"{HANGING_SECONDS:.0f}s"
            )
        return self._connection

    async def _let_go(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(Exception):
                await connection.close(timeout=1.0)


def _refusal(error: Exception | None) -> Exception:
    if isinstance(error, asyncpg.LockNotAvailableError):
        return OverloadedError("Others are writing to the database.", retry_after_ms=1_000)
    if error is None or is_to_be_tried_again(error):
        return UnavailableError("The database server cannot be reached.")
    return error


def channel_of(school: int) -> str:
    """Return the name under which a school's processes tell each other of their commits."""
    return f"rpcbackend_{school}"
