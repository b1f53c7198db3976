"""The SQLite engine: one writer with group commit, two readers, checkpoints when idle (D2, D3)."""

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from rpcbackend.errors import OutcomeUnknownError, OverloadedError, RpcError
from rpcbackend.store import driver
from rpcbackend.store.lane import Deliver, Job, Lane, Outcome
from rpcbackend.store.migrations import migrate
from rpcbackend.store.transaction import Row, drive

READERS = 2
"""More fight for the interpreter lock: four readers had a p99 of 178 ms, two one of 4.6 ms."""

GROUP = 64
"""Units in one commit: 13,800 bookings a second at 64 waiting, against 2,800 one by one."""

READ_GROUP = 16

STEPS_BETWEEN_LOOKS = 100_000
"""Steps of SQLite's machine, some 2 ms, between which a running read may be stopped."""

CHECKPOINT_BYTES = driver.LOG_BYTES
"""Size of the write-ahead log above which an idle writer folds it into the database."""

Work = Callable[["SqliteTransaction"], Coroutine[Any, Any, Any]]


class SqliteTransaction:
    """The statements of one unit, run where they are called: nothing here ever suspends."""

    __slots__ = ("_connection", "_school")

    def __init__(self, connection: Any, school: int) -> None:
        self._connection = connection
        self._school = school

    async def one(self, sql: str, /, **params: Any) -> Row | None:
        """Return the first row, if any."""
        params["school"] = self._school
        return self._connection.execute(sql, params).fetchone()  # type: ignore[no-any-return]  # the driver is untyped

    async def all(self, sql: str, /, **params: Any) -> list[Row]:
        """Return every row."""
        params["school"] = self._school
        return self._connection.execute(sql, params).fetchall()  # type: ignore[no-any-return]  # the driver is untyped

    async def run(self, sql: str, /, **params: Any) -> int:
        """Run a change and return the number of rows it touched."""
        params["school"] = self._school
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
        on_poison: Told when the storage failed under the writer: the process must end (74).
    """

    name = "sqlite"

    def __init__(self, path: Path | None, *, school: int, on_poison: Callable[[], None]) -> None:
        self.path = path
        self.is_encrypted = False
        self.schema_version = 0
        self._school = school
        self._on_poison = on_poison
        self._is_poisoned = False
        self._connections: list[driver.Thread] = []
        self._readers: list[Lane] = []

    async def open(self, key: bytes | None, now_ms: int) -> None:
        """Open, migrate, and start the readers.

        Raises:
            WrongKeyError: The file cannot be read with this key.
            SchemaTooNewError: A newer program wrote it.
            StorageFailedError: The disk or the file failed.
        """
        try:
            await self._open(key, now_ms)
        except BaseException as error:
            await self.close()
            # A damaged schema is quoted in the driver's message, which is then no UTF-8.
            if isinstance(error, driver.Error | UnicodeDecodeError):
                raise driver.StorageFailedError(str(error)) from error
            raise

    async def _open(self, key: bytes | None, now_ms: int) -> None:
        self.is_encrypted = key is not None
        writer = await driver.connect(self.path, key, may_write=True)
        self._connections.append(writer)

        def bring_up_to_date(connection: Any) -> None:
            self.schema_version = migrate(connection, now_ms)

        await writer.run(bring_up_to_date)
        self._writer = Lane(writer, self._write_group, batch=GROUP, when_idle=self._checkpoint)
        # A second connection to a database in memory would see another database.
        for _ in range(READERS if self.path else 0):
            reader = await driver.connect(self.path, key, may_write=False)
            self._connections.append(reader)
            self._readers.append(Lane(reader, self._read_group, batch=READ_GROUP))

    async def close(self) -> None:
        """Finish what is queued, fold the log into the database, close every connection."""
        for lane in [*self._readers, getattr(self, "_writer", None)]:
            if lane is not None:
                await lane.drain()
        self._readers.clear()
        for connection in reversed(self._connections):
            # An unclosed connection keeps its thread, and so the interpreter, alive (D2).
            if connection is self._connections[0] and not self._is_poisoned:
                # A log that cannot be folded in now is read at the next start.
                with suppress(driver.Error):
                    await connection.run(_truncate_log)
            await connection.close()
        self._connections.clear()

    async def read(self, work: Work) -> Any:
        """Run *work* on one snapshot; a cancelled read is stopped soon."""
        lane = min(self._readers, key=lambda each: each.load, default=self._writer)
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
        while True:
            try:
                return await asyncio.shield(job.future)
            except asyncio.CancelledError:
                if self._writer.withdraw(job):
                    raise
                # However often it is cancelled now, it takes effect, so its result is the truth.
                task = asyncio.current_task()
                if task is not None:
                    task.uncancel()

    async def check_integrity(self) -> bool:
        """Read the whole database and tell whether every page is sound."""

        async def look(tx: SqliteTransaction) -> bool:
            try:
                row = await tx.one("PRAGMA integrity_check(1)")
            except driver.Error as error:
                # A file that lost its end cannot even be looked through.
                if driver.is_poison(error):
                    return False
                raise
            return row is not None and row[0] == "ok"

        return bool(await self.read(look))

    def facts(self) -> StoreFacts:
        """Return sizes as the file system tells them."""
        return StoreFacts(
            schema_version=self.schema_version,
            database_bytes=_size(self.path),
            wal_bytes=_size(_wal_of(self.path)),
        )

    # On the writer's thread

    def _write_group(self, connection: Any, jobs: Sequence[Job], deliver: Deliver) -> None:
        if self._is_poisoned:
            raise OutcomeUnknownError(outcome="none")
        try:
            outcomes = self._run_group(connection, jobs)
        except driver.Error as error:
            # BEGIN or COMMIT itself failed: nobody in this group may hear a yes.
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            self._note_poison(error)
            outcomes = [Outcome(job, error=_refusal(error)) for job in jobs]
        for outcome in outcomes:
            deliver(outcome)

    def _run_group(self, connection: Any, jobs: Sequence[Job]) -> list[Outcome]:
        connection.execute("BEGIN IMMEDIATE")
        outcomes = []
        for job in jobs:
            connection.execute("SAVEPOINT unit")
            outcome = Outcome(job)
            try:
                outcome.value = job.run(connection)
            except Exception as error:
                if driver.is_poison(error):
                    raise
                outcome.error = error
            if outcome.error is not None or not job.keep:
                connection.execute("ROLLBACK TO unit")
            connection.execute("RELEASE unit")
            outcomes.append(outcome)
        connection.execute("COMMIT")
        return outcomes

    def _note_poison(self, error: BaseException) -> None:
        if driver.is_poison(error) and not self._is_poisoned:
            # After one failed fsync later successes prove nothing (reliability finding 4).
            self._is_poisoned = True
            self._on_poison()

    def _checkpoint(self, connection: Any) -> None:
        if _size(_wal_of(self.path)) > CHECKPOINT_BYTES:
            try:
                connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()
            except driver.Error as error:
                # On a full disk the log just stays long; a failed disk is the end.
                self._note_poison(error)

    # On a reader's thread

    def _read_group(self, connection: Any, jobs: Sequence[Job], deliver: Deliver) -> None:
        connection.execute("BEGIN")
        try:
            for job in jobs:
                # Asked from within the statement: an interrupt from outside could come between two
                # statements and be lost, or hit a neighbour in the group.
                connection.set_progress_handler(partial(_is_cancelled, job), STEPS_BETWEEN_LOOKS)
                deliver(_run_read(connection, job))
        finally:
            connection.set_progress_handler(None, 0)
            connection.execute("ROLLBACK")


def _run_read(connection: Any, job: Job) -> Outcome:
    try:
        return Outcome(job, value=job.run(connection))
    except Exception as error:  # noqa: BLE001 (whatever a unit raises is its outcome)
        return Outcome(job, error=error)


def _is_cancelled(job: Job) -> bool:
    return job.is_cancelled


def _refusal(error: BaseException) -> RpcError:
    if driver.is_busy(error):
        return OverloadedError("Another program is writing to the database.", retry_after_ms=1_000)
    return OutcomeUnknownError(outcome="unknown" if driver.is_poison(error) else "none")


def _truncate_log(connection: Any) -> None:
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()


def _wal_of(path: Path | None) -> Path | None:
    return path.with_name(path.name + "-wal") if path else None


def _size(path: Path | None) -> int:
    try:
        return path.stat().st_size if path else 0
    except FileNotFoundError:
        return 0
