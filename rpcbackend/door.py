"""The one store of a process: locked, opened on first use or with a key, healthy or not."""

import asyncio
import base64
import hashlib
import shutil
from collections.abc import Callable
from contextlib import suppress
from contextvars import Context
from dataclasses import replace
from pathlib import Path
from typing import Literal

from loguru import logger

from rpcbackend.clock import Clock
from rpcbackend.config import Disk
from rpcbackend.damage import put_aside_and_advise
from rpcbackend.errors import (
    BackupInvalidError,
    DiskFullError,
    InvalidParamsError,
    NotInitializedError,
    OverloadedError,
    SchemaTooNewError,
    ShuttingDownError,
    UnavailableError,
)
from rpcbackend.exits import EX_CONFIG, EX_SCHEMA, EX_STORAGE, EX_WRONG_KEY
from rpcbackend.ids import Ids
from rpcbackend.rpc_error import RpcError
from rpcbackend.schema.system import ReadOnlyReason, StoreHealth
from rpcbackend.store import (
    DamagedError,
    Finding,
    Origin,
    Place,
    Report,
    Room,
    ServerRefusesError,
    StorageFailedError,
    Store,
    WrongKeyError,
    has_data,
    is_locked,
    is_sound,
    open_server_store,
    open_store,
    restore,
)
from rpcbackend.watch import Tell, Watch, tell_nobody

MAX_WATCHERS = 8
"""Calls that wait for one check of the whole store: they overtake the queue, and fill it not."""


class ExitRequestedError(Exception):
    """The process must end with a code of protocol.md section 8."""

    def __init__(self, code: int, reason: str) -> None:
        self.code = code
        super().__init__(reason)


class StoreDoor:
    """Stands between the program and its data directory.

    Args:
        directory: The data directory; None keeps everything in memory.
        clock: Gives the times of records.
        ids: Makes the ids of records; it is used on the database's thread alone.
        end: Lets the process end with an exit code.
        on_open: Told of the store each time that one was opened.
        tell: Told what whoever reads the log should know.
        disk: When there is too little room on it.
        place: Of the database, if a server keeps it.
        is_read_only: Whether the store is served as it is, whatever its state.
    """

    def __init__(
        self,
        directory: Path | None,
        *,
        clock: Clock,
        ids: Ids,
        end: Callable[[int], None],
        on_open: Callable[[Store], None] = lambda store: None,  # noqa: ARG005
        tell: Tell = tell_nobody,
        disk: Disk | None = None,
        place: Place | None = None,
        is_read_only: bool = False,
    ) -> None:
        self._place, self._directory = place, directory if place is None else None
        self._clock, self._ids, self._end = clock, ids, end
        self._on_open = on_open
        self._tell, self._disk, self._is_read_only = tell, disk or Disk(), is_read_only
        self._store: Store | None = None
        self._watch: Watch | None = None
        self._room = Room(self._directory, self._disk.ballast_bytes) if self._directory else None
        self._key_sha256 = b""
        self._opening = asyncio.Lock()
        self._waiting = 0
        self._is_closed = False
        self._deep_check: asyncio.Task[list[Finding]] | None = None
        self._watchers: list[Report] = []

    @property
    def store(self) -> Store:
        """The open store."""
        if self._store is None:
            raise NotInitializedError
        return self._store

    @property
    def has_store(self) -> bool:
        """Whether there is an open store, even if somebody still waits for it."""
        return self._store is not None

    @property
    def is_open(self) -> bool:
        """Whether there is an open store, and nobody waits for it whom a later call overtakes."""
        return self._store is not None and not self._waiting

    @property
    def is_locked(self) -> bool:
        """Whether an encrypted store waits for its key."""
        return self._store is None and self._directory is not None and is_locked(self._directory)

    async def boot(self) -> None:
        """Open the store now if there is a plain one.

        Raises:
            ExitRequestedError: It is newer than this program, damaged, lost, or refused to us.
        """
        try:
            if self._place is not None:
                # It may come up later than we do: every call tries again.
                with suppress(UnavailableError):
                    await self._open_in_turn(None)
            elif self._directory is not None:
                has_one = has_data(self._directory, is_read_only=self._is_read_only)
                if has_one and not self.is_locked:
                    await self._open_in_turn(None)
        except ServerRefusesError as error:
            raise ExitRequestedError(EX_CONFIG, str(error)) from None
        except SchemaTooNewError as error:
            raise ExitRequestedError(EX_SCHEMA, f"{error.message} ({error.details})") from None
        except (WrongKeyError, DamagedError):
            raise ExitRequestedError(EX_STORAGE, await self._put_aside()) from None
        except (StorageFailedError, OSError, DiskFullError, BackupInvalidError) as error:
            why = f"the database in {self._directory} cannot be opened: {error}"
            raise ExitRequestedError(EX_STORAGE, why) from None

    async def open(self, key: bytes | None = None) -> None:
        """Make sure that the store is open.

        Raises:
            NotInitializedError: It waits for its key.
            UnavailableError: The server that keeps it cannot be reached, or does not let us in.
            ShuttingDownError: The process is about to end.
            WrongKeyError: The key does not open it.
            SchemaTooNewError: A newer version of this program wrote it.
            StorageFailedError: The disk or the file failed; the process ends with 74.
            RpcError: It is damaged; the process ends with 74.
        """
        try:
            await self._open_in_turn(key)
        except ServerRefusesError as error:
            raise UnavailableError(str(error)) from error
        except DamagedError:
            self._end_after_reply(EX_STORAGE)
            self._tell("the store cannot be opened", {"reason": await self._put_aside()})
            why = "The database is damaged and stays as it is; restore a backup, or salvage it."
            raise RpcError(why) from None
        except StorageFailedError:
            self._end_after_reply(EX_STORAGE)
            raise

    async def _open_in_turn(self, key: bytes | None) -> None:
        # A key that only has to be compared waits for no restore, where all calls would with it.
        if key is not None and self._is_open_with(key):
            return
        self._waiting += 1
        try:
            async with self._opening:
                await self._open(key)
        finally:
            self._waiting -= 1

    def _is_open_with(self, key: bytes | None) -> bool:
        if self._is_closed:
            raise ShuttingDownError
        is_open = self._store is not None
        if is_open and key is not None and hashlib.sha256(key).digest() != self._key_sha256:
            raise WrongKeyError
        return is_open

    async def _open(self, key: bytes | None) -> None:
        if self._is_open_with(key):
            return
        if key is None and self.is_locked:
            raise NotInitializedError
        if self._room is not None:
            self._room.let_open()
        self._store = await self._opened(key)
        # Not the key itself: one copy of it, with the connections, is enough.
        self._key_sha256 = hashlib.sha256(key).digest() if key is not None else b""
        # What looks after it belongs to no call, not even to the one that opened it.
        context = Context()
        context.run(self._look_after, self._store)
        context.run(self._on_open, self._store)

    async def _opened(self, key: bytes | None) -> Store:
        read_only: ReadOnlyReason | None = "setting" if self._is_read_only else None
        if self._place is not None:
            return await open_server_store(
                self._place, clock=self._clock, ids=self._ids, read_only=read_only
            )
        loop = asyncio.get_running_loop()
        return await open_store(
            self._directory,
            key=key,
            clock=self._clock,
            ids=self._ids,
            on_poison=lambda: _tell(loop, self._end_poisoned),
            read_only=read_only,
        )

    def _look_after(self, store: Store) -> None:
        reason = store.engine.read_only
        if reason is not None:
            self._tell("nothing is written", {"reason": reason})
        elif self._room is not None:
            self._watch = Watch(store, self._room, self._disk, clock=self._clock, tell=self._tell)
            self._watch.start()

    async def _put_aside(self) -> str:
        assert self._directory is not None  # noqa: S101 (only files are damaged)
        return await asyncio.to_thread(put_aside_and_advise, self._directory, self._clock.now_ms())

    async def unlock(self, *keys: str | None) -> None:
        """Open the store with the first key that fits: a change of keys may have been cut short.

        Raises:
            InvalidParamsError: The store is plain and open.
            NotInitializedError: No key fits; the process ends with 77, unless the store is open.
            SchemaTooNewError: A newer version of this program wrote it; the process ends with 79.
        """
        if self._place is not None:
            # A desk brings its key wherever the database is; a server has no use for it.
            return await self.open()
        if self._store is not None and not self._store.engine.is_encrypted:
            raise InvalidParamsError(
                "The store is plain and already open; it takes no key.",
                details={"errors": [{"path": "databaseKey", "rule": "store_is_plain"}]},
            )
        for key in keys:
            if key is not None:
                try:
                    return await self.open(read_key(key))
                except WrongKeyError:
                    continue
                except SchemaTooNewError:
                    self._end_after_reply(EX_SCHEMA)
                    raise
        if self._store is None:
            self._end_after_reply(EX_WRONG_KEY)
        raise NotInitializedError("This key does not open the store.")

    async def rekey(self, new_key: str, report: Report, *, dry_run: bool) -> None:
        """Encrypt the open store with another key and return when that is durable.

        Raises:
            InvalidParamsError: The store is plain.
        """
        async with self._opening:
            if not self.store.engine.is_encrypted:
                raise InvalidParamsError(
                    "A plain store has no key to change.",
                    details={"errors": [{"path": "newDatabaseKey", "rule": "store_is_plain"}]},
                )
            key = read_key(new_key)
            key_sha256 = hashlib.sha256(key).digest()
            # Whoever asks again, because no reply came, has what he wants.
            if not dry_run and key_sha256 != self._key_sha256:
                try:
                    await self.store.rekey(key, report)
                except RpcError as error:
                    # Of the backups alone, perhaps.
                    if error.outcome == "committed":
                        self._key_sha256 = key_sha256
                    raise
                self._key_sha256 = key_sha256

    async def restore(self, origin: Origin, report: Report, database_key: str | None) -> None:
        """Put a backup in the place of the open store; see `rpcbackend.store.restore`.

        Args:
            origin: The backup, and who wants it.
            report: Told how far it is.
            database_key: Of the backup, if it is under another key than the store.
        """
        async with self._opening:
            if database_key is not None:
                origin = replace(origin, key=read_key(database_key))
            await restore(self.store, origin, report)
            Context().run(self._on_open, self.store)

    def _free_bytes(self) -> int:
        return shutil.disk_usage(self._directory or Path.cwd()).free

    async def health(self, *, deep: bool, report: Report) -> StoreHealth | None:
        """Say how the store is, or None while it is not open."""
        if self._store is None:
            return None
        engine = self._store.engine
        facts, is_file = engine.facts(), not engine.is_shared
        findings = await self._check(self._store, report) if deep else None
        return StoreHealth(
            engine=engine.name,
            is_encrypted=engine.is_encrypted,
            schema_version=facts.schema_version,
            head_seq=self._store.head_seq,
            audit_head_seq=self._store.audit_head.seq,
            audit_head_hash=self._store.audit_head.hash.hex(),
            database_bytes=facts.database_bytes if is_file else None,
            wal_bytes=facts.wal_bytes if is_file else None,
            disk_free_bytes=self._free_bytes() if is_file else None,
            read_only=engine.read_only,
            integrity=None if findings is None else _integrity(findings),
            problems=[finding.text for finding in findings or ()],
        )

    async def _check(self, store: Store, report: Report) -> list[Finding]:
        """Check the whole database, once for all who ask meanwhile."""
        if len(self._watchers) >= MAX_WATCHERS:
            raise OverloadedError("A check of the whole store is running.", retry_after_ms=1_000)
        if self._deep_check is None or self._deep_check.done():
            self._deep_check = asyncio.get_running_loop().create_task(self._look_through(store))
        check = self._deep_check
        self._watchers.append(report)
        try:
            return await asyncio.shield(check)
        finally:
            self._watchers.remove(report)
            if not self._watchers:
                # Whoever comes now begins another one: this one is over, or wanted by nobody.
                check.cancel()
                self._deep_check = None

    async def _look_through(self, store: Store) -> list[Finding]:
        findings = await store.engine.look_through(self._tell_watchers)
        if self._watch is not None and not is_sound(findings):
            self._watch.refuse("damage")
        return findings

    def _tell_watchers(self, done: int, total: int, message: str) -> None:
        for report in self._watchers:
            report(done, total, message)

    async def close(self) -> None:
        """Finish what is queued and close the file, for good."""
        self._is_closed = True
        if self._deep_check is not None:
            self._deep_check.cancel()
        async with self._opening:
            if self._watch is not None:
                await self._watch.stop()
            if self._store is not None:
                is_damaged = self._store.engine.is_damaged
                await self._store.close()
                self._store = None
                if is_damaged:
                    self._tell("the store is damaged", {"reason": await self._put_aside()})

    def _end_poisoned(self) -> None:
        reason = self._store.engine.failure if self._store else ""
        logger.bind(reason=reason).critical("the storage failed")
        self._end(EX_STORAGE)

    def _end_after_reply(self, code: int) -> None:
        asyncio.get_running_loop().call_soon(self._end, code)


def _integrity(findings: list[Finding]) -> Literal["ok", "damaged"]:
    # What stands in the tables is told by `problems`.
    is_ok = all(finding.kind == "contents" for finding in findings)
    return "ok" if is_ok else "damaged"


def read_key(text: str) -> bytes:
    """Read the 32 bytes of a key in base64url, with or without its padding."""
    return base64.urlsafe_b64decode(text.rstrip("=") + "=")


def _tell(loop: asyncio.AbstractEventLoop, end: Callable[[], None]) -> None:
    """From the database's thread, let the process end."""
    loop.call_soon_threadsafe(end)
