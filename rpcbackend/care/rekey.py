"""The store under another key: `rpcbackend rekey`, with both keys on stdin."""

import asyncio
import sys
from pathlib import Path
from typing import TextIO

from rpcbackend.care.command import Progress, read_key_line
from rpcbackend.config import find_data_dir
from rpcbackend.door import (
    EX_SCHEMA,
    EX_STORAGE,
    EX_WRONG_KEY,
    ExitRequestedError,
)
from rpcbackend.errors import OverloadedError, RpcError, SchemaTooNewError
from rpcbackend.security.principal import LOCAL
from rpcbackend.security.process import harden, make_files_private
from rpcbackend.serve import owned
from rpcbackend.store import (
    Command,
    StorageFailedError,
    Store,
    Work,
    WrongKeyError,
    has_data,
    is_locked,
    open_store,
)

EX_USAGE, EX_UNAVAILABLE = 64, 69


def rekey_directory(data_dir: Path | None, keys: TextIO) -> int:
    """Change the key of a data directory's store and return the exit code.

    Args:
        data_dir: None for the one the system keeps for this user.
        keys: Two lines, the key that opens it now and the one that shall, in base64url: what stands
            on the command line or in the environment, others can read.
    """
    make_files_private()
    harden()
    try:
        current, new = _read(keys)
        directory = find_data_dir(data_dir)
        with owned(directory):
            _check(directory)
            said = asyncio.run(_rekey(directory, current, new))
    except ExitRequestedError as end:
        sys.stderr.write(f"rpcbackend: {end}\n")
        return end.code
    sys.stderr.write(f"rpcbackend: {said}\n")
    return 0


def _read(keys: TextIO) -> tuple[bytes, bytes]:
    current, new = read_key_line(keys), read_key_line(keys)
    if current is None or new is None:
        raise ExitRequestedError(
            EX_USAGE, "two lines are wanted on stdin: the current key, the new one, in base64url"
        )
    return current, new


def _check(directory: Path) -> None:
    try:
        has_database = has_data(directory)
    except StorageFailedError as error:
        raise ExitRequestedError(EX_STORAGE, f"in {directory} {error}") from None
    if not has_database:
        raise ExitRequestedError(EX_USAGE, f"there is no database in {directory}")
    if not is_locked(directory):
        raise ExitRequestedError(EX_USAGE, f"the database in {directory} is plain: it has no key")


async def _rekey(directory: Path, current: bytes, new: bytes) -> str:
    try:
        store = await _open(directory, current)
        if store is None:
            # A change that was cut short may have got that far.
            store = await _open(directory, new)
            if store is None:
                raise ExitRequestedError(EX_WRONG_KEY, "the current key does not open the database")
            # And no further: then its row is missing.
            await _leave_row(store, directory)
            return f"the database in {directory} has the new key already"
        await _change(store, new, directory)
    except SchemaTooNewError as error:
        raise ExitRequestedError(EX_SCHEMA, error.message) from None
    except OverloadedError as error:
        raise ExitRequestedError(EX_UNAVAILABLE, f"the key stays: {error.message}") from None
    except RpcError as error:
        stays = "the key stays" if error.outcome == "none" else "either key may be the one"
        raise ExitRequestedError(EX_STORAGE, f"{stays}: {error.message}") from None
    except (StorageFailedError, OSError) as error:
        raise ExitRequestedError(
            EX_STORAGE, f"the database in {directory} cannot be opened: {error}"
        ) from None
    return f"the database in {directory} has the new key; the old one opens nothing any more"


async def _change(store: Store, new: bytes, directory: Path) -> None:
    """Change the key, leave a row of the audit if it is changed, and close."""
    progress = Progress()
    try:
        await store.rekey(new, progress)
    except BaseException as error:
        if not isinstance(error, RpcError) or error.outcome != "committed":
            await store.close()
            raise
        await _leave_row(store, directory)
        raise ExitRequestedError(
            EX_STORAGE,
            f"the database in {directory} has the new key, but the old one still opens some of"
            f" its backups: {error.message}",
        ) from None
    finally:
        progress.end()
    await _leave_row(store, directory)


async def _leave_row(store: Store, directory: Path) -> None:
    """Tell the audit, as keys.rekey does, and close."""

    async def unit(work: Work) -> None:
        """Stand for the change of keys, which is no change of a record."""

    command = Command(channel="keys.rekey")
    try:
        await store.write(lambda work: work.audited(unit, command), actor=LOCAL.actor)
    except RpcError as error:
        raise ExitRequestedError(
            EX_STORAGE,
            f"the database in {directory} has the new key, but the audit no row of it:"
            f" {error.message}",
        ) from None
    finally:
        await store.close()


async def _open(directory: Path, key: bytes) -> Store | None:
    try:
        return await open_store(directory, key=key)
    except WrongKeyError:
        return None
