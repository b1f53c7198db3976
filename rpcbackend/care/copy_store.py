"""`rpcbackend copy-store`: a school from a file to a server, or back, or from server to server."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, nullcontext
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TextIO

from rpcbackend.care.command import Desk, Progress, require_data, run_command
from rpcbackend.door import ExitRequestedError
from rpcbackend.exits import EX_STORAGE, EX_USAGE
from rpcbackend.process_life import owned, read_key_line
from rpcbackend.store import (
    CopyFailedError,
    Place,
    Store,
    copy,
    has_data,
    open_server_store,
    open_store,
    put_copy_in_place,
    stage_of_copy,
    standing_still,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What is to be copied, and where to."""

    source: str
    """A data directory, or `postgresql://…`."""
    target: str
    school: int = 1
    """Which school of a server; a file is always the first."""
    is_anew: bool = False
    """Whether what an earlier copy left is removed first."""
    is_encrypted: bool = False
    """Whether a new file has a key, which comes on stdin."""


def copy_store(wanted: Wanted, stdin: TextIO) -> int:
    """Copy a school and return the exit code.

    Args:
        wanted: What, and where to.
        stdin: The keys of files, in base64url: the source's if it is encrypted, then the target's.
    """
    folders = [Path(each) for each in (wanted.source, wanted.target) if not _is_server(each)]
    return run_command(
        partial(_copy, wanted),
        folders[0] if folders else None,
        stdin,
        is_owner=bool(folders),
        may_make=_is_server(wanted.source),
    )


async def _copy(wanted: Wanted, desk: Desk) -> str:
    if wanted.school != 1 and not (_is_server(wanted.source) and _is_server(wanted.target)):
        raise ExitRequestedError(EX_USAGE, "a file holds school 1, and no number can be changed")
    progress = Progress()
    try:
        async with (
            _source(wanted, desk) as source,
            _target(wanted, desk) as target,
            standing_still(source),
        ):
            copied = await copy(source, target, progress, is_anew=wanted.is_anew)
    except CopyFailedError as failed:
        raise ExitRequestedError(EX_STORAGE, str(failed)) from None
    finally:
        progress.end()
    return (
        f"copied and compared {copied.rows:,} rows of {copied.tables} tables;"
        f" both sides hold {copied.state}"
    )


def _is_server(name: str) -> bool:
    return "://" in name


@asynccontextmanager
async def _source(wanted: Wanted, desk: Desk) -> AsyncIterator[Store]:
    if _is_server(wanted.source):
        store = await open_server_store(Place(url=wanted.source, school=wanted.school))
    else:
        directory = Path(wanted.source)
        store = await open_store(directory, key=desk.key_for(require_data(directory)))
    try:
        yield store
    finally:
        await store.close()


@asynccontextmanager
async def _target(wanted: Wanted, desk: Desk) -> AsyncIterator[Store]:
    if _is_server(wanted.target):
        place = Place(url=wanted.target, school=wanted.school)
        store = await open_server_store(place, may_be_unfinished=True)
        try:
            yield store
        finally:
            await store.close()
        return
    directory = Path(wanted.target)
    with nullcontext() if _is_server(wanted.source) else owned(directory):
        if has_data(directory):
            raise ExitRequestedError(EX_USAGE, f"there is a database in {directory} already")
        key = _new_key(desk) if wanted.is_encrypted else None
        store = await open_store(stage_of_copy(directory), key=key)
        try:
            yield store
        finally:
            await store.close()
        put_copy_in_place(directory)


def _new_key(desk: Desk) -> bytes:
    key = read_key_line(desk.stdin)
    if key is None:
        raise ExitRequestedError(EX_USAGE, "the new file's key is wanted on stdin, in base64url")
    return key
