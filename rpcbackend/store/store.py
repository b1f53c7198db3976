"""The store as the rest of the program sees it: read, write, and a call-back on every commit."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from functools import partial
from pathlib import Path
from typing import TypeVar

from rpcbackend.clock import Clock, SystemClock
from rpcbackend.errors import BackupInvalidError, OutcomeUnknownError, RpcError
from rpcbackend.ids import Ids
from rpcbackend.schema.system import ReadOnlyReason
from rpcbackend.store.as_it_is import (
    IMMUTABLE,
    copy_aside,
    forget_copy,
    own_file,
)
from rpcbackend.store.audit import ROOT, Link
from rpcbackend.store.backups import Backup, Reason, folder_in, list_backups, mark_of
from rpcbackend.store.beside import run_beside
from rpcbackend.store.driver import (
    DamagedError,
    Error,
    Opener,
    StorageFailedError,
    has_log,
    is_corrupt,
    is_damage,
    is_poison,
)
from rpcbackend.store.files import (
    FILE_NAME,
    has_data,
    is_unwritable,
    keep_private,
    leave_trace,
    make_private,
    prepare_new,
    put_in_place,
    size_of,
)
from rpcbackend.store.lane import see_through
from rpcbackend.store.migrations import SchemaOldError
from rpcbackend.store.sight import EVERYTHING, Sight
from rpcbackend.store.snapshot import Wanted, make_backup, rekey_backups, save_old
from rpcbackend.store.soundness import Verdict, verify_backup
from rpcbackend.store.sqlite import SqliteEngine
from rpcbackend.store.start import is_large, look_over
from rpcbackend.store.statements import SqliteTransaction
from rpcbackend.store.transaction import Report
from rpcbackend.store.work import Work

T = TypeVar("T")
Unit = Callable[[Work], Awaitable[T]]

_FAILED = "The storage failed; nothing was changed, ask again when the backend has restarted."


def _nobody(_done: int, _total: int, _message: str) -> None:
    """Hear of progress."""


class Store:
    """An open database of one school; see `open_store`."""

    def __init__(self, engine: SqliteEngine, *, clock: Clock, ids: Ids) -> None:
        self.engine, self.clock, self.ids = engine, clock, ids
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
        self.is_suspect = False
        """Whether it was not closed cleanly and is too large to have been looked through since."""
        self.restores = 0
        """How often a backup has taken the place of the database in this process."""
        self.restored_seq = 0
        """The event that tells of the last time; the numbers went back to it."""
        self._access_version = 0
        """The same, on the writer's thread: of those that stand before what runs now."""
        self.directory = engine.path.parent if engine.path else None
        """Where its files are kept, though a copy elsewhere is what is open."""

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
                raise OutcomeUnknownError(_FAILED, outcome="none") from error
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
        """Encrypt everything with another key, the backups in the data directory too.

        One is made before, under the old key; see `SqliteEngine.rekey` for the rest. Once it has
        begun it is waited for, however often it is cancelled.

        Raises:
            DiskFullError: There is no room; with the outcome `committed` for the backups alone.
            RpcError: With the outcome `committed` the key is changed, whatever came after it, and
                some backups may still be under the old one.
        """
        await see_through(asyncio.ensure_future(self._rekey(key, report)))

    async def _rekey(self, key: bytes, report: Report) -> None:
        old = self.engine.opener
        if old.path is None:
            raise BackupInvalidError("A store in memory has no key to change.")
        await self.backup("before-rekey")
        await self.engine.rekey(key, report)
        try:
            await self.backup("after-rekey")
            async with self.engine.alone:
                folder = folder_in(old.path.parent)
                await run_beside(partial(rekey_backups, folder, old, old.with_key(key)), _nobody)
        except Exception as error:
            # Whoever heard that nothing was done would go on using the old key.
            refusal = error if isinstance(error, RpcError) else BackupInvalidError()
            refusal.outcome = "committed"
            raise refusal from error

    async def backup(
        self, reason: Reason, report: Report = _nobody, into: Path | None = None
    ) -> Backup:
        """Make a backup, verified, while everybody goes on working.

        It holds all that was acknowledged before it was asked for. In the data directory's own
        folder, those that need not be kept are removed afterwards; elsewhere nothing is.

        Args:
            reason: Decides how long it is kept.
            report: Told how far it is, about a hundred times.
            into: Another folder.

        Raises:
            DiskFullError: There is no room for it.
            BackupInvalidError: What was written is not sound, or the disk failed.
            ReadOnlyModeError: The store is served as it is, maybe from a copy.
        """
        path = own_file(self.engine.opener, self.engine.read_only)
        folder = into or folder_in(path.parent)
        wanted = Wanted(reason=reason, folder=folder, now_ms=self.clock.now_ms())
        async with self.engine.alone:
            return await run_beside(partial(make_backup, self.engine.opener, wanted), report)

    @property
    def backup_folder(self) -> Path | None:
        """Where its backups are kept; None for a store in memory."""
        return folder_in(self.directory) if self.directory else None

    def opens(self, backup: Backup) -> bool:
        """Tell whether the store's present key opens the backup."""
        return mark_of(self.engine.opener.key) == backup.key_mark

    def backups(self) -> list[Backup]:
        """Return the backups in the data directory, the newest first; see `list_backups`."""
        return list_backups(self.backup_folder) if self.backup_folder else []

    async def verify_backup(
        self, backup: Path, report: Report = _nobody, *, key: bytes | None = None
    ) -> Verdict:
        """Look through a backup with that key, or the store's own, beside all other work."""
        key = key or self.engine.opener.key

        # No `partial`: the key would be in its repr, and so in somebody's log.
        def look(tell: Report) -> Verdict:
            return verify_backup(backup, key, tell)

        return await run_beside(look, report)

    async def renew(self) -> None:
        """Learn anew what another database in the place of the old one holds, and let others know.

        Only while nobody else is at work; see `SqliteEngine.exclusively`.
        """

        async def look(tx: SqliteTransaction) -> tuple[int, Link]:
            return await _find_heads(self._work(tx, "reader", EVERYTHING))

        self.head_seq, self.audit_head = await self.engine.look(look)
        self.engine.is_damaged = False
        if self.engine.read_only == "damage":
            # That was the old one.
            self.engine.read_only = None
        self.restores, self.restored_seq = self.restores + 1, self.head_seq
        # Whoever was let in by the old one is looked up again, also where he is in the queue.
        self._access_version += 1
        self.access_version = self._access_version
        for forget in self.on_access_change:
            forget()
        for publish in list(self.on_commit):
            publish()

    async def close(self) -> None:
        """Finish what is queued and close the file."""
        await self.engine.close()

    def _work(self, tx: SqliteTransaction, actor: str, sight: Sight) -> Work:
        return Work(tx, now_ms=self.clock.now_ms(), ids=self.ids, actor=actor, sight=sight)


async def open_store(
    directory: Path | None,
    *,
    key: bytes | None = None,
    clock: Clock | None = None,
    ids: Ids | None = None,
    school: int = 1,
    on_poison: Callable[[], None] = lambda: None,
    read_only: ReadOnlyReason | None = None,
) -> Store:
    """Open the database of a data directory, made and migrated as needed.

    Args:
        directory: Made private to its owner if it is not there; None keeps everything in memory.
        key: 32 bytes encrypt the database; None leaves a new one plain.
        clock: Gives the times of records.
        ids: Makes the ids of records.
        school: Comes first in every key.
        on_poison: Told when the storage failed: the process must end.
        read_only: Why nothing may be written; the files then stay as they are.

    Raises:
        WrongKeyError: The database cannot be read with this key.
        SchemaTooNewError: A newer version of this program wrote it.
        DamagedError: It is not as it was written.
        StorageFailedError: The disk or the file failed, or it is another program's database.
        DiskFullError: A migration is due, and there is no room for the backup before it.
        BackupInvalidError: A migration is due, and the backup before it failed.
        OSError: The directory cannot be made or written.
    """
    clock = clock or SystemClock()
    if directory is not None and read_only is None and is_unwritable(directory):
        read_only = "file_system"
    is_suspect = False
    if directory is None:
        engine = await _open(None, key, school, clock)
    elif read_only is not None:
        engine = await _open_as_it_is(directory / FILE_NAME, key, school, clock)
    else:
        path = await _prepare(directory, key, school, clock)
        await look_over(path, key)
        is_suspect = has_log(path) and is_large(path, key)
        engine = await _open(path, key, school, clock, save=save_old)
    engine.read_only = read_only
    store = Store(engine, clock=clock, ids=ids or Ids(clock))
    store.is_suspect, store.directory = is_suspect, directory
    async with _closed_on_failure(engine):
        store.head_seq, store.audit_head = await store.read(_find_heads)
        if directory is not None and read_only is None:
            leave_trace(directory)
    # Until here a failure is raised to the caller, who decides; from here on it is told.
    engine.on_poison = on_poison
    return store


async def migrate_and_write(
    path: Path, unit: Unit[T], *, key: bytes | None, clock: Clock, actor: str, school: int = 1
) -> T:
    """Bring a database up to date that nobody uses, write into it, and close it.

    Raises:
        SchemaTooNewError: A newer version of this program wrote it.
        StorageFailedError: The disk or the file failed.
    """
    engine = await _open(path, key, school, clock)
    async with _closed_on_failure(engine):
        result = await Store(engine, clock=clock, ids=Ids(clock)).write(unit, actor=actor)
    await engine.close()
    if has_log(path):
        raise StorageFailedError("what was written is not in the file")
    return result


async def _prepare(directory: Path, key: bytes | None, school: int, clock: Clock) -> Path:
    make_private(directory)
    if not has_data(directory):
        new = prepare_new(directory)
        await (await _open(new, key, school, clock)).close()
        put_in_place(new)
    path = directory / FILE_NAME
    keep_private(path)
    return path


async def _open_as_it_is(path: Path, key: bytes | None, school: int, clock: Clock) -> SqliteEngine:
    """Open a database that stays as it is: in its place, or a copy where its log is wanted."""
    if not size_of(path):
        raise StorageFailedError(f"there is no {path.name}")
    if not has_log(path):
        with suppress(SchemaOldError):
            return await _open(path, key, school, clock, uri=IMMUTABLE)
    # Folding the log in and migrating is done to the copy.
    copy = await asyncio.to_thread(copy_aside, path)
    try:
        engine = await _open(copy, key, school, clock)
    except BaseException:
        forget_copy(copy)
        raise
    engine.on_close = partial(forget_copy, copy)
    return engine


async def _open(
    path: Path | None,
    key: bytes | None,
    school: int,
    clock: Clock,
    *,
    save: Callable[[Opener, int], None] | None = None,
    uri: str = "",
) -> SqliteEngine:
    engine = SqliteEngine(path, school=school)
    async with _closed_on_failure(engine):
        await engine.open(key, clock.now_ms(), save, uri=uri)
    return engine


@asynccontextmanager
async def _closed_on_failure(engine: SqliteEngine) -> AsyncIterator[None]:
    try:
        yield
    except BaseException as error:
        # An engine that is left open keeps the process alive for ever.
        cause = error.__cause__ or error if isinstance(error, OutcomeUnknownError) else error
        engine.must_stay = is_damage(cause)
        await engine.close()
        # A damaged schema is quoted in the driver's message, which is then no UTF-8.
        if isinstance(cause, UnicodeDecodeError) or is_corrupt(cause):
            raise DamagedError("the database is damaged") from cause
        if isinstance(cause, Error):
            raise StorageFailedError(str(cause)) from cause
        raise


async def _find_heads(work: Work) -> tuple[int, Link]:
    return await work.events.head_seq(), await work.audit.head()
