"""Bring a PostgreSQL database to the schema of this program; see `migrations`.

Of several processes that start at once one migrates, and the others wait for it.
"""

from typing import TYPE_CHECKING, Any

from rpcbackend.errors import SchemaTooNewError
from rpcbackend.store.migrations import MigrationChangedError, latest_version, load

if TYPE_CHECKING:
    from asyncpg import Connection

LOCK = 0x72706362
"""Of the whole database; `rpcb`, as the files of SQLite are marked. Schools have 64-bit locks."""

_RECORD = """
CREATE TABLE IF NOT EXISTS migrations (
  version    bigint NOT NULL PRIMARY KEY,
  name       text COLLATE "C" NOT NULL,
  sha256     text COLLATE "C" NOT NULL,
  applied_at bigint NOT NULL
)
"""


async def migrate(connection: "Connection[Any]", now_ms: int) -> int:
    """Apply what is missing, each step in one transaction with its record.

    Costs one statement when nothing is due.

    Returns:
        The schema version that was found; 0 for an empty database.

    Raises:
        SchemaTooNewError: A newer program wrote this database.
        MigrationChangedError: An applied step is not the one this program has.
    """
    if await _version_of(connection) == latest_version():
        return latest_version()
    # Whoever has it may need more time than one waits for the lock of a table.
    await connection.execute("SET lock_timeout = 0")
    # Not for one transaction, because each step is one.
    await connection.execute("SELECT pg_advisory_lock($1, 0)", LOCK)
    await connection.execute("RESET lock_timeout")
    try:
        return await _migrate(connection, now_ms)
    finally:
        await connection.execute("SELECT pg_advisory_unlock($1, 0)", LOCK)


async def _migrate(connection: "Connection[Any]", now_ms: int) -> int:
    found = await _version_of(connection)
    if found > latest_version():
        raise SchemaTooNewError(details={"database": found, "program": latest_version()})
    await connection.execute(_RECORD)
    applied = dict(await connection.fetch("SELECT version, sha256 FROM migrations"))
    for migration in load("postgres"):
        if migration.version > found:
            async with connection.transaction():
                await connection.execute(migration.sql)
                await connection.execute(
                    "INSERT INTO migrations VALUES ($1, $2, $3, $4)",
                    *(migration.version, migration.name, migration.sha256, now_ms),
                )
        elif applied.get(migration.version) != migration.sha256:
            raise MigrationChangedError(f"{migration.name} is not what this database applied")
    return found


async def _version_of(connection: "Connection[Any]") -> int:
    if await connection.fetchval("SELECT to_regclass('migrations') IS NULL"):
        return 0
    return await connection.fetchval("SELECT coalesce(max(version), 0) FROM migrations") or 0
