"""Optimistic locking: each change of a record makes its next version."""

from typing import Protocol

from rpcbackend.errors import VersionConflictError


class Versioned(Protocol):
    """A record that counts its changes."""

    @property
    def version(self) -> int:
        """1 for a new record."""
        ...


def next_version(old: Versioned | None, expected: int | None) -> int:
    """Return the version that a change makes.

    Args:
        old: The record as stored, None for a new one.
        expected: The version the caller saw, None if he does not care.

    Raises:
        VersionConflictError: The stored record is not the one the caller saw; details give the
            current version.
    """
    current = old.version if old else 0
    if expected is not None and expected != current:
        raise VersionConflictError(details={"expected": expected, "current": current})
    return current + 1
