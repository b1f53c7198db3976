"""Make a backup while everybody goes on working: one snapshot, copied in steps, then verified.

SQLite's online backup copies pages, encrypted ones under the same key. The source is read in one
transaction, so writers change nothing of what is copied; they are held up by nothing but the disk.
"""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rpcbackend import __version__
from rpcbackend.errors import BackupInvalidError, DiskFullError
from rpcbackend.rpc_error import RpcError
from rpcbackend.store import driver
from rpcbackend.store.backups import (
    END,
    ID,
    Backup,
    Facts,
    Reason,
    folder_in,
    list_backups,
    manifest_of,
    mark_of,
    superfluous,
)
from rpcbackend.store.files import (
    make_private,
    open_private,
    sync_file,
    sync_folder,
    write_private,
)
from rpcbackend.store.rekey import encrypt
from rpcbackend.store.resealing import seal_anew
from rpcbackend.store.soundness import facts_of, look_through, sha256_of
from rpcbackend.store.transaction import Report

STAGED = ".db.new"
"""End of the name of a file that has not become a backup."""

STEP_PAGES = 256
"""A megabyte: some 10 ms of an encrypted copy, between two looks at whether it is still wanted."""

SYNC_STEPS = 8
"""Steps between two syncs: one of 300 MB in the end held up a commit for a second."""

ROOM_BYTES = 16 * 1024 * 1024
"""Free space that is left to others beside the copy."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which backup is to be made, and where."""

    reason: Reason
    folder: Path
    now_ms: int
    """Milliseconds since the epoch."""


def make_backup(
    opener: driver.Opener, wanted: Wanted, report: Report, *, is_still: bool = False
) -> Backup:
    """Copy the database, verify the copy, and give it its name.

    It runs on the calling thread, takes a second per 50 MB or so, and leaves nothing when it fails
    or is stopped: no part of a backup, and none that was not verified. In the data directory's own
    folder, what killed ones left is swept up before, and those that need not be kept are removed
    afterwards; elsewhere nothing is.

    Args:
        opener: Of the database to copy; others may be writing to it.
        wanted: The folder is made if it is not there.
        report: Called on this thread; what it raises stops the work.
        is_still: Whether nobody has the database open: then not a byte of it is changed.

    Raises:
        DiskFullError: There is no room for it.
        BackupInvalidError: What was written is not what was read, or a disk failed.
    """
    try:
        make_private(wanted.folder)
        if _is_own(opener, wanted.folder):
            _sweep(wanted.folder)
        _need_room(opener.path, wanted.folder)
        with _staged(wanted) as stage:
            source = _open_source(opener, is_still=is_still)
            try:
                facts = _copy(source, opener.key, stage, report)
            finally:
                source.close()
            backup = _verified(opener, wanted, stage, facts, report)
            _put_in_place(stage, backup)
    except _FAILURES as error:
        # Whether the school's own file has failed is for those to judge who serve from it.
        raise _refusal(error) from error
    if _is_own(opener, wanted.folder):
        _prune(wanted.folder)
    return backup


def save_old(opener: driver.Opener, now_ms: int) -> None:
    """Make a backup of a database that is about to be migrated, on its writer's thread."""
    if opener.path is not None:
        folder = folder_in(opener.path.parent)
        wanted = Wanted(reason="before-migration", folder=folder, now_ms=now_ms)
        make_backup(opener, wanted, lambda *_: None)


def _is_own(opener: driver.Opener, folder: Path) -> bool:
    return opener.path is not None and folder == folder_in(opener.path.parent)


def _open_source(opener: driver.Opener, *, is_still: bool) -> Any:
    if is_still and opener.path:
        # A connection that may write would take the log with it when it is closed as the last one,
        # whether it could read it or not.
        return driver.open_still(opener.path, opener.key)
    return replace(opener, may_write=False)()


def rekey_backups(folder: Path, old: driver.Opener, new: driver.Opener, report: Report) -> None:
    """Encrypt anew the backups that the old key opens: who knows it shall read none of them.

    Each becomes another backup, verified, with the same reason and time, before the old one goes.

    Raises:
        DiskFullError: There was no room for some of them, which stay as they are.
        BackupInvalidError: Some are not sound any more, or a disk failed; they stay too.
    """
    refusal: RpcError | None = None
    for backup in list_backups(folder):
        if backup.key_mark == mark_of(old.key):
            try:
                _rekey_backup(backup, replace(old, path=backup.path), new, report)
            except RpcError as error:
                refusal = error
            except _FAILURES as error:
                refusal = _refusal(error)
    if refusal is not None:
        raise refusal


def _rekey_backup(backup: Backup, old: driver.Opener, new: driver.Opener, report: Report) -> None:
    now_ms = round(backup.created_at.timestamp() * 1_000)
    folder = backup.path.parent
    wanted = Wanted(reason=backup.reason, folder=folder, now_ms=now_ms)
    _need_room(backup.path, folder)
    with _staged(wanted) as stage:
        source = driver.open_still(backup.path, old.key)
        try:
            facts = _copy(source, old.key, stage, report)
        finally:
            source.close()
        change_key_of(stage, old.key, new.key or b"")
        _put_in_place(stage, _verified(new, wanted, stage, facts, report))
    _remove(backup)
    sync_folder(folder)


def change_key_of(stage: Path, old: bytes | None, new: bytes) -> None:
    """Encrypt a staged file anew, durably; one that is cut short is no use to anybody."""
    connection = driver.open_stage(stage, old)
    try:
        seal_anew(connection, old, new)
        encrypt(connection, new)
    finally:
        connection.close()
    sync_file(stage)


def _prune(folder: Path) -> None:
    """Remove the backups that are not kept, as far as they can be; see `superfluous`."""
    for backup in superfluous(list_backups(folder)):
        # One that stays takes room, and the new one counts all the same.
        with suppress(OSError):
            _remove(backup)
            sync_folder(folder)


def _remove(backup: Backup) -> None:
    # The manifest last: one that is left alone is swept away by the next backup.
    backup.path.unlink(missing_ok=True)
    backup.path.with_suffix(".json").unlink(missing_ok=True)


_FAILURES = (OSError, driver.Error, driver.WrongKeyError, driver.StorageFailedError, UnicodeError)


def _refusal(error: BaseException) -> RpcError:
    if driver.is_full(error):
        return DiskFullError()
    return BackupInvalidError("No backup was made: a disk failed, or the database is damaged.")


def _need_room(path: Path | None, folder: Path) -> None:
    size = path.stat().st_size if path else 0
    if shutil.disk_usage(folder).free < size + ROOM_BYTES:
        raise DiskFullError


@contextmanager
def _staged(wanted: Wanted) -> Iterator[Path]:
    """Give the path of a new file, which is gone afterwards unless it was put in place."""
    at = datetime.fromtimestamp(wanted.now_ms / 1000, UTC).strftime("%Y-%m-%dT%H-%M-%SZ")
    ends = ("", *(f"-{number}" for number in range(2, 1_000)))
    paths = (wanted.folder / f"{at}-{wanted.reason}{end}{END}" for end in ends)
    stage = next(path for path in paths if not _is_taken(path)).with_suffix(STAGED)
    os.close(open_private(stage))
    try:
        yield stage
    finally:
        with suppress(OSError):
            _remove_staged(stage)


def _is_taken(path: Path) -> bool:
    return any(path.with_suffix(end).exists() for end in (END, STAGED, ".json"))


def _sweep(folder: Path) -> None:
    """Remove what those left who were killed: a staged file has not become a backup."""
    for stage in folder.glob(f"*{STAGED}"):
        if ID.fullmatch(stage.name.removesuffix(STAGED)):
            with suppress(OSError):
                _remove_staged(stage)
    for manifest in folder.glob("*.json"):
        if ID.fullmatch(manifest.stem) and not manifest.with_suffix(END).exists():
            with suppress(OSError):
                manifest.unlink(missing_ok=True)


def _remove_staged(stage: Path) -> None:
    stage.unlink(missing_ok=True)
    if not _path_of(stage).exists():
        _path_of(stage).with_suffix(".json").unlink(missing_ok=True)


def _path_of(stage: Path) -> Path:
    return stage.with_name(stage.name.removesuffix(STAGED) + END)


def _copy(source: Any, key: bytes | None, stage: Path, report: Report) -> Facts:
    """Write one snapshot into *stage*, durably, and count what is in it."""
    source.execute("BEGIN")
    facts = facts_of(source)
    target = driver.open_stage(stage, key)
    try:
        with stage.open("rb+") as file:
            _copy_pages(source, target, file.fileno(), report)
    finally:
        target.close()
    sync_file(stage)
    return facts


def _copy_pages(source: Any, target: Any, fd: int, report: Report) -> None:
    steps = 0

    def look(_: int, remaining: int, total: int) -> None:
        nonlocal steps
        steps += 1
        if steps % SYNC_STEPS == 0:
            os.fsync(fd)
        report(total - remaining, total, "copying")

    source.backup(target, pages=STEP_PAGES, progress=look)


def _verified(
    opener: driver.Opener, wanted: Wanted, stage: Path, facts: Facts, report: Report
) -> Backup:
    import tzdata  # type: ignore[import-untyped]  # noqa: PLC0415 (it has one number; not needed to serve)

    found, faults = look_through(stage, opener.key, report)
    if faults or found != facts:
        words = [word for word, _ in faults] or ["facts"]
        raise BackupInvalidError(details={"faults": words})
    return Backup(
        id=stage.name.removesuffix(STAGED),
        path=_path_of(stage),
        reason=wanted.reason,
        created_at=datetime.fromtimestamp(wanted.now_ms / 1000, UTC),
        bytes=stage.stat().st_size,
        sha256=sha256_of(stage, report),
        facts=facts,
        is_encrypted=opener.key is not None,
        key_mark=mark_of(opener.key),
        program_version=__version__,
        tz_version=tzdata.IANA_VERSION,
    )


def _put_in_place(stage: Path, backup: Backup) -> None:
    """Write the manifest, then give the file its name: from then on it is a backup."""
    manifest = backup.path.with_suffix(".json")
    write_private(manifest, manifest_of(backup))
    sync_folder(manifest.parent)
    stage.replace(backup.path)
    sync_folder(manifest.parent)
