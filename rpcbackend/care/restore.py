"""`rpcbackend restore`: a backup in the place of the store, which is kept as well."""

import sys
from functools import partial
from pathlib import Path
from typing import TextIO

from rpcbackend.care.command import Desk, Progress, run_command
from rpcbackend.clock import SystemClock
from rpcbackend.door import ExitRequestedError
from rpcbackend.exits import EX_USAGE
from rpcbackend.security.principal import LOCAL
from rpcbackend.store import (
    Command,
    Origin,
    Restored,
    finish_restore,
    open_store,
    restore_closed,
)


def restore_directory(data_dir: Path | None, name: str, stdin: TextIO, *, is_sure: bool) -> int:
    """Put a backup in the place of a data directory's store and return the exit code.

    Args:
        data_dir: None for the one the system keeps for this user.
        name: The path of the backup, or its id.
        stdin: The key of the backup, in base64url, if it is encrypted; then `yes`.
        is_sure: Whether nobody need say yes.
    """
    return run_command(partial(_restore, name, is_sure), data_dir, stdin, may_make=True)


async def _restore(name: str, is_sure: bool, desk: Desk) -> str:
    finish_restore(desk.directory)
    path = desk.backup(name)
    if not path.is_file():
        raise ExitRequestedError(EX_USAGE, f"there is no backup {name}")
    key = desk.key_for(path)
    if not is_sure:
        _ask(desk, path)
    origin = Origin(path=path, actor=LOCAL.actor, command=Command(channel="backups.restore"))
    progress = Progress()
    try:
        restored = await restore_closed(
            desk.directory, key, origin, clock=SystemClock(), report=progress
        )
    finally:
        progress.end()
    # It serves, or whoever wanted it hears of it now.
    await (await open_store(desk.directory, key=key)).close()
    return _told(restored, desk.directory)


def _ask(desk: Desk, path: Path) -> None:
    sys.stderr.write(f"This puts {path} in the place of the database in {desk.directory}.\n")
    sys.stderr.write('Type "yes" to go on: ')
    sys.stderr.flush()
    if desk.stdin.readline().strip() != "yes":
        raise ExitRequestedError(EX_USAGE, "nothing was changed; say yes, or give --yes")


def _told(restored: Restored, directory: Path) -> str:
    told = f"the database in {directory} is that of {restored.backup_id}"
    before = restored.safety.path if restored.safety else restored.quarantine
    return f"{told}; what was there before is in {before}" if before else told
