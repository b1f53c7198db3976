"""`rpcbackend restore`: a backup in the place of the store, which is kept as well."""

import sys
from functools import partial
from pathlib import Path
from typing import TextIO

from rpcbackend.care.command import Desk, Progress, run_command
from rpcbackend.clock import SystemClock
from rpcbackend.door import ExitRequestedError
from rpcbackend.exits import EX_USAGE, EX_WRONG_KEY
from rpcbackend.process_life import read_key_line
from rpcbackend.security.principal import LOCAL
from rpcbackend.store import (
    Command,
    Origin,
    Restored,
    finish_restore,
    is_encrypted,
    is_key_of,
    open_store,
    path_in,
    restore_closed,
)

_WAY_OUT = "if it is damaged and cannot be read any more, give --in-place-of-unreadable"


def restore_directory(
    data_dir: Path | None,
    name: str,
    stdin: TextIO,
    *,
    is_sure: bool,
    is_unreadable: bool = False,
) -> int:
    """Put a backup in the place of a data directory's store and return the exit code.

    Args:
        data_dir: None for the one the system keeps for this user.
        name: The path of the backup, or its id.
        stdin: The key of the backup, in base64url, if it is encrypted; that of the store, if it is
            another; then `yes`.
        is_sure: Whether nobody need say yes.
        is_unreadable: Whether the store may be put aside though no key that is given opens it.
    """
    work = partial(_restore, name, is_sure, is_unreadable)
    return run_command(work, data_dir, stdin, may_make=True)


async def _restore(name: str, is_sure: bool, is_unreadable: bool, desk: Desk) -> str:
    finish_restore(desk.directory)
    path = desk.backup(name)
    if not path.is_file():
        raise ExitRequestedError(EX_USAGE, f"there is no backup {name}")
    given = desk.key_for(path)
    key = given if is_unreadable else _key_of_store(desk, path, given)
    if not is_sure:
        _ask(desk, path)
    command = Command(channel="backups.restore")
    origin = Origin(path=path, actor=LOCAL.actor, command=command, key=given)
    progress = Progress()
    try:
        restored = await restore_closed(
            desk.directory,
            key,
            origin,
            clock=SystemClock(),
            report=progress,
            is_unreadable=is_unreadable,
        )
    finally:
        progress.end()
    # It serves, or whoever wanted it hears of it now.
    await (await open_store(desk.directory, key=key)).close()
    return _told(restored, desk.directory)


def _key_of_store(desk: Desk, backup: Path, given: bytes | None) -> bytes | None:
    """Return the key of the store: that of the backup, or another line of stdin.

    Raises:
        ExitRequestedError: What is there is encrypted, and nobody has shown that it is his.
    """
    live = path_in(desk.directory)
    if not is_encrypted(live) or is_key_of(live, given):
        return given
    if given is None:
        why = f"{backup} is not encrypted, and the database in {desk.directory} is"
        raise ExitRequestedError(EX_USAGE, f"{why}: nothing was changed; {_WAY_OUT}")
    key = read_key_line(desk.stdin)
    if key is None or not is_key_of(live, key):
        why = f"no key that was given opens the database in {desk.directory}"
        how = "give its own in the line after that of the backup, or,"
        raise ExitRequestedError(EX_WRONG_KEY, f"{why}: nothing was changed; {how} {_WAY_OUT}")
    return key


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
