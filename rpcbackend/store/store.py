"""The store as the rest of the program sees it: read, write, and a call-back on every commit."""

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import NamedTuple, TypeVar

from rpcbackend.clock import Clock
from rpcbackend.errors import BackupInvalidError, OutcomeUnknownError, ServerDatabaseError
from rpcbackend.ids import Ids
from rpcbackend.rpc_error import RpcError
from rpcbackend.store.as_it_is import own_file
from rpcbackend.store.audit import ROOT, Link
from rpcbackend.store.backups import Backup, Reason, folder_in, list_backups, mark_of
from rpcbackend.store.beside import run_beside
from rpcbackend.store.driver import Error, is_poison
from rpcbackend.store.engine import Engine
from rpcbackend.store.lane import see_through
from rpcbackend.store.message import TAG as OUTBOX
from rpcbackend.store.sight import EVERYTHING, Sight
from rpcbackend.store.snapshot import Wanted, make_backup, rekey_backups
from rpcbackend.store.soundness import Verdict, verify_backup
from rpcbackend.store.sqlite import SqliteEngine
from rpcbackend.store.tags import Tags
from rpcbackend.store.transaction import Report, Transaction
from rpcbackend.store.work import Work

T = TypeVar("T")
Unit = Callable[[Work], Awaitable[T]]

_FAILED = "The storage failed; nothing was changed, ask again when the backend has restarted."


def _nobody(_done: int, _total: int, _message: str) -> None:
    """Hear of progress."""


class _Left(NamedTuple):
    """What a transaction leaves for others to hear of."""

    access_version: int
    head_seq: int = 0
    audit_head: Link = ROOT
    is_outgoing: bool = False
    """Whether the sender has something to do."""


class Store:
    """An open database of one school; see `open_store`."""

    def __init__(self, engine: Engine, *, clock: Clock, ids: Ids) -> None:
        self.engine, self.clock, self.ids = engine, clock, ids
        self.head_seq = 0
        """The last event that is known to be durable."""
        self.audit_head = ROOT
        """The last row of the audit that is known to be durable."""
        self.on_commit: list[Callable[[], None]] = []
        """Called on the loop after a commit that left events."""
        self.on_outgoing: list[Callable[[], None]] = []
        """Called on the loop after a commit that gave the sender something to do."""
        self.on_lead: list[Callable[[], None]] = []
        """Called on the loop when this process begins to lead those of its school."""
        self.on_access_change: list[Callable[[], None]] = []
        """Called on the loop after a commit that changed who may come in, before its answer."""
        self.access_version = 0
        """How many changes of who may come in were told to `on_access_change`."""
        self.tags = Tags("")
        """What changed when, for whoever keeps what was read."""
        self.is_suspect = False
        """Whether it was not closed cleanly and is too large to have been looked through since."""
        self.restores = 0
        """How often a backup has taken the place of the database in this process."""
        self.restored_seq = 0
        """The event that tells of the last time; the numbers went back to it."""
        self._is_behind = self._is_closed = False
        self._catching_up: asyncio.Task[None] | None = None
        self._access_version = 0
        """The same, on the writer's thread: of those that stand before what runs now."""
        self.directory: Path | None = None
        """Where its files are kept, though a copy elsewhere is what is open."""

    @property
    def sqlite(self) -> SqliteEngine:
        """The engine of a database that is a file of ours, or in our memory.

        Raises:
            ServerDatabaseError: A server keeps it.
        """
        if not isinstance(self.engine, SqliteEngine):
            raise ServerDatabaseError
        return self.engine

    async def read(self, unit: Unit[T], *, sight: Sight = EVERYTHING) -> T:
        """Run *unit* on one snapshot, in one hop to the database.

        Args:
            unit: What to look up.
            sight: What of it can be seen.

        Raises:
            UnitSuspendedError: The unit awaited something other than its transaction.
            OutcomeUnknownError: The storage failed; the process is about to end. Ask the next one.
        """

        async def work(tx: Transaction) -> T:
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
        commit = object()

        async def work(tx: Transaction) -> tuple[T, _Left]:
            done = self._work(tx, actor, sight)
            # Others change it unheard: then whoever calls is looked up within his transaction.
            done.access_version = -1 if self.engine.is_shared else self._access_version
            result = await unit(done)
            if not keep:
                return result, _Left(access_version=self._access_version)
            self._announce(tx, commit)
            return result, _Left(
                self._access_version,
                done.events.appended_seq,
                done.audit.appended or ROOT,
                OUTBOX in tx.touched,
            )

        try:
            result, left = await self.engine.write(work, keep=keep)
        finally:
            self.tags.end(commit)
        self._publish(left)
        return result  # type: ignore[no-any-return]  # the lane is untyped

    def _publish(self, left: "_Left") -> None:
        """Let those know who wait for it, before the answer."""
        if left.access_version > self.access_version:
            self.access_version = left.access_version
            for forget in self.on_access_change:
                forget()
        if left.audit_head.seq > self.audit_head.seq:
            self.audit_head = left.audit_head
        if left.head_seq > self.head_seq:
            self.head_seq = left.head_seq
            for publish in list(self.on_commit):
                publish()
        if left.is_outgoing:
            for wake in list(self.on_outgoing):
                wake()

    def _announce(self, tx: Transaction, commit: object) -> None:
        """On the writer's thread, note what will be another once the transaction is kept."""
        if tx.access_changed:
            self._access_version += 1
        if tx.touched:
            self.tags.begin(commit, tx.touched)

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
        old = self.sqlite.opener
        if old.path is None:
            raise BackupInvalidError("A store in memory has no key to change.")
        await self.backup("before-rekey")
        await self.sqlite.rekey(key, report)
        try:
            await self.backup("after-rekey")
            async with self.sqlite.alone:
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
        engine = self.sqlite
        path = own_file(engine.opener, engine.read_only)
        folder = into or folder_in(path.parent)
        wanted = Wanted(reason=reason, folder=folder, now_ms=self.clock.now_ms())
        async with engine.alone:
            return await run_beside(partial(make_backup, engine.opener, wanted), report)

    @property
    def backup_folder(self) -> Path | None:
        """Where its backups are kept; None for a store in memory."""
        return folder_in(self.directory) if self.directory else None

    def opens(self, backup: Backup) -> bool:
        """Tell whether the store's present key opens the backup."""
        return mark_of(self.sqlite.opener.key) == backup.key_mark

    def backups(self) -> list[Backup]:
        """Return the backups in the data directory, the newest first; see `list_backups`."""
        return list_backups(self.backup_folder) if self.backup_folder else []

    async def verify_backup(
        self, backup: Path, report: Report = _nobody, *, key: bytes | None = None
    ) -> Verdict:
        """Look through a backup with that key, or the store's own, beside all other work."""
        key = key or self.sqlite.opener.key

        # No `partial`: the key would be in its repr, and so in somebody's log.
        def look(tell: Report) -> Verdict:
            return verify_backup(backup, key, tell)

        return await run_beside(look, report)

    async def renew(self) -> None:
        """Learn anew what another database in the place of the old one holds, and let others know.

        Only while nobody else is at work; see `SqliteEngine.exclusively`.
        """

        async def look(tx: Transaction) -> tuple[int, Link]:
            return await find_heads(self._work(tx, "reader", EVERYTHING))

        self.head_seq, self.audit_head = await self.sqlite.look(look)
        self.engine.is_damaged = False
        if self.engine.read_only == "damage":
            # That was the old one.
            self.engine.read_only = None
        self.restores, self.restored_seq = self.restores + 1, self.head_seq
        self.tags.change_all()
        # Whoever was let in by the old one is looked up again, also where he is in the queue.
        self._access_version += 1
        self.access_version = self._access_version
        for forget in self.on_access_change:
            forget()
        for publish in list(self.on_commit):
            publish()

    def lead(self) -> None:
        """Learn that this process leads those of its school from now on."""
        for begin in list(self.on_lead):
            begin()

    def hear(self, is_access: bool) -> None:
        """Learn that another process has committed, and whether it changes who may come in."""
        if is_access:
            self._access_version += 1
            self.access_version = self._access_version
            for forget in self.on_access_change:
                forget()
        self._is_behind = True
        if self._catching_up is None and not self._is_closed:
            self._catching_up = asyncio.get_running_loop().create_task(self._go_after())

    async def _go_after(self) -> None:
        try:
            while self._is_behind:
                self._is_behind = False
                await self.catch_up()
                for publish in list(self.on_commit):
                    publish()
        except RpcError:
            # The server is away; with it comes the news that there is some.
            pass
        finally:
            self._catching_up = None

    async def catch_up(self) -> None:
        """Learn how far others have come."""
        head_seq, audit_head = await self.read(find_heads)
        self.head_seq = max(self.head_seq, head_seq)
        self.audit_head = max(self.audit_head, audit_head, key=lambda link: link.seq)

    async def close(self) -> None:
        """Finish what is queued and close the file."""
        self._is_closed = True
        if self._catching_up is not None:
            await asyncio.wait([self._catching_up])
        await self.engine.close()

    def _work(self, tx: Transaction, actor: str, sight: Sight) -> Work:
        return Work(
            tx,
            now_ms=self.clock.now_ms(),
            ids=self.ids,
            actor=actor,
            sight=sight,
            key=lambda: self.key,
        )

    @property
    def key(self) -> bytes | None:
        """What its secrets are sealed under; a database that a server keeps has no key of ours."""
        return self.engine.opener.key if isinstance(self.engine, SqliteEngine) else None


async def find_heads(work: Work) -> tuple[int, Link]:
    """Return the last event's number and the last row of the audit."""
    return await work.together(work.events.head_seq(), work.audit.head())
