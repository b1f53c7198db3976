"""Bring a database to the schema of this program: numbered SQL, forward only (D7)."""

import hashlib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from rpcbackend.errors import SchemaTooNewError
from rpcbackend.store.transaction import Dialect

APPLICATION_ID = 0x72706362
"""Marks the file as ours (`rpcb`), for `file` and for those who find it."""

_RECORD = """
CREATE TABLE IF NOT EXISTS migrations (
  version    INTEGER NOT NULL PRIMARY KEY,
  name       TEXT    NOT NULL,
  sha256     TEXT    NOT NULL,
  applied_at INTEGER NOT NULL
) STRICT;
"""


@dataclass(frozen=True, slots=True)
class Migration:
    """One step of the schema."""

    version: int
    name: str
    sql: str

    @property
    def sha256(self) -> str:
        """The checksum that the database remembers of the step."""
        return hashlib.sha256(self.sql.encode()).hexdigest()


class SchemaOldError(Exception):
    """The database has yet to be migrated, and may not be written."""


class MigrationChangedError(Exception):
    """A migration was edited after this database had applied it."""


@cache
def latest_version() -> int:
    """Return the schema version of this program, from the file names alone."""
    return max(_version(name) for name in _names())


def load(dialect: Dialect = "sqlite") -> list[Migration]:
    """Read every migration, in order."""
    folder = files("rpcbackend.store") / "sql" / dialect
    return [
        Migration(_version(name), name, (folder / name).read_text(encoding="utf-8"))
        for name in _names()
    ]


def is_foreign(connection: Any) -> bool:
    """Tell whether another program made this database.

    One with a version beyond ours is for `migrate` to refuse.
    """
    if connection.execute("PRAGMA application_id").fetchone()[0] == APPLICATION_ID:
        return False
    things = connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0]
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    return bool(things) and version <= latest_version()


def migrate(connection: Any, now_ms: int, *, to: int | None = None) -> int:
    """Apply what is missing, each step in one transaction with its record.

    Costs one PRAGMA when nothing is due.

    Args:
        connection: The driver's writing connection, outside a transaction.
        now_ms: Goes into the record, in milliseconds since the epoch.
        to: The version wanted, the latest unless it is given.

    Returns:
        The schema version now.

    Raises:
        SchemaTooNewError: A newer program wrote this database.
        MigrationChangedError: An applied step is not the one this program has.
    """
    refuse_newer(connection)
    version, wanted = version_of(connection), to or latest_version()
    if version < wanted:
        migrations = load()
        _check_applied(connection, migrations, version)
        for migration in migrations:
            if version < migration.version <= wanted:
                _apply(connection, migration, now_ms)
    return wanted


def refuse_newer(connection: Any) -> None:
    """Check that no newer program wrote this database.

    Raises:
        SchemaTooNewError: One did.
    """
    version = version_of(connection)
    if version > latest_version():
        raise SchemaTooNewError(details={"database": version, "program": latest_version()})


def version_of(connection: Any) -> int:
    """Return the schema version of a database, 0 for an empty one."""
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


def _check_applied(connection: Any, migrations: list[Migration], version: int) -> None:
    if version == 0:
        return
    applied = dict(connection.execute("SELECT version, sha256 FROM migrations").fetchall())
    for migration in migrations:
        if migration.version <= version and applied.get(migration.version) != migration.sha256:
            raise MigrationChangedError(f"{migration.name} is not what this database applied")


def _apply(connection: Any, migration: Migration, now_ms: int) -> None:
    # One script, because executescript ends any transaction that was begun outside of it.
    script = f"""
    BEGIN IMMEDIATE;
    PRAGMA application_id = {APPLICATION_ID};
    {_RECORD}
    {migration.sql}
    INSERT INTO migrations (version, name, sha256, applied_at)
    VALUES ({migration.version}, '{migration.name}', '{migration.sha256}', {now_ms});
    PRAGMA user_version = {migration.version};
    COMMIT;
    """  # noqa: S608 (names and numbers from our own package)
    try:
        connection.executescript(script)
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


@cache
def _names() -> tuple[str, ...]:
    folder = files("rpcbackend.store") / "sql" / "sqlite"
    return tuple(sorted(entry.name for entry in folder.iterdir() if entry.name.endswith(".sql")))


def _version(name: str) -> int:
    return int(name[:4])
