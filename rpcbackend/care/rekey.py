"""The store under another key: `rpcbackend rekey`, with both keys on stdin."""

from pathlib import Path
from typing import TextIO

from rpcbackend.care.command import Desk, Progress, require_data, run_command
from rpcbackend.door import ExitRequestedError
from rpcbackend.errors import OverloadedError
from rpcbackend.exits import EX_STORAGE, EX_UNAVAILABLE, EX_USAGE, EX_WRONG_KEY
from rpcbackend.process_life import read_key_line
from rpcbackend.rpc_error import RpcError
from rpcbackend.security.principal import LOCAL
from rpcbackend.store import Command, Store, Work, WrongKeyError, is_locked, open_store


def rekey_directory(data_dir: Path | None, keys: TextIO) -> int:
    """Change the key of a data directory's store and return the exit code.

    Args:
        data_dir: None for the one the system keeps for this user.
        keys: Two lines, the key that opens it now and the one that shall, in base64url: what stands
            on the command line or in the environment, others can read.
    """
    return run_command(_rekey, data_dir, keys)


async def _rekey(desk: Desk) -> str:
    current, new = _read(desk.stdin)
    directory = desk.directory
    require_data(directory)
    if not is_locked(directory):
        raise ExitRequestedError(EX_USAGE, f"the database in {directory} is plain: it has no key")
    store = await _open(directory, current)
    if store is not None:
        await _change(store, new, directory)
        return f"the database in {directory} has the new key; the old one opens nothing any more"
    # A change that was cut short may have got that far.
    store = await _open(directory, new)
    if store is None:
        raise ExitRequestedError(EX_WRONG_KEY, "the current key does not open the database")
    # And no further: then its row is missing.
    await _leave_row(store, directory)
    return f"the database in {directory} has the new key already"


def _read(keys: TextIO) -> tuple[bytes, bytes]:
    current, new = read_key_line(keys), read_key_line(keys)
    if current is None or new is None:
        raise ExitRequestedError(
            EX_USAGE, "two lines are wanted on stdin: the current key, the new one, in base64url"
        )
    return current, new


async def _change(store: Store, new: bytes, directory: Path) -> None:
    """Change the key, leave a row of the audit if it is changed, and close."""
    progress = Progress()
    try:
        await store.rekey(new, progress)
    except RpcError as error:
        is_changed = error.outcome == "committed"
        await (_leave_row(store, directory) if is_changed else store.close())
        raise _explained(error, directory) from None
    except BaseException:
        await store.close()
        raise
    finally:
        progress.end()
    await _leave_row(store, directory)


def _explained(error: RpcError, directory: Path) -> ExitRequestedError:
    code = EX_UNAVAILABLE if isinstance(error, OverloadedError) else EX_STORAGE
    says = {
        "none": "the key stays",
        "committed": f"the database in {directory} has the new key, but the old one still opens"
        " some of its backups",
    }.get(error.outcome, "either key may be the one")
    return ExitRequestedError(code, f"{says}: {error.message}")


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
