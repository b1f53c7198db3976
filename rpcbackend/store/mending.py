"""A database that nobody uses, looked at as a whole, and the little about it that is safe to mend.

Everything here runs on the thread that calls it.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rpcbackend.store import driver
from rpcbackend.store.checks import Finding, look_through_file
from rpcbackend.store.migrations import latest_version, version_of
from rpcbackend.store.transaction import Report

_TIMES = (
    ("audit", "SELECT max(at) FROM audit"),
    ("events", "SELECT max(at) FROM events"),
    ("sessions", "SELECT max(last_seen_at) * 1000 FROM sessions"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Examined:
    """What a look at a database found."""

    schema_version: int
    findings: tuple[Finding, ...]
    latest_ms: int
    """The latest time that stands in it, 0 for none."""

    @property
    def is_too_new(self) -> bool:
        """Whether a newer version of this program wrote it."""
        return self.schema_version > latest_version()

    @property
    def is_old(self) -> bool:
        """Whether the next start will migrate it."""
        return self.schema_version < latest_version()


def examine(path: Path, key: bytes | None, report: Report) -> Examined:
    """Look through a database without changing a byte.

    Raises:
        WrongKeyError: The key does not open it, or its first page is damaged.
        DamagedError: Not even its list of tables can be read.
        StorageFailedError: It is another program's database, or the disk failed.
    """
    try:
        version, latest_ms = _ask(path, key)
    except driver.Error as error:
        if driver.is_corrupt(error):
            raise driver.DamagedError("the list of tables cannot be read") from error
        raise driver.StorageFailedError(str(error)) from error
    except UnicodeDecodeError as error:
        raise driver.DamagedError("the list of tables cannot be read") from error
    # What a newer program means by its tables is not for us to judge.
    findings = look_through_file(path, key, report) if version <= latest_version() else []
    return Examined(schema_version=version, findings=tuple(findings), latest_ms=latest_ms)


def _ask(path: Path, key: bytes | None) -> tuple[int, int]:
    connection = driver.open_still(path, key)
    try:
        version = version_of(connection)
        return version, max((_time_in(connection, *each) for each in _TIMES), default=0)
    finally:
        connection.close()


def _time_in(connection: Any, table: str, sql: str) -> int:
    sought = "SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name = ?"
    if not connection.execute(sought, (table,)).fetchone()[0]:
        return 0
    try:
        return int(connection.execute(sql).fetchone()[0] or 0)
    except driver.Error:
        # A page of it is damaged: that is told elsewhere.
        return 0


def fold_log_in(path: Path, key: bytes | None) -> bool:
    """Move what stands in the log into the database, and tell whether nobody was in the way."""
    connection = driver.Opener(path, key, may_write=True)()
    try:
        return driver.fold_log(connection)
    finally:
        connection.close()


def make_indexes_anew(path: Path, key: bytes | None) -> None:
    """Build every index from its table: all of them, or none if it cannot be finished."""
    connection = driver.Opener(path, key, may_write=True)()
    try:
        connection.execute("REINDEX")
        driver.fold_log(connection)
    finally:
        connection.close()
