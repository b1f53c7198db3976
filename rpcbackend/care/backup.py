"""`rpcbackend backup`: a verified copy of the store."""

import os
from functools import partial
from pathlib import Path
from typing import TextIO

from rpcbackend.care.command import Desk, Progress, require_data, run_command
from rpcbackend.door import ExitRequestedError
from rpcbackend.exits import EX_CANTCREAT
from rpcbackend.store import open_store


def backup_directory(data_dir: Path | None, into: Path | None, stdin: TextIO) -> int:
    """Back up the store of a data directory and return the exit code.

    Args:
        data_dir: None for the one the system keeps for this user.
        into: Where to, if not in the data directory itself.
        stdin: Its key, in base64url, if it is encrypted.
    """
    return run_command(partial(_back_up, into), data_dir, stdin)


async def _back_up(into: Path | None, desk: Desk) -> str:
    key = desk.key_for(require_data(desk.directory))
    if into is not None:
        _make(into)
    progress = Progress()
    store = await open_store(desk.directory, key=key)
    try:
        backup = await store.backup("manual", progress, into)
    finally:
        await store.close()
        progress.end()
    return f"the backup is {backup.path}, {backup.bytes:,} bytes, SHA-256 {backup.sha256}"


def _make(into: Path) -> None:
    try:
        into.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise ExitRequestedError(EX_CANTCREAT, f"{into} cannot be used: {error.strerror}") from None
    if not os.access(into, os.W_OK | os.X_OK):
        raise ExitRequestedError(EX_CANTCREAT, f"{into} cannot be written")
