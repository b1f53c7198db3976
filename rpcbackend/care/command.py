"""What the commands for the care of a store have in common: the directory, the key, the end."""

import asyncio
import sys
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from rpcbackend.clock import Clock, SystemClock
from rpcbackend.config import find_data_dir
from rpcbackend.door import ExitRequestedError
from rpcbackend.errors import SchemaTooNewError
from rpcbackend.exits import EX_CONFIG, EX_SCHEMA, EX_STORAGE, EX_USAGE, EX_WRONG_KEY
from rpcbackend.process_life import owned, read_key_line
from rpcbackend.rpc_error import RpcError
from rpcbackend.security.process import harden, make_files_private
from rpcbackend.store import (
    ServerRefusesError,
    StorageFailedError,
    WrongKeyError,
    folder_in,
    has_data,
    is_encrypted,
)

SHOWN_AFTER_SECONDS = 1.0
"""What is done sooner needs no progress."""


@dataclass(frozen=True, slots=True)
class Desk:
    """Where a command is given: a directory, and somebody who types."""

    directory: Path
    stdin: TextIO
    """Secrets come from here alone: others can read the command line and the environment."""

    def key_for(self, path: Path) -> bytes | None:
        """Return what opens a database file: a line of stdin, or None if it is plain.

        Raises:
            ExitRequestedError: It is encrypted, and no key came.
        """
        if not is_encrypted(path):
            return None
        key = read_key_line(self.stdin)
        if key is None:
            raise ExitRequestedError(
                EX_USAGE, f"{path} is encrypted: its key is wanted on stdin, a line in base64url"
            )
        return key

    def backup(self, name: str) -> Path:
        """Return the file of a backup that is named by its path or, in this directory, its id."""
        path = Path(name)
        return path if path.exists() else folder_in(self.directory) / f"{name}.db"


Command = Callable[[Desk], Coroutine[None, None, str]]
"""Does its work and returns what to say."""


def run_command(
    command: Command,
    data_dir: Path | None,
    stdin: TextIO,
    *,
    is_owner: bool = True,
    may_make: bool = False,
) -> int:
    """Run a command on a data directory, say what came of it, and return the exit code.

    Args:
        command: What to do.
        data_dir: None for the one the system keeps for this user.
        stdin: See `Desk`.
        is_owner: False leaves the directory to whoever has it.
        may_make: Whether the directory is made if it is not there.
    """
    make_files_private()
    harden()
    try:
        desk = Desk(find_data_dir(data_dir), stdin)
        if is_owner:
            if not may_make:
                require_folder(desk.directory)
            with owned(desk.directory):
                said = asyncio.run(_refused(command, desk))
        else:
            said = asyncio.run(_refused(command, desk))
    except ExitRequestedError as end:
        sys.stderr.write(f"rpcbackend: {end}\n")
        return end.code
    sys.stderr.write(f"rpcbackend: {said}\n")
    return 0


async def _refused(command: Command, desk: Desk) -> str:
    with _exit_codes(desk.directory):
        return await command(desk)


@contextmanager
def _exit_codes(directory: Path) -> Iterator[None]:
    try:
        yield
    except WrongKeyError:
        raise ExitRequestedError(
            EX_WRONG_KEY, f"the key does not open the database in {directory}"
        ) from None
    except ServerRefusesError as error:
        raise ExitRequestedError(EX_CONFIG, str(error)) from None
    except SchemaTooNewError as error:
        raise ExitRequestedError(EX_SCHEMA, error.message) from None
    except RpcError as error:
        faults = (error.details or {}).get("faults", ())
        why = f" ({', '.join(faults)})" if faults else ""
        code = EX_WRONG_KEY if faults == ["key"] else EX_STORAGE
        raise ExitRequestedError(code, f"{error.message}{why}") from None
    except (StorageFailedError, OSError) as error:
        raise ExitRequestedError(
            EX_STORAGE, f"the database in {directory} cannot be used: {error}"
        ) from None


def require_folder(directory: Path) -> None:
    """Refuse a folder that is not there: whoever owns one makes it.

    Raises:
        ExitRequestedError: There is none.
    """
    if not directory.is_dir():
        raise ExitRequestedError(EX_USAGE, f"there is no folder {directory}")


def require_data(directory: Path) -> Path:
    """Return the path of the directory's database.

    Raises:
        ExitRequestedError: There is none.
        StorageFailedError: There was one.
    """
    if not has_data(directory):
        raise ExitRequestedError(EX_USAGE, f"there is no database in {directory}")
    return directory / "school.db"


class Progress:
    """Says on stderr how far a long command is: once a step, and on a terminal in place."""

    def __init__(self, clock: Clock | None = None, stderr: TextIO | None = None) -> None:
        self._clock = clock or SystemClock()
        self._stderr = stderr or sys.stderr
        self._since = self._clock.monotonic()
        self._shown = ""

    def __call__(self, done: int, total: int, message: str) -> None:
        """Hear of it (`Report`)."""
        if self._clock.monotonic() - self._since < SHOWN_AFTER_SECONDS:
            return
        if self._stderr.isatty():
            text = f"{message} {100 * done // max(total, 1)} %"
            self._stderr.write(f"\r{text:<{len(self._shown)}}")
        elif (text := message) != self._shown:
            self._stderr.write(f"{text} ...\n")
        self._shown = text
        self._stderr.flush()

    def end(self) -> None:
        """Wipe what stands on the terminal."""
        if self._shown and self._stderr.isatty():
            self._stderr.write(f"\r{'':<{len(self._shown)}}\r")
