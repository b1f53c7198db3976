"""`rpcbackend migrate`: bring the store to this program's schema, with a backup first."""

from pathlib import Path
from typing import TextIO

from rpcbackend.care.command import Desk, require_data, run_command
from rpcbackend.store import open_store


def migrate_directory(data_dir: Path | None, stdin: TextIO) -> int:
    """Bring the store of a data directory up to date and return the exit code.

    Args:
        data_dir: None for the one the system keeps for this user.
        stdin: Its key, in base64url, if it is encrypted.
    """
    return run_command(_migrate, data_dir, stdin)


async def _migrate(desk: Desk) -> str:
    store = await open_store(desk.directory, key=desk.key_for(require_data(desk.directory)))
    engine, backups = store.engine, store.backups()
    await store.close()
    if engine.migrated_from == engine.schema_version:
        return f"the database in {desk.directory} is up to date (schema {engine.schema_version})"
    return (
        f"the database in {desk.directory} is brought from schema {engine.migrated_from} to"
        f" {engine.schema_version}; what was there before is {backups[0].path}"
    )
