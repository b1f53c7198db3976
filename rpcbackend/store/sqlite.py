"""The SQLite engine: one writer with group commit, two readers, checkpoints (D2, D3)."""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any

from rpcbackend.errors import DiskFullError, OutcomeUnknownError, OverloadedError, ReadOnlyModeError
from rpcbackend.rpc_error import RpcError
from rpcbackend.schema.system import ReadOnlyReason
from rpcbackend.store import checks, driver
from rpcbackend.store.as_it_is import AS_IT_IS, DAMAGED
from rpcbackend.store.engine import NoOthers, Work
from rpcbackend.store.files import StoreFacts, log_of, size_of
from rpcbackend.store.lane import Job, Lane, Outcome, Results, see_through
from rpcbackend.store.migrations import SchemaOldError, latest_version, migrate, version_of
from rpcbackend.store.reading import read_group, roll_back
from rpcbackend.store.rekey import change_key
from rpcbackend.store.resealing import forget_others
from rpcbackend.store.statements import SqliteTransaction
from rpcbackend.store.transaction import Report, drive

READERS = 2
"""More fight for the interpreter lock: four readers had a p99 of 178 ms, two one of 4.6 ms."""

GROUP = 64
"""Units in one commit: 13,800 bookings a second at 64 waiting, against 2,800 one by one."""

READ_GROUP = 16

CHECKPOINT_BYTES = driver.LOG_BYTES
"""Size of the write-ahead log above which an idle writer folds it into the database."""

BUSY_CHECKPOINT_BYTES = 4 * CHECKPOINT_BYTES
"""The same for a writer that is never idle: a longer log makes every read slower."""


class SqliteEngine:
    """Runs units of work on one database file.

    Args:
        path: The file, or None for a database in memory that one connection serves.
        school: Bound as `:school` in every statement.
    """

    name = "sqlite"
    # Its file has one process.
    is_shared, is_leader, was_alone, others = False, True, True, NoOthers()

    def __init__(self, path: Path | None, *, school: int) -> None:
        self.path = path
        self.on_poison: Callable[[], None] = lambda: None
        """Told on a database thread when the storage failed: the process must end (74)."""
        self.failure = ""
        """What failed, in SQLite's words, once something has."""
        self.on_full: Callable[[], None] = lambda: None
        """Told on a database thread when a write found no room."""
        self.read_only: ReadOnlyReason | None = None
        """Why nothing is written, while nothing is."""
        self.is_damaged = False
        """Whether the file itself was found at fault."""
        self.on_close: Callable[[], None] = lambda: None
        """Called when every connection is closed."""
        self.must_stay = False
        """Whether the file and its log must be left as they are."""
        self._is_log_kept = False
        self.is_encrypted, self.schema_version = False, 0
        self.migrated_from = 0
        """The version that was found; 0 for a new database."""
        self.school, self._is_poisoned = school, False
        self._noting = threading.Lock()
        self._connections: list[driver.Thread] = []
        self._lanes: list[Lane] = []
        self.alone = asyncio.Lock()
        """Held by whoever must not meet a change of keys."""

    async def open(
        self,
        key: bytes | None,
        now_ms: int,
        save: Callable[[driver.Opener, int], None] | None = None,
        *,
        uri: str = "",
    ) -> None:
        """Open, migrate, and start the readers; to be closed even when it fails.

        Args:
            key: Opens the file.
            now_ms: When, for the record of a migration.
            save: Called on the writer's thread before a migration, if there is anything to save.
            uri: How connections are opened, if not as usual; then nothing is written.

        Raises:
            WrongKeyError: The file cannot be read with this key.
            SchemaTooNewError: A newer program wrote it.
            StorageFailedError: Another program's database.
        """
        self.is_encrypted = key is not None and self.path is not None
        writer = await driver.connect(self.path, key, may_write=not uri, uri=uri)
        self._connections.append(writer)

        def bring_up_to_date(connection: Any) -> None:
            self.migrated_from = version_of(connection)
            is_old = 0 < self.migrated_from < latest_version()
            if uri and is_old:
                raise SchemaOldError
            if save and is_old:
                save(writer.opener, now_ms)
            self.schema_version = migrate(connection, now_ms)
            if not uri:
                # A change of keys that was cut short left some.
                forget_others(connection, key)

        await writer.run(bring_up_to_date)
        self.writer = Lane([writer], self._write_group, batch=GROUP, after_batch=self._checkpoint)
        self.reader = self.writer
        self._lanes.append(self.writer)
        # A second connection to a database in memory would see another database.
        if self.path:
            for _ in range(READERS):
                reader = await driver.connect(self.path, key, may_write=False, uri=uri)
                self._connections.append(reader)
            self.reader = Lane(
                self._connections[1:], partial(read_group, settle=self._settle), batch=READ_GROUP
            )
            self._lanes.append(self.reader)

    @property
    def opener(self) -> driver.Opener:
        """How another connection to the database is opened; holds the key."""
        return self._connections[0].opener

    async def close(self) -> None:
        """Finish what is queued, fold the log into the database, close every connection."""
        async with self.alone:
            for lane in reversed(self._lanes):
                await lane.drain()
                lane.stop()
            self._lanes.clear()
            if self.must_stay or self._is_poisoned or self.read_only in AS_IT_IS:
                await self._keep_log()
            for connection in reversed(self._connections):
                # An unclosed connection keeps its thread, and so the interpreter, alive (D2).
                if connection.opener.may_write and not self._is_log_kept:
                    # A log that cannot be folded in now is read at the next start.
                    with suppress(driver.Error):
                        await connection.run(driver.fold_log)
                await connection.close()
            self._connections.clear()
        self.on_close()

    async def _keep_log(self) -> None:
        """Let the connection be closed last that cannot fold the log in: SQLite would."""
        with suppress(*driver.FAILURES, IndexError):
            key = self._connections[0].opener.key
            guard = await driver.connect(self.path, key, may_write=False, uri="mode=ro")
            self._connections.insert(0, guard)
        self._is_log_kept = True

    async def read(self, work: Work) -> Any:
        """Run *work* on one snapshot; a cancelled read is stopped soon."""
        return await self._read(work, self.reader)

    async def _read(self, work: Work, lane: Lane) -> Any:
        job = Job(lambda connection: drive(work(SqliteTransaction(connection, self.school))))
        if lane is self.writer:
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
            ReadOnlyModeError: Nothing is written for now.
        """
        if self._is_poisoned:
            raise OutcomeUnknownError(outcome="none")
        if self.read_only is not None:
            raise ReadOnlyModeError.because(self.read_only)
        job = Job(
            lambda connection: drive(work(SqliteTransaction(connection, self.school))), keep=keep
        )
        self.writer.put(job)
        return await see_through(job.future, withdraw=lambda: self.writer.withdraw(job))

    async def rekey(self, key: bytes, report: Report) -> None:
        """Encrypt the whole database anew and return when that is durable.

        Once it has begun it is waited for, however often it is cancelled.

        Raises:
            OverloadedError: Another program is in the database; the old key stays.
            DiskFullError: There is no room for a second copy of it; the old key stays.
            OutcomeUnknownError: Either the old key stays, or the process is about to end.
            ReadOnlyModeError: Nothing is written for now; the old key stays.
        """
        if self.read_only is not None:
            raise ReadOnlyModeError.because(self.read_only)
        await see_through(asyncio.ensure_future(self._rekey(key, report)))

    async def _rekey(self, key: bytes, report: Report) -> None:
        async with self.exclusively():
            await change_key(self._connections, key, report)

    @asynccontextmanager
    async def exclusively(self) -> AsyncIterator[None]:
        """Let end what runs, and hold what comes meanwhile, in its order.

        Whoever is cancelled within it leaves a database that nobody can use; see `see_through`.

        Raises:
            RpcError: What the body raised, in words for the caller.
        """
        async with self.alone:
            for lane in self._lanes:
                lane.hold()
            try:
                for lane in self._lanes:
                    await lane.drain()
                yield
            except RpcError:
                raise
            except Exception as error:
                # Before anybody who was held can write.
                self._note_poison(error)
                raise _refusal(error) from error
            finally:
                for lane in self._lanes:
                    lane.resume()

    @asynccontextmanager
    async def put_down(self) -> AsyncIterator[None]:
        """Have nobody in the files, until the end of the body; only `exclusively`."""
        for connection in reversed(self._connections):
            await connection.put_down()
        try:
            yield
        finally:
            await driver.take_up_all(self._connections, self.opener.key)

    async def look(self, work: Work) -> Any:
        """Run *work* on the writer's thread, past those who are held; only `exclusively`."""
        results = []

        def run(connection: Any) -> None:
            results.append(drive(work(SqliteTransaction(connection, self.school))))

        await self._connections[0].run(run)
        return results[0]

    async def look_through(self, report: Report) -> list[checks.Finding]:
        """Read the whole database, reporting step by step, and return what is not as it must be.

        On a connection of its own: it takes seconds, and the readers have others to serve.
        """
        if self.path is None:
            return await checks.look_through(partial(self._read, lane=self.reader), report)
        async with self.alone:
            try:
                connection = await self._connections[-1].twin()
            except Exception as error:
                if driver.is_damage(error):
                    return [checks.unreadable("the database")]
                raise
            try:
                return await checks.look_through(partial(self._look, connection), report)
            finally:
                await connection.close()

    async def _look(self, connection: driver.Thread, work: Work) -> Any:
        lane = Lane([connection], partial(read_group, settle=lambda _: None), batch=1)
        try:
            return await self._read(work, lane)
        except driver.FAILURES:
            # SQLCipher serves nothing more on a connection that met a page it cannot prove.
            await connection.put_down()
            await connection.take_up(connection.opener)
            raise

    async def make_room(self, tidy: Callable[[Any], object]) -> None:
        """Run *tidy* on the writer's thread and fold the log in, as far as there is room for it."""

        def run(connection: Any) -> None:
            for step in (tidy, driver.fold_log):
                try:
                    step(connection)
                except driver.Error as error:
                    self._note_poison(error)
                    roll_back(connection)

        async with self.alone:
            if self._connections:
                await self._connections[0].run(run)

    def facts(self) -> StoreFacts:
        """Return sizes as the file system tells them."""
        return StoreFacts(
            schema_version=self.schema_version,
            database_bytes=size_of(self.path),
            wal_bytes=self._log_bytes(),
        )

    def _log_bytes(self) -> int:
        return size_of(log_of(self.path)) if self.path else 0

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
            roll_back(connection)
            if driver.is_full(error) and len(group) > 1:
                # What is left may do for some of them, and one may have asked for too much.
                for job in group:
                    self._write_group(connection, [job], results)
                return
            if driver.is_full(error):
                self.on_full()
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
        if self._log_bytes() > bound:
            try:
                connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()
            except driver.Error as error:
                # On a full disk the log just stays long; a failed disk is the end.
                self._note_poison(error)
                if driver.is_full(error):
                    self.on_full()

    # On any of its threads

    def _settle(self, outcome: Outcome) -> None:
        if outcome.error is not None:
            if self.read_only in AS_IT_IS and driver.is_damage(outcome.error):
                # What can be read is served; and nothing is written that could be lost.
                outcome.error = RpcError(DAMAGED)
            else:
                self._note_poison(outcome.error)

    def _note_poison(self, error: BaseException) -> None:
        if driver.is_poison(error) or isinstance(error, driver.StorageFailedError):
            self.is_damaged = self.is_damaged or driver.is_corrupt(error)
            with self._noting:
                was_poisoned, self._is_poisoned = self._is_poisoned, True
            if not was_poisoned:
                # After one failed fsync later successes prove nothing (reliability finding 4).
                self.failure = str(error)
                self.on_poison()


def _refusal(error: BaseException) -> RpcError:
    if driver.is_busy(error):
        return OverloadedError("Another program is writing to the database.", retry_after_ms=1_000)
    if driver.is_full(error):
        return DiskFullError()
    return OutcomeUnknownError(outcome="unknown" if driver.is_damage(error) else "none")
