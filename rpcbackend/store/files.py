"""The files of a data directory: which there are, which there should be, and who may read them."""

import os
import sys
from contextlib import suppress
from pathlib import Path

from rpcbackend.store.driver import PLAIN_HEADER, StorageFailedError

FILE_NAME = "school.db"
NEW_NAME = "school.db.new"
"""A database has this name until it is whole: one that has its own is never empty."""

TRACE_NAME = "school.made"
TRACE = b"""A school's database, school.db, was made in this folder.
If it is missing, put back a backup. rpcbackend starts no empty one in its place while this file
is here.
"""

_MINE_ALONE = 0o600


def make_private(directory: Path) -> None:
    """Make a directory for its owner alone, if it is not there; one that is stays as it is."""
    directory.mkdir(parents=True, exist_ok=True, mode=0o700)


def is_locked(directory: Path) -> bool:
    """Tell whether the directory holds a database that needs a key."""
    try:
        with (directory / FILE_NAME).open("rb") as file:
            header = file.read(len(PLAIN_HEADER))
    except FileNotFoundError:
        return False
    return bool(header) and header != PLAIN_HEADER


def has_data(directory: Path) -> bool:
    """Tell whether the directory holds a database.

    Raises:
        StorageFailedError: There was one, and it is empty or missing: nothing may take its place.
    """
    path = directory / FILE_NAME
    if _size(path):
        return True
    if path.exists():
        raise StorageFailedError(f"{FILE_NAME} is empty; restore a backup")
    if _size(directory / f"{FILE_NAME}-wal") or (directory / TRACE_NAME).exists():
        raise StorageFailedError(f"{FILE_NAME} is missing; restore a backup")
    return False


def prepare_new(directory: Path) -> Path:
    """Return the path where a new database may be made, private to its owner."""
    path = directory / NEW_NAME
    _sync_way_to(directory)
    for leftover in directory.glob(f"{NEW_NAME}*"):
        # Of a start that was cut short: nothing in it was ever acknowledged.
        leftover.unlink()
    # Made here so that nobody else may ever read it, whatever the umask says.
    os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, _MINE_ALONE))
    return path


def put_in_place(path: Path) -> None:
    """Give a database that is whole and closed its name."""
    path.replace(path.with_name(FILE_NAME))
    _sync_folder(path.parent)


def keep_private(path: Path) -> None:
    """Let nobody but its owner read a database; its log takes its mode from it."""
    if sys.platform != "win32" and path.stat().st_mode & 0o077:
        path.chmod(_MINE_ALONE)


def leave_trace(directory: Path) -> None:
    """Leave a trace of the database that is there."""
    # A disk that is full must keep nobody from his data: the next start tries again.
    with suppress(OSError):
        trace = os.open(directory / TRACE_NAME, os.O_CREAT | os.O_EXCL | os.O_WRONLY, _MINE_ALONE)
        try:
            os.write(trace, TRACE)
            os.fsync(trace)
        finally:
            os.close(trace)
        _sync_folder(directory)


def _sync_way_to(directory: Path) -> None:
    # Whoever made the folder, and perhaps those above it, has not: all of it may be gone after a
    # power cut, and with it a store that has long acknowledged something.
    for folder in directory.absolute().parents:
        # One that is not ours to open, or on a disk that cannot be written, was not made by us.
        with suppress(OSError):
            _sync_folder(folder)


def _sync_folder(directory: Path) -> None:
    # Windows has no such thing: NTFS keeps names in its own journal.
    if sys.platform != "win32":
        folder = os.open(directory, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0
