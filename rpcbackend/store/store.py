"""The store as the rest of the program sees it: read, write, and a call-back on every commit."""

import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

from rpcbackend.clock import Clock, SystemClock
from rpcbackend.ids import Ids
from rpcbackend.store.audit import ROOT, Link
from rpcbackend.store.driver import PLAIN_HEADER, Error, StorageFailedError
from rpcbackend.store.sqlite import SqliteEngine, SqliteTransaction
from rpcbackend.store.work import Work

FILE_NAME = "school.db"

T = TypeVar("T")
Unit = Callable[[Work], Awaitable[T]]

__all__ = ["Store", "has_data", "is_locked", "open_store"]


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
        self._clock, self._ids = clock, ids

    async def read(self, unit: Unit[T]) -> T:
        """Run *unit* on one snapshot, in one hop to the database.

        Raises:
            UnitSuspendedError: The unit awaited something other than its transaction.
        """

        async def work(tx: SqliteTransaction) -> T:
            return await unit(self._work(tx, "reader"))

        return await self.engine.read(work)  # type: ignore[no-any-return]  # the lane is untyped

    async def write(self, unit: Unit[T], *, actor: str, keep: bool = True) -> T:
        """Run *unit* as one transaction and return when it is durable.

        Args:
            unit: What to do; whatever it raises takes back all of it.
            actor: Who does it, as events name him.
            keep: False does everything and then takes it back (a dry run).

        Raises:
            OutcomeUnknownError: The storage failed during the commit.
        """

        async def work(tx: SqliteTransaction) -> tuple[T, int, Link | None]:
            unit_of_work = self._work(tx, actor)
            result = await unit(unit_of_work)
            return result, await unit_of_work.events.head_seq(), unit_of_work.audit.appended

        result, head_seq, audited = await self.engine.write(work, keep=keep)
        if keep and audited is not None and audited.seq > self.audit_head.seq:
            self.audit_head = audited
        if keep and head_seq > self.head_seq:
            self.head_seq = head_seq
            for publish in list(self.on_commit):
                publish()
        return result  # type: ignore[no-any-return]  # the lane is untyped

    async def close(self) -> None:
        """Finish what is queued and close the file."""
        await self.engine.close()

    def _work(self, tx: SqliteTransaction, actor: str) -> Work:
        return Work(tx, now_ms=self._clock.now_ms(), ids=self._ids, actor=actor)


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
        path = _prepare_file(directory)
    engine = SqliteEngine(path, school=school)
    store = Store(engine, clock=clock, ids=ids or Ids(clock))
    try:
        await engine.open(key, clock.now_ms())
        store.head_seq, store.audit_head = await store.read(_find_heads)
    except BaseException as error:
        # An engine that is left open keeps the process alive for ever.
        await engine.close()
        # A damaged schema is quoted in the driver's message, which is then no UTF-8.
        if isinstance(error, Error | UnicodeDecodeError):
            raise StorageFailedError(str(error)) from error
        raise
    # Until here a failure is raised to the caller, who decides; from here on it is told.
    engine.on_poison = on_poison
    return store


async def _find_heads(work: Work) -> tuple[int, Link]:
    return await work.events.head_seq(), await work.audit.head()


def _prepare_file(directory: Path) -> Path:
    directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    path = directory / FILE_NAME
    if not path.exists():
        # Made here so that nobody else may ever read it, whatever the umask says.
        os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
    return path


def is_locked(directory: Path) -> bool:
    """Tell whether the directory holds a database that needs a key."""
    try:
        with (directory / FILE_NAME).open("rb") as file:
            header = file.read(len(PLAIN_HEADER))
    except FileNotFoundError:
        return False
    return bool(header) and header != PLAIN_HEADER


def has_data(directory: Path) -> bool:
    """Tell whether the directory holds a database already."""
    path = directory / FILE_NAME
    return path.exists() and path.stat().st_size > 0
