"""The SQLite engine: one writer with group commit, two readers, checkpoints (D2, D3)."""

import asyncio
import threading
from collections.abc import Callable, Coroutine, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from rpcbackend.errors import DiskFullError, OutcomeUnknownError, OverloadedError, RpcError
from rpcbackend.store import driver
from rpcbackend.store.changes import Changes
from rpcbackend.store.lane import Job, Lane, Outcome, Results, see_through
from rpcbackend.store.migrations import migrate
from rpcbackend.store.rekey import change_key
from rpcbackend.store.transaction import Report, Row, drive

READERS = 2
"""More fight for the interpreter lock: four readers had a p99 of 178 ms, two one of 4.6 ms."""

GROUP = 64
"""Units in one commit: 13,800 bookings a second at 64 waiting, against 2,800 one by one."""

READ_GROUP = 16

STEPS_BETWEEN_LOOKS = 100_000
"""Steps of SQLite's machine, some 2 ms, between which a running read may be stopped."""

CHECKPOINT_BYTES = driver.LOG_BYTES
"""Size of the write-ahead log above which an idle writer folds it into the database."""

BUSY_CHECKPOINT_BYTES = 4 * CHECKPOINT_BYTES
"""The same for a writer that is never idle: a longer log makes every read slower."""

Work = Callable[["SqliteTransaction"], Coroutine[Any, Any, Any]]


class SqliteTransaction:
    """The statements of one unit, run where they are called: nothing here ever suspends."""

    __slots__ = ("_connection", "access_changed", "changes", "school")

    def __init__(self, connection: Any, school: int) -> None:
        self._connection = connection
        self.school = school
        self.access_changed = False
        self.changes: Changes | None = None

    async def one(self, sql: str, /, **params: Any) -> Row | None:
        """Return the first row, if any."""
        params["school"] = self.school
        return self._connection.execute(sql, params).fetchone()  # type: ignore[no-any-return]  # the driver is untyped

    async def all(self, sql: str, /, **params: Any) -> list[Row]:
        """Return every row."""
        params["school"] = self.school
        return self._connection.execute(sql, params).fetchall()  # type: ignore[no-any-return]  # the driver is untyped

    async def run(self, sql: str, /, **params: Any) -> int:
        """Run a change and return the number of rows it touched."""
        params["school"] = self.school
        return self._connection.execute(sql, params).rowcount  # type: ignore[no-any-return]  # the driver is untyped


@dataclass(frozen=True, slots=True)
class StoreFacts:
    """Sizes and counts for `system.health`."""

    schema_version: int
    database_bytes: int
    wal_bytes: int


class SqliteEngine:
    """Runs units of work on one database file.

    Args:
        path: The file, or None for a database in memory that one connection serves.
        school: Bound as `:school` in every statement.
    """

    name = "sqlite"

    def __init__(self, path: Path | None, *, school: int) -> None:
        self.path = path
        self.on_poison: Callable[[], None] = lambda: None
        """Told on a database thread when the storage failed: the process must end (74)."""
        self.is_encrypted = False
        self.schema_version = 0
        self._school = school
        self._is_poisoned = False
        self._noting = threading.Lock()
        self._connections: list[driver.Thread] = []
        self._lanes: list[Lane] = []
        self._alone = asyncio.Lock()
        """Held by whoever must not meet a change of keys."""

    async def open(self, key: bytes | None, now_ms: int) -> None:
        """Open, migrate, and start the readers; to be closed even when it fails.

        Raises:
            WrongKeyError: The file cannot be read with this key.
            SchemaTooNewError: A newer program wrote it.
            StorageFailedError: Another program's database.
        """
        self.is_encrypted = key is not None and self.path is not None
        writer = await driver.connect(self.path, key, may_write=True)
        self._connections.append(writer)

        def bring_up_to_date(connection: Any) -> None:
            self.schema_version = migrate(connection, now_ms)

        await writer.run(bring_up_to_date)
        self._writer = Lane([writer], self._write_group, batch=GROUP, after_batch=self._checkpoint)
        self._reader = self._writer
        self._lanes.append(self._writer)
        # A second connection to a database in memory would see another database.
        if self.path:
            for _ in range(READERS):
                self._connections.append(await driver.connect(self.path, key, may_write=False))
            self._reader = Lane(self._connections[1:], self._read_group, batch=READ_GROUP)
            self._lanes.append(self._reader)

    async def close(self) -> None:
        """Finish what is queued, fold the log into the database, close every connection."""
        for lane in reversed(self._lanes):
            await lane.drain()
        self._lanes.clear()
        for connection in reversed(self._connections):
            # An unclosed connection keeps its thread, and so the interpreter, alive (D2).
            if connection is self._connections[0] and not self._is_poisoned:
                # A log that cannot be folded in now is read at the next start.
                with suppress(driver.Error):
                    await connection.run(_fold_log)
            await connection.close()
        self._connections.clear()

    async def read(self, work: Work) -> Any:
        """Run *work* on one snapshot; a cancelled read is stopped soon."""
        return await self._read(work, self._reader)

    async def _read(self, work: Work, lane: Lane) -> Any:
        job = Job(lambda connection: drive(work(SqliteTransaction(connection, self._school))))
        if lane is self._writer:
            job.keep = False
        lane.put(job)
        try:
            return await job.future
        except asyncio.CancelledError:
            if not lane.withdraw(job):
                job.is_cancelled = True
            raise

    async def write(self, work: Work, *, keep: bool) -> Any:
        """Run *work* as one transaction and return when it is durable.

        A cancelled write that has not begun is withdrawn; one that has is waited for, and its true
        result returned.

        Raises:
            OutcomeUnknownError: The storage failed; the process is about to end.
        """
        if self._is_poisoned:
            raise OutcomeUnknownError(outcome="none")
        job = Job(
            lambda connection: drive(work(SqliteTransaction(connection, self._school))), keep=keep
        )
        self._writer.put(job)
        return await see_through(job.future, withdraw=lambda: self._writer.withdraw(job))

    async def rekey(self, key: bytes, report: Report) -> None:
        """Encrypt the whole database anew and return when that is durable.

        Once it has begun it is waited for, however often it is cancelled.

        Raises:
            OverloadedError: Another program is in the database; the old key stays.
            DiskFullError: There is no room for a second copy of it; the old key stays.
            OutcomeUnknownError: Either the old key stays, or the process is about to end.
        """
        async with self._alone:
            await see_through(asyncio.ensure_future(self._rekey(key, report)))

    async def _rekey(self, key: bytes, report: Report) -> None:
        for lane in self._lanes:
            lane.hold()
        try:
            for lane in self._lanes:
                await lane.drain()
            await change_key(self._connections, key, report)
        except RpcError:
            raise
        except Exception as error:
            # Before anybody who was held can write.
            self._note_poison(error)
            raise _refusal(error) from error
        finally:
            for lane in self._lanes:
                lane.resume()

    async def check_integrity(self, report: Report) -> bool:
        """Read the whole database, reporting table by table, and tell whether all of it is sound.

        On a connection of its own: it takes seconds, and the readers have others to serve.
        """
        if self.path is None:
            return await self._look_through(self._reader, report)
        async with self._alone:
            try:
                connection = await self._connections[-1].twin()
            except Exception as error:
                # A database that cannot even be opened once more is not sound.
                if _is_damage(error):
                    return False
                raise
            try:
                lane = Lane([connection], self._read_group, batch=1)
                return await self._look_through(lane, report)
            finally:
                await connection.close()

    async def _look_through(self, lane: Lane, report: Report) -> bool:
        try:
            tables = [row[0] for row in await self._read(_list_tables, lane)]
            for done, table in enumerate(tables):
                report(done, len(tables) + 1, table)
                if not await self._read(partial(_is_table_sound, table), lane):
                    return False
            # What belongs to no table: free pages, and pages that nobody knows.
            report(len(tables), len(tables) + 1, "free pages")
            return bool(await self._read(_is_rest_sound, lane))
        except Exception as error:
            # A file that lost its end cannot even be looked through, nor can a text that is no JSON
            # any more be held against the rule of its column.
            if _is_damage(error) or driver.is_value_error(error):
                return False
            raise

    def facts(self) -> StoreFacts:
        """Return sizes as the file system tells them."""
        return StoreFacts(
            schema_version=self.schema_version,
            database_bytes=_size(self.path),
            wal_bytes=_size(_wal_of(self.path)),
        )

    # On the writer's thread

    def _write_group(self, connection: Any, jobs: Iterable[Job], results: Results) -> None:
        group = list(jobs)
        if self._is_poisoned:
            raise OutcomeUnknownError(outcome="none")
        try:
            outcomes = self._run_group(connection, group)
        except driver.Error as error:
            # BEGIN or COMMIT itself failed: nobody in this group may hear a yes.
            self._note_poison(error)
            _roll_back(connection)
            if driver.is_full(error) and len(group) > 1:
                # What is left may do for some of them, and one may have asked for too much.
                for job in group:
                    self._write_group(connection, [job], results)
                return
            outcomes = [Outcome(job, error=_refusal(error)) for job in group]
        for outcome in outcomes:
            results.add(outcome)

    def _run_group(self, connection: Any, jobs: Sequence[Job]) -> list[Outcome]:
        connection.execute("BEGIN IMMEDIATE")
        outcomes = []
        for job in jobs:
            connection.execute("SAVEPOINT unit")
            outcome = Outcome(job)
            try:
                outcome.value = job.run(connection)
            except Exception as error:
                # A full disk may have taken back the whole transaction.
                if driver.is_poison(error) or driver.is_full(error):
                    raise
                outcome.error = error
            if outcome.error is not None or not job.keep:
                connection.execute("ROLLBACK TO unit")
            connection.execute("RELEASE unit")
            outcomes.append(outcome)
        connection.execute("COMMIT")
        return outcomes

    def _checkpoint(self, connection: Any, is_idle: bool) -> None:
        bound = CHECKPOINT_BYTES if is_idle else BUSY_CHECKPOINT_BYTES
        if _size(_wal_of(self.path)) > bound:
            try:
                connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()
            except driver.Error as error:
                # On a full disk the log just stays long; a failed disk is the end.
                self._note_poison(error)

    # On a reader's thread

    def _read_group(self, connection: Any, jobs: Iterable[Job], results: Results) -> None:
        try:
            connection.execute("BEGIN")
            for job in jobs:
                # Asked from within the statement: an interrupt from outside could come between two
                # statements and be lost, or hit a neighbour in the group.
                connection.set_progress_handler(
                    partial(_look_up, job, results), STEPS_BETWEEN_LOOKS
                )
                results.add(self._run_read(connection, job))
        finally:
            connection.set_progress_handler(None, 0)
            _roll_back(connection)

    def _run_read(self, connection: Any, job: Job) -> Outcome:
        try:
            return Outcome(job, value=job.run(connection))
        except Exception as error:  # noqa: BLE001 (whatever a unit raises is its outcome)
            self._note_poison(error)
            return Outcome(job, error=error)

    # On any of them

    def _note_poison(self, error: BaseException) -> None:
        if driver.is_poison(error) or isinstance(error, driver.StorageFailedError):
            with self._noting:
                was_poisoned, self._is_poisoned = self._is_poisoned, True
            if not was_poisoned:
                # After one failed fsync later successes prove nothing (reliability finding 4).
                self.on_poison()


async def _list_tables(tx: SqliteTransaction) -> list[Row]:
    return await tx.all("SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name")


async def _is_table_sound(table: str, tx: SqliteTransaction) -> bool:
    row = await tx.one("SELECT integrity_check FROM pragma_integrity_check(:table)", table=table)
    return row is not None and row[0] == "ok"


async def _is_rest_sound(tx: SqliteTransaction) -> bool:
    row = await tx.one("PRAGMA quick_check(1)")
    return row is not None and row[0] == "ok"


def _is_damage(error: BaseException) -> bool:
    kinds = driver.WrongKeyError | driver.StorageFailedError | UnicodeDecodeError
    return driver.is_poison(error) or isinstance(error, kinds)


def _roll_back(connection: Any) -> None:
    # A disk that failed or is full may have taken the transaction back already, or fail again.
    with suppress(driver.Error):
        if connection.in_transaction:
            connection.execute("ROLLBACK")


def _look_up(job: Job, results: Results) -> bool:
    """From within a long statement: send its neighbours' replies; tell whether to stop it."""
    results.flush()
    return job.is_cancelled


def _refusal(error: BaseException) -> RpcError:
    if driver.is_busy(error):
        return OverloadedError("Another program is writing to the database.", retry_after_ms=1_000)
    if driver.is_full(error):
        return DiskFullError()
    return OutcomeUnknownError(outcome="unknown" if _is_damage(error) else "none")


def _fold_log(connection: Any) -> None:
    driver.fold_log(connection)


def _wal_of(path: Path | None) -> Path | None:
    return path.with_name(path.name + "-wal") if path else None


def _size(path: Path | None) -> int:
    try:
        return path.stat().st_size if path else 0
    except OSError:
        # Not there yet, or on a disk that fails: the next write to it will tell.
        return 0
