"""The files of a data directory: which there are, which there should be, and who may read them."""

import os
import shutil
import sys
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from rpcbackend.store.driver import PLAIN_HEADER, StorageFailedError

FILE_NAME = "school.db"
NEW_NAME = "school.db.new"
"""A database has this name until it is whole: one that has its own is never empty."""

STAGE_NAME = "school.db.restored"
"""A database has this name until it takes the place of the one that is there."""

MARKER_NAME = "school.restore"
"""While it is there, the staged database is the one that counts; see `finish_restore`."""

COPY_NAME = "copy.unfinished"
"""A folder for a database that is copied from elsewhere, until it is whole."""

TRACE_NAME = "school.made"
TRACE = b"""A school's database, school.db, was made in this folder.
If it is missing, put back a backup. rpcbackend starts no empty one in its place while this file
is here.
"""

_MINE_ALONE = 0o600


@dataclass(frozen=True, slots=True)
class StoreFacts:
    """Sizes and counts for `system.health`."""

    schema_version: int
    database_bytes: int
    wal_bytes: int


def path_in(directory: Path) -> Path:
    """Return where the database of a data directory is."""
    return directory / FILE_NAME


def leftovers_in(directory: Path) -> list[Path]:
    """Return what is left of work that was cut short and is worth nothing.

    What a marker counts on is none of it: the next start goes on from there.
    """
    patterns = [f"{NEW_NAME}*", f"{MARKER_NAME}.new", "quarantine/*.new", "backups/*.new*"]
    if not (directory / MARKER_NAME).exists():
        patterns.append(f"{STAGE_NAME}*")
    return [path for pattern in patterns for path in directory.glob(pattern)]


def make_private(directory: Path) -> None:
    """Make a directory for its owner alone, durably, if it is not there; else it stays as it is."""
    if not directory.is_dir():
        directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        _sync_way_to(directory)


def is_locked(directory: Path) -> bool:
    """Tell whether the directory holds a database that needs a key."""
    return is_encrypted(directory / FILE_NAME)


def is_encrypted(path: Path) -> bool:
    """Tell whether a database, if it is there and not empty, needs a key."""
    try:
        with path.open("rb") as file:
            header = file.read(len(PLAIN_HEADER))
    except FileNotFoundError:
        return False
    return bool(header) and header != PLAIN_HEADER


def is_unwritable(directory: Path) -> bool:
    """Tell whether there is a database in the directory that this process may not write."""
    path = directory / FILE_NAME
    return path.exists() and not all(os.access(each, os.W_OK) for each in (directory, path))


def has_data(directory: Path, *, is_read_only: bool = False) -> bool:
    """Tell whether the directory holds a database, after what was cut short came to its end.

    Args:
        directory: Where nobody has a database open.
        is_read_only: Whether it is served as it is: a stage that never counted is then left there.

    Raises:
        StorageFailedError: There was one, and it is empty or missing: nothing may take its place.
            Or a restored one cannot be put in place, where the folder cannot be written.
    """
    try:
        # From the marker on there is only one way, whatever is wanted.
        if not is_read_only or (directory / MARKER_NAME).exists():
            finish_restore(directory)
    except OSError as error:
        if (directory / MARKER_NAME).exists():
            raise StorageFailedError(
                "a restore was cut short and cannot be finished: allow to write its folder"
            ) from error
        if not is_unwritable(directory):
            raise
    path = directory / FILE_NAME
    if _size(path):
        return True
    if path.exists():
        raise StorageFailedError(f"{FILE_NAME} is empty; restore a backup")
    if _size(directory / f"{FILE_NAME}-wal") or (directory / TRACE_NAME).exists():
        raise StorageFailedError(f"{FILE_NAME} is missing; restore a backup")
    return False


def stage_in(directory: Path) -> Path:
    """Return the path where a database may be staged to take the place of the one that is there."""
    _remove_stage(directory)
    return directory / STAGE_NAME


def put_stage_in_place(directory: Path, aside: Path | None) -> None:
    """Let the staged database, which is whole and durable, take the place of the one that is there.

    Killed before the marker has its name, it leaves the old one, and from then on the new one.

    Args:
        directory: Where nobody has a database open.
        aside: A folder in it, for the files of the old one; None removes them.
    """
    marker, new = directory / MARKER_NAME, directory / f"{MARKER_NAME}.new"
    new.unlink(missing_ok=True)
    write_private(new, (aside.relative_to(directory).as_posix() if aside else "").encode())
    # The stage must have its name for good before the marker counts on it.
    sync_folder(directory)
    new.replace(marker)
    sync_folder(directory)
    finish_restore(directory)


def finish_restore(directory: Path) -> None:
    """Bring to its end what was cut short: forward from the marker on, else back.

    Costs two looks at the folder when nothing was.
    """
    marker, stage = directory / MARKER_NAME, directory / STAGE_NAME
    if not marker.exists():
        if stage.exists():
            _remove_stage(directory)
        return
    if stage.exists():
        name = marker.read_text(encoding="utf-8")
        _clear(directory, directory / name if name else None)
        # An old log beside the new file would be read into it.
        sync_folder(directory)
        stage.replace(directory / FILE_NAME)
        sync_folder(directory)
    marker.unlink()
    sync_folder(directory)


def _clear(directory: Path, aside: Path | None) -> None:
    path, log = directory / FILE_NAME, directory / f"{FILE_NAME}-wal"
    if aside is None:
        # The file itself is replaced.
        log.unlink(missing_ok=True)
    else:
        aside.mkdir(parents=True, exist_ok=True, mode=0o700)
        sync_folder(aside.parent)
        for old in (log, path):
            if old.exists():
                old.replace(_free(aside / old.name))
        sync_folder(aside)
    (directory / f"{FILE_NAME}-shm").unlink(missing_ok=True)


def _free(path: Path) -> Path:
    """Return the path, or the first one with a number behind it: what is there already stays."""
    number, free = 1, path
    while free.exists():
        number += 1
        free = path.with_name(f"{path.name}.{number}")
    return free


def _remove_stage(directory: Path) -> None:
    for end in ("", "-wal", "-shm", "-journal"):
        (directory / f"{STAGE_NAME}{end}").unlink(missing_ok=True)


def prepare_new(directory: Path) -> Path:
    """Return the path where a new database may be made, private to its owner."""
    path = directory / NEW_NAME
    _sync_way_to(directory)
    for leftover in directory.glob(f"{NEW_NAME}*"):
        # Of a start that was cut short: nothing in it was ever acknowledged.
        leftover.unlink()
    # Made here so that nobody else may ever read it, whatever the umask says.
    os.close(open_private(path))
    return path


def open_private(path: Path) -> int:
    """Make a file for its owner alone, and return its descriptor; there must not be one yet."""
    return os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, _MINE_ALONE)


def write_private(path: Path, content: bytes) -> None:
    """Make a file for its owner alone, with durable content; its name is not durable yet."""
    with os.fdopen(open_private(path), "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def sync_file(path: Path) -> None:
    """Make durable what was written into a file."""
    fd = os.open(path, os.O_RDWR)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def put_in_place(path: Path) -> None:
    """Give a database that is whole and closed its name."""
    path.replace(path.with_name(FILE_NAME))
    sync_folder(path.parent)


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
        sync_folder(directory)


def stage_of_copy(directory: Path) -> Path:
    """Return the folder where a database is copied to, or was until the copy was cut short."""
    folder = directory / COPY_NAME
    make_private(folder)
    return folder


def put_copy_in_place(directory: Path) -> None:
    """Let a database that was copied, and is whole and closed, be the directory's own."""
    stage = directory / COPY_NAME
    if size_of(log_of(stage / FILE_NAME)):
        raise StorageFailedError("what was copied is not in the file")
    (stage / FILE_NAME).replace(directory / FILE_NAME)
    sync_folder(directory)
    leave_trace(directory)
    shutil.rmtree(stage)


def _sync_way_to(directory: Path) -> None:
    # Whoever made the folder, and perhaps those above it, has not: all of it may be gone after a
    # power cut, and with it a store that has long acknowledged something.
    for folder in directory.absolute().parents:
        # One that is not ours to open, or on a disk that cannot be written, was not made by us.
        with suppress(OSError):
            sync_folder(folder)


def sync_folder(directory: Path) -> None:
    """Make durable which names there are in a folder."""
    # Windows has no such thing: NTFS keeps names in its own journal.
    if sys.platform != "win32":
        folder = os.open(directory, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def log_of(path: Path) -> Path:
    """Return the write-ahead log of a database."""
    return path.with_name(f"{path.name}-wal")


def size_of(path: Path | None) -> int:
    """Return the size of a file, 0 if it is not there."""
    try:
        return path.stat().st_size if path else 0
    except OSError:
        # Not there yet, or on a disk that fails: the next write to it will tell.
        return 0


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0
