"""One process to a data directory: a lock file that the system gives up with its owner."""

import os
import sys
from contextlib import suppress
from pathlib import Path

from rpcbackend.store.files import FILE_NAME as DATABASE_NAME

FILE_NAME = "backend.lock"


class StoreBusyError(Exception):
    """Another process owns the data directory."""


class DirectoryLock:
    """Hold a data directory.

    Args:
        directory: Made if it is not there.

    Raises:
        StoreBusyError: Another process holds it; the message names its process id.
        OSError: The directory cannot be made or written.
    """

    def __init__(self, directory: Path) -> None:
        directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._fd, may_write = _open(directory)
        if not _try_lock(self._fd):
            owner = _owner(self._fd)
            os.close(self._fd)
            raise StoreBusyError(
                f"{directory} is in use by another rpcbackend (process {owner}). "
                "Close that program first, or choose another --data-dir."
            )
        # On a full disk nobody can read who holds it; it is held all the same.
        if may_write:
            with suppress(OSError):
                os.ftruncate(self._fd, 0)
                os.lseek(self._fd, 0, os.SEEK_SET)
                os.write(self._fd, str(os.getpid()).encode())

    def release(self) -> None:
        """Let others in; the file stays, for removing it would race with them."""
        os.close(self._fd)


def _open(directory: Path) -> tuple[int, bool]:
    """Return the file that is locked, and whether it can be written."""
    path = directory / FILE_NAME
    try:
        return os.open(path, os.O_RDWR | os.O_CREAT, 0o600), True
    except OSError:
        # A database where nothing can be written is served all the same. Without a lock file the
        # directory itself stands in for it: nobody else can make one either.
        if sys.platform == "win32" or not (directory / DATABASE_NAME).exists():
            raise
        return os.open(path if path.exists() else directory, os.O_RDONLY), False


def _owner(fd: int) -> str:
    try:
        return os.read(fd, 20).decode("ascii", "replace").strip() or "unknown"
    except IsADirectoryError:
        return "unknown"


def _try_lock(fd: int) -> bool:
    try:
        if sys.platform == "win32":
            import msvcrt  # noqa: PLC0415 (exists on Windows only)

            # Past the owner's process id, which others want to read.
            os.lseek(fd, 64, os.SEEK_SET)
            msvcrt.locking(fd, msvcrt.LK_NBLCK, 1)
            os.lseek(fd, 0, os.SEEK_SET)
        else:
            import fcntl  # noqa: PLC0415 (exists on POSIX only)

            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
