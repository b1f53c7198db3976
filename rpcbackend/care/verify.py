"""`rpcbackend verify`: look through the store, or a backup, without changing a byte."""

from functools import partial
from pathlib import Path
from typing import TextIO

from rpcbackend.care.command import Desk, Progress, require_data, run_command
from rpcbackend.door import ExitRequestedError
from rpcbackend.exits import EX_SCHEMA, EX_STORAGE, EX_USAGE, EX_WRONG_KEY
from rpcbackend.store import Verdict, verify_backup


def verify_directory(data_dir: Path | None, name: str | None, stdin: TextIO) -> int:
    """Verify the store of a data directory, or a backup, and return the exit code.

    Args:
        data_dir: None for the one the system keeps for this user.
        name: The path of a backup, or its id; None for the store itself.
        stdin: The key, in base64url, if it is encrypted.
    """
    return run_command(partial(_verify, name), data_dir, stdin, is_owner=name is None)


async def _verify(name: str | None, desk: Desk) -> str:
    path = require_data(desk.directory) if name is None else desk.backup(name)
    if not path.is_file():
        raise ExitRequestedError(EX_USAGE, f"there is no backup {name}")
    progress = Progress()
    verdict = verify_backup(path, desk.key_for(path), progress)
    progress.end()
    if not verdict.is_sound:
        lines = "".join(f"\n  {sentence}" for _, sentence in verdict.faults)
        raise ExitRequestedError(_code_of(verdict), f"{path} is not sound:{lines}")
    rows = sum(verdict.facts.rows.values()) if verdict.facts else 0
    told = "" if verdict.backup or name is None else ", and has no manifest to compare it with"
    return f"{path} is sound: {rows:,} rows{told}"


def _code_of(verdict: Verdict) -> int:
    if verdict.is_too_new:
        return EX_SCHEMA
    return EX_WRONG_KEY if verdict.faults[-1][0] == "key" else EX_STORAGE
