"""The store as the rest of the program sees it: read, write, and a call-back on every commit."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TypeVar

from rpcbackend.clock import Clock, SystemClock
from rpcbackend.errors import OutcomeUnknownError
from rpcbackend.ids import Ids
from rpcbackend.store.audit import ROOT, Link
from rpcbackend.store.driver import Error, StorageFailedError, is_poison
from rpcbackend.store.files import (
    FILE_NAME,
    has_data,
    keep_private,
    leave_trace,
    make_private,
    prepare_new,
    put_in_place,
)
from rpcbackend.store.sight import EVERYTHING, Sight
from rpcbackend.store.sqlite import SqliteEngine, SqliteTransaction
from rpcbackend.store.transaction import Report
from rpcbackend.store.work import Work

T = TypeVar("T")
Unit = Callable[[Work], Awaitable[T]]


class Store:
    """An open database of one school; see `open_store`."""

    def __init__(self, engine: SqliteEngine, *, clock: Clock, ids: Ids) -> None:
        self.engine = engine
        self.head_seq = 0
        """The last event that is known to be durable."""
        self.audit_head = ROOT
        """The last row of the audit that is known to be durable."""
        self.on_commit: list[Callable[[], None]] = []
        """Called on the loop after a commit that left events."""
        self.on_access_change: list[Callable[[], None]] = []
        """Called on the loop after a commit that changed who may come in, before its answer."""
        self.access_version = 0
        """How many changes of who may come in were told to `on_access_change`."""
        self._access_version = 0
        """The same, on the writer's thread: of those that stand before what runs now."""
        self._clock, self._ids = clock, ids

    async def read(self, unit: Unit[T], *, sight: Sight = EVERYTHING) -> T:
        """Run *unit* on one snapshot, in one hop to the database.

        Args:
            unit: What to look up.
            sight: What of it can be seen.

        Raises:
            UnitSuspendedError: The unit awaited something other than its transaction.
            OutcomeUnknownError: The storage failed; the process is about to end. Ask the next one.
        """

        async def work(tx: SqliteTransaction) -> T:
            return await unit(self._work(tx, "reader", sight))

        try:
            return await self.engine.read(work)  # type: ignore[no-any-return]  # the lane is untyped
        except Error as error:
            if is_poison(error):
                raise OutcomeUnknownError(outcome="none") from error
            raise

    async def write(
        self, unit: Unit[T], *, actor: str, keep: bool = True, sight: Sight = EVERYTHING
    ) -> T:
        """Run *unit* as one transaction and return when it is durable.

        Args:
            unit: What to do; whatever it raises takes back all of it.
            actor: Who does it, as events name him.
            keep: False does everything and then takes it back (a dry run).
            sight: What of it he can see.

        Raises:
            OutcomeUnknownError: The storage failed during the commit.
        """

        async def work(tx: SqliteTransaction) -> tuple[T, int, Link | None, int]:
            done = self._work(tx, actor, sight)
            done.access_version = self._access_version
            result = await unit(done)
            if tx.access_changed and keep:
                self._access_version += 1
            return result, done.events.appended_seq, done.audit.appended, self._access_version

        result, head_seq, audited, access_version = await self.engine.write(work, keep=keep)
        if access_version > self.access_version:
            self.access_version = access_version
            for forget in self.on_access_change:
                forget()
        if keep and audited is not None and audited.seq > self.audit_head.seq:
            self.audit_head = audited
        if keep and head_seq > self.head_seq:
            self.head_seq = head_seq
            for publish in list(self.on_commit):
                publish()
        return result  # type: ignore[no-any-return]  # the lane is untyped

    async def rekey(self, key: bytes, report: Report) -> None:
        """Encrypt everything with another key; see `SqliteEngine.rekey`."""
        await self.engine.rekey(key, report)

    async def close(self) -> None:
        """Finish what is queued and close the file."""
        await self.engine.close()

    def _work(self, tx: SqliteTransaction, actor: str, sight: Sight) -> Work:
        return Work(tx, now_ms=self._clock.now_ms(), ids=self._ids, actor=actor, sight=sight)


async def open_store(
    directory: Path | None,
    *,
    key: bytes | None = None,
    clock: Clock | None = None,
    ids: Ids | None = None,
    school: int = 1,
    on_poison: Callable[[], None] = lambda: None,
) -> Store:
    """Open the database of a data directory, made and migrated as needed.

    Args:
        directory: Made private to its owner if it is not there; None keeps everything in memory.
        key: 32 bytes encrypt the database; None leaves a new one plain.
        clock: Gives the times of records.
        ids: Makes the ids of records.
        school: Comes first in every key.
        on_poison: Told when the storage failed: the process must end.

    Raises:
        WrongKeyError: The database cannot be read with this key.
        SchemaTooNewError: A newer version of this program wrote it.
        StorageFailedError: The disk or the file failed, or it is another program's database.
        OSError: The directory cannot be made or written.
    """
    clock = clock or SystemClock()
    path = None
    if directory is not None:
        path = await _prepare(directory, key, school, clock)
    engine = await _open(path, key, school, clock)
    store = Store(engine, clock=clock, ids=ids or Ids(clock))
    async with _closed_on_failure(engine):
        store.head_seq, store.audit_head = await store.read(_find_heads)
        if directory is not None:
            leave_trace(directory)
    # Until here a failure is raised to the caller, who decides; from here on it is told.
    engine.on_poison = on_poison
    return store


async def _prepare(directory: Path, key: bytes | None, school: int, clock: Clock) -> Path:
    make_private(directory)
    if not has_data(directory):
        new = prepare_new(directory)
        await (await _open(new, key, school, clock)).close()
        put_in_place(new)
    path = directory / FILE_NAME
    keep_private(path)
    return path


async def _open(path: Path | None, key: bytes | None, school: int, clock: Clock) -> SqliteEngine:
    engine = SqliteEngine(path, school=school)
    async with _closed_on_failure(engine):
        await engine.open(key, clock.now_ms())
    return engine


@asynccontextmanager
async def _closed_on_failure(engine: SqliteEngine) -> AsyncIterator[None]:
    try:
        yield
    except BaseException as error:
        # An engine that is left open keeps the process alive for ever.
        await engine.close()
        cause = error.__cause__ if isinstance(error, OutcomeUnknownError) else error
        # A damaged schema is quoted in the driver's message, which is then no UTF-8.
        if isinstance(cause, Error | UnicodeDecodeError):
            raise StorageFailedError(str(cause)) from cause
        raise


async def _find_heads(work: Work) -> tuple[int, Link]:
    return await work.events.head_seq(), await work.audit.head()
