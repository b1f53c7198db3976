"""Room on the disk: how much is left for the store, and a reserve that can be given back at once.

A full disk refuses even what would free some of it: deleting rows and folding the log in need room
themselves. The ballast is that room.
"""

import os
import shutil
from contextlib import suppress
from pathlib import Path
from typing import Any

BALLAST_NAME = "school.ballast"

OPENING_BYTES = 1024 * 1024
"""Opening a database takes some room, for the index of its log alone."""

CHUNK_BYTES = 1024 * 1024

PURGED_AT_ONCE = 1_000
"""Rows that have expired and are given up on a full disk, so that the writer is soon free again."""


class Room:
    """The disk under a data directory.

    Args:
        directory: Where the database is.
        ballast_bytes: The size of the reserve; 0 keeps none.
    """

    def __init__(self, directory: Path, ballast_bytes: int) -> None:
        self._directory, self._ballast_bytes = directory, ballast_bytes
        self._path = directory / BALLAST_NAME

    def free_bytes(self) -> int:
        """Return what this user may still write."""
        return shutil.disk_usage(self._directory).free

    def let_open(self) -> None:
        """Give the reserve back if without it the database cannot be opened."""
        with suppress(OSError):
            if self.free_bytes() < OPENING_BYTES:
                self.drop_ballast()

    def missing_bytes(self) -> int:
        """Return how much of the reserve is not there."""
        try:
            return max(0, self._ballast_bytes - self._path.stat().st_size)
        except OSError:
            return self._ballast_bytes

    def make_ballast(self) -> bool:
        """Make the reserve if it is not there, and tell whether it is: so it also proves room."""
        if not self.missing_bytes():
            return True
        try:
            self.drop_ballast()
            fd = os.open(self._path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
        except OSError:
            return False
        try:
            self._fill(fd)
        except OSError:
            self.drop_ballast()
            return False
        finally:
            os.close(fd)
        return True

    def drop_ballast(self) -> None:
        """Give the reserve back."""
        with suppress(OSError):
            self._path.unlink(missing_ok=True)

    def _fill(self, fd: int) -> None:
        if hasattr(os, "posix_fallocate"):
            os.posix_fallocate(fd, 0, self._ballast_bytes)
        else:
            left = self._ballast_bytes
            while left > 0:
                left -= os.write(fd, bytes(min(left, CHUNK_BYTES)))
        os.fsync(fd)


def purge(connection: Any, now_seconds: int) -> None:
    """Give up replies that are kept for repeated commands and have expired; see `idempotency`."""
    connection.execute(
        "DELETE FROM idempotency_keys WHERE (school_id, actor, channel, key) IN ("
        "SELECT school_id, actor, channel, key FROM idempotency_keys"
        " WHERE expires_at <= :now ORDER BY expires_at LIMIT :most)",
        {"now": now_seconds, "most": PURGED_AT_ONCE},
    )
