"""Reading what a database says that nobody writes to, of whatever version it is."""

from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any, TypeVar

from rpcbackend.store import driver
from rpcbackend.store.migrations import version_of
from rpcbackend.store.transaction import Report

T = TypeVar("T")


def reader_of(
    path: Path, key: bytes | None, look: Callable[[Any, int], T], noun: str
) -> Callable[[Report], T]:
    """Return what opens a database and looks.

    It raises `StorageFailedError` when the database cannot be read.

    Args:
        path: Of the database.
        key: Of it, or None for a plain one.
        look: Given the connection and the version of the schema.
        noun: What is looked for, such as `what was sent`.
    """

    # No `partial`: the key would be in its repr, and so in somebody's log.
    def read(_: Report) -> T:
        try:
            with closing(driver.open_still(path, key)) as connection:
                return look(connection, version_of(connection))
        except driver.Error as error:
            raise driver.StorageFailedError(f"{noun} cannot be read") from error

    return read
