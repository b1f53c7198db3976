"""A database that cannot or must not be written: how it is served all the same, untouched."""

import hashlib
import os
import shutil
import sys
from getpass import getuser
from pathlib import Path
from tempfile import gettempdir

from rpcbackend.errors import BackupInvalidError, ReadOnlyModeError
from rpcbackend.schema.system import ReadOnlyReason
from rpcbackend.store.driver import Opener
from rpcbackend.store.files import log_of

AS_IT_IS: frozenset[ReadOnlyReason | None] = frozenset({"damage", "setting"})
"""Reasons for which a database is served though it may be damaged."""

DAMAGED = "The database is damaged where this answer stands; restore a backup, or salvage it."

IMMUTABLE = "immutable=1"
"""SQLite then locks nothing and makes no file; it would not see what stands in a log either."""


def copy_aside(path: Path) -> Path:
    """Copy a database and its log to a folder of this user alone, and return the copy.

    The folder has one name for each data directory: what a process that was killed has left there
    goes with the next start.

    Raises:
        OSError: There is no room, it cannot be read, or the folder is somebody else's.
    """
    folder = _folder_for(path.parent)
    try:
        for source in (path, log_of(path)):
            if source.exists():
                shutil.copyfile(source, folder / source.name)
    except BaseException:
        forget_copy(folder / path.name)
        raise
    return folder / path.name


def _folder_for(directory: Path) -> Path:
    user = str(os.getuid()) if sys.platform != "win32" else getuser()
    name = hashlib.sha256(f"{user}\0{directory.resolve()}".encode()).hexdigest()[:16]
    folder = Path(gettempdir()) / f"rpcbackend-{name}"
    if folder.is_symlink() or (folder.exists() and not _is_ours(folder)):
        raise PermissionError(f"{folder} is somebody else's; remove it, or set TMPDIR")
    if folder.exists():
        shutil.rmtree(folder)
    # Fails if somebody else was faster: what is in it would be his to read.
    folder.mkdir(mode=0o700)
    return folder


def _is_ours(folder: Path) -> bool:
    # A folder for temporary files is everybody's, but on Windows.
    return sys.platform == "win32" or (folder.is_dir() and folder.stat().st_uid == os.getuid())


def forget_copy(copy: Path) -> None:
    """Remove what `copy_aside` made."""
    shutil.rmtree(copy.parent, ignore_errors=True)


def own_file(opener: Opener, reason: ReadOnlyReason | None) -> Path:
    """Return the file of a database that is served from where it is kept, and may be written.

    Raises:
        BackupInvalidError: It is kept in memory.
        ReadOnlyModeError: It is served as it is, maybe from a copy that goes with the process.
    """
    if opener.path is None:
        raise BackupInvalidError("A store in memory has no file to back up or replace.")
    if reason is not None and not opener.may_write:
        raise ReadOnlyModeError.because(reason)
    return opener.path
