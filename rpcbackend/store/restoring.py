"""Put a backup in the place of the database: all of it or nothing, whenever the process dies."""

import asyncio
import hashlib
import os
import shutil
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from rpcbackend.clock import Clock
from rpcbackend.errors import (
    BackupInvalidError,
    DiskFullError,
    OutcomeUnknownError,
    SchemaTooNewError,
)
from rpcbackend.rpc_error import RpcError
from rpcbackend.store.as_it_is import own_file
from rpcbackend.store.audit import Command
from rpcbackend.store.backups import Backup, folder_in
from rpcbackend.store.beside import run_beside
from rpcbackend.store.driver import Opener, StorageFailedError, WrongKeyError, has_log, is_full
from rpcbackend.store.files import (
    FILE_NAME,
    MARKER_NAME,
    STAGE_NAME,
    is_encrypted,
    open_private,
    put_stage_in_place,
    stage_in,
    sync_file,
)
from rpcbackend.store.lane import see_through
from rpcbackend.store.opening import migrate_and_write
from rpcbackend.store.since import Since, carry_over, since_in
from rpcbackend.store.snapshot import ROOM_BYTES, Wanted, change_key_of, make_backup
from rpcbackend.store.soundness import CHUNK_BYTES, Verdict, is_key_of, look_through, verify_backup
from rpcbackend.store.store import Store
from rpcbackend.store.transaction import Report
from rpcbackend.store.work import Work

QUARANTINE_NAME = "quarantine"
"""Where a database goes, in the data directory, that is not sound enough for a backup."""

EVENT = "backups.restored"


@dataclass(frozen=True, slots=True, kw_only=True)
class Restored:
    """What a restore did."""

    backup_id: str
    """Of the backup; for a file without a manifest the start of its SHA-256."""
    to_seq: int
    """The last event of the backup; the one that tells of the restore comes next."""
    safety: Backup | None
    """Of what was there before."""
    quarantine: Path | None
    """Where that is instead, because it is damaged; None as well when there was nothing."""


def _nobody(_done: int, _total: int, _message: str) -> None:
    """Hear of progress."""


async def _go_on() -> None:
    """Have nothing against it."""


async def _say_nothing(work: Work, to_seq: int, safety: Backup | None) -> None:
    """Write no more than the event."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """Who wants which backup restored."""

    path: Path
    actor: str
    command: Command
    key: bytes | None = field(default=None, repr=False)
    """Of the backup, if it is under another one than the store."""
    seal: Callable[[], Awaitable[None]] = _go_on
    """Asked when the backup was found sound, before anybody has to wait; what it raises is the end,
    and nothing was changed."""
    tell: Callable[[Work, int, Backup | None], Awaitable[None]] = _say_nothing
    """Given the backup's last event and the safety backup, in the transaction of the restored store
    that tells of the restore: what it writes is in place in the same instant."""


async def restore(store: Store, origin: Origin, report: Report) -> Restored:
    """Put a backup in the place of an open store, which stays the same object.

    The backup is verified while everybody goes on working. Then calls wait: a safety backup is
    made, the files are exchanged, and what waited goes on in its order, in the restored store. What
    was acknowledged before that is in the safety backup. Sequence numbers go back; those who hear
    of commits are told, and `Store.restored_seq` says so. The restored store has an event and a row
    of the audit of it. Nobody is signed in there; who was shut out since the backup stays so, what
    students said since still holds, and what was sent is not sent again.

    Until calls wait it can be cancelled; from then on it is waited for.

    Raises:
        BackupInvalidError: The backup is not sound, or under another key, or no safety backup
            could be made; nothing was changed.
        SchemaTooNewError: A newer version of this program made it; nothing was changed.
        DiskFullError: There is no room for it or for the safety backup; nothing was changed.
        OutcomeUnknownError: Either nothing was changed, or the process is about to end, and the
            next one finds the backup in place.
        ReadOnlyModeError: The store is served as it is; nothing was changed.
    """
    opener = store.sqlite.opener
    directory = own_file(opener, store.engine.read_only).parent
    backup_id = await run_beside(_staging(directory, origin, opener.key), report)
    with _staged(directory):
        await origin.seal()
        return await see_through(
            asyncio.ensure_future(_exchange(store, directory, origin, backup_id, report))
        )


async def _exchange(
    store: Store, directory: Path, origin: Origin, backup_id: str, report: Report
) -> Restored:
    engine = store.sqlite
    async with engine.exclusively():
        safety, quarantine = await _save(engine.opener, directory, store.clock, report)
        restored = await _sign(
            directory, engine.opener.key, origin, backup_id, clock=store.clock, safety=safety
        )
        restored = replace(restored, quarantine=quarantine)
        async with engine.put_down():
            await run_beside(partial(_swap, directory, quarantine), report)
        await store.renew()
    return restored


@contextmanager
def _staged(directory: Path) -> Iterator[None]:
    """Leave nothing of the stage when the body fails, unless a marker counts on it."""
    try:
        yield
    except BaseException:
        if not (directory / MARKER_NAME).exists():
            # What stays all the same is removed at the next start.
            with suppress(OSError):
                stage_in(directory)
        raise


def _swap(directory: Path, quarantine: Path | None, _: Report) -> None:
    try:
        put_stage_in_place(directory, quarantine)
    except OSError as error:
        if (directory / MARKER_NAME).exists() or not (directory / STAGE_NAME).exists():
            # There is only one way left, and the next start goes it, or it is gone already.
            raise StorageFailedError("the restored database cannot be put in place") from error
        raise


async def restore_closed(
    directory: Path,
    key: bytes | None,
    origin: Origin,
    *,
    clock: Clock,
    report: Report,
    is_unreadable: bool = False,
) -> Restored:
    """Put a backup in the place of a database that nobody has open: it is damaged, or missing.

    Nobody is signed in afterwards. What happened since the backup holds as after `restore`, unless
    what tells of it is damaged.

    Args:
        directory: The data directory, which the caller owns.
        key: Of what is there, if that is encrypted, and of what comes in its place.
        origin: The backup.
        clock: Gives the times of records.
        report: Told how far it is.
        is_unreadable: Whether what is there may be put aside though the key does not open it.

    Raises:
        WrongKeyError: The key does not open what is there, or its first page is damaged; nothing
            was changed.
        BackupInvalidError: The backup is not sound, or under another key, or no safety backup
            could be made; nothing was changed.
        SchemaTooNewError: A newer version of this program made it; nothing was changed.
        DiskFullError: There is no room for it; nothing was changed.
        StorageFailedError: The disk failed; the next start finishes it or leaves all as it was.
    """
    path = directory / FILE_NAME
    is_locked = is_encrypted(path)
    if is_locked and not is_unreadable and not is_key_of(path, key):
        raise WrongKeyError("the key does not open what is there")
    backup_id = await run_beside(_staging(directory, origin, key), report)
    safety, quarantine = None, None
    with _staged(directory):
        if path.exists() or has_log(path):
            opener = Opener(path, key if is_locked else None, may_write=False)
            safety, quarantine = await _save(opener, directory, clock, report, is_still=True)
        restored = await _sign(directory, key, origin, backup_id, clock=clock, safety=safety)
        await run_beside(partial(_swap, directory, quarantine), report)
    return replace(restored, quarantine=quarantine)


def _staging(directory: Path, origin: Origin, key: bytes | None) -> Callable[[Report], str]:
    """Return what stages a backup that is sound, and tells what to call it."""

    # No `partial`: the key would be in its repr, and so in somebody's log.
    def stage(report: Report) -> str:
        if key is None and origin.key is not None:
            # It would have to lose its key, or the store to get one.
            raise BackupInvalidError(details={"faults": ["key"]})
        try:
            path = stage_in(directory)
            sha256 = _copy(origin.path, path, report)
            given = origin.key or key
            verdict = verify_backup(path, given, report, copy_of=origin.path)
            _check(verdict)
            if key is not None and given != key:
                change_key_of(path, given, key)
        except BaseException as error:
            # What stays all the same is removed at the next start.
            with suppress(OSError):
                stage_in(directory)
            if isinstance(error, OSError):
                raise _refusal(error) from error
            raise
        return verdict.backup.id if verdict.backup else sha256[:16]

    return stage


def _copy(source: Path, stage: Path, report: Report) -> str:
    """Copy the very bytes that are looked at afterwards, durably; return their SHA-256."""
    if not source.is_file():
        raise BackupInvalidError(details={"faults": ["missing"]})
    total, digest = source.stat().st_size, hashlib.sha256()
    if shutil.disk_usage(stage.parent).free < total + ROOM_BYTES:
        raise DiskFullError
    with source.open("rb") as given, os.fdopen(open_private(stage), "wb") as taken:
        while chunk := given.read(CHUNK_BYTES):
            digest.update(chunk)
            taken.write(chunk)
            report(given.tell(), total, "copying")
    sync_file(stage)
    return digest.hexdigest()


def _check(verdict: Verdict) -> None:
    if verdict.is_too_new:
        raise SchemaTooNewError
    if not verdict.is_sound:
        raise BackupInvalidError(details={"faults": [word for word, _ in verdict.faults]})


async def _save(
    opener: Opener, directory: Path, clock: Clock, report: Report, *, is_still: bool = False
) -> tuple[Backup | None, Path | None]:
    """Make a safety backup, or name the folder where a database goes that is not fit for one."""
    now_ms = clock.now_ms()
    wanted = Wanted(reason="before-restore", folder=folder_in(directory), now_ms=now_ms)
    try:
        safety = await run_beside(partial(make_backup, opener, wanted, is_still=is_still), report)
    except BackupInvalidError:
        if await run_beside(_look(opener), report):
            # It is the backup that failed, not what there is: that stays where it is.
            raise
        at = datetime.fromtimestamp(now_ms / 1000, UTC).strftime("%Y-%m-%dT%H%M%S.%fZ")
        return None, directory / QUARANTINE_NAME / at
    return safety, None


def _look(opener: Opener) -> Callable[[Report], bool]:
    """Return what tells whether a database is sound that nobody writes to."""

    def is_sound(report: Report) -> bool:
        _, faults = look_through(opener.path or Path(), opener.key, report)
        return not faults

    return is_sound


async def _sign(
    directory: Path,
    key: bytes | None,
    origin: Origin,
    backup_id: str,
    *,
    clock: Clock,
    safety: Backup | None,
) -> Restored:
    """Bring the staged database up to date, and let it tell that it was restored."""
    path = directory / STAGE_NAME
    told = {"backupId": backup_id, "safetyBackupId": safety.id if safety else None}

    async def tell(work: Work) -> int:
        to_seq = await work.events.head_seq()
        await carry_over(work, since)
        await work.jobs.let_go()
        await work.record(EVENT, ("backup", backup_id, 1), told)
        await origin.tell(work, to_seq, safety)
        return to_seq

    async def unit(work: Work) -> int:
        return await work.audited(tell, origin.command)

    try:
        # The safety backup has all that there is, is sound, and is under the same key or plain.
        old_key = key if safety and safety.is_encrypted else None
        since = Since()
        if safety:
            since = await run_beside(since_in(safety.path, old_key), _nobody)
        to_seq = await migrate_and_write(path, unit, key=key, clock=clock, actor=origin.actor)
        sync_file(path)
    except (StorageFailedError, WrongKeyError, OutcomeUnknownError, OSError) as error:
        # Of the staged file alone: the one in use has nothing to do with it.
        raise _refusal(error) from error
    return Restored(backup_id=backup_id, to_seq=to_seq, safety=safety, quarantine=None)


def _refusal(error: BaseException) -> RpcError:
    if is_full(error):
        return DiskFullError()
    return BackupInvalidError("The backup cannot be copied: a disk failed.")
