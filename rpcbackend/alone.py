"""`rpcbackend http`: the mirror alone, in a process without a desk."""

import asyncio
import gc
import os
import socket
import sys
from collections.abc import Coroutine
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NamedTuple, TextIO

from loguru import logger

from rpcbackend.app import Application
from rpcbackend.config import Settings
from rpcbackend.door import ExitRequestedError
from rpcbackend.errors import SchemaTooNewError
from rpcbackend.exits import EX_SCHEMA, EX_STORAGE, EX_USAGE, EX_WRONG_KEY
from rpcbackend.mirror.life import mirrored
from rpcbackend.monitor import LogLevels
from rpcbackend.process_life import (
    build_application,
    end_on_signals,
    read_key_line,
    run_process,
    run_to_end,
)
from rpcbackend.rpc_error import RpcError
from rpcbackend.security.process import harden, make_files_private
from rpcbackend.store import StorageFailedError, WrongKeyError, has_data
from rpcbackend.surroundings import Surroundings

NO_USERS = "the school has no users, so nobody can sign in; stop this, and make its first owner"
_OTHERS = 0o077
"""The permissions of a file that are everybody else's."""


def serve_alone(
    settings: Settings,
    *,
    key_file: Path | None,
    stdin: TextIO,
    sock: socket.socket | None = None,
) -> int:
    """Serve over HTTP until a signal ends it, and return the exit code.

    Args:
        settings: Where to listen, and everything else.
        key_file: Holds the key of an encrypted store, a line in base64url.
        stdin: Has it otherwise; it is not read for a plain store.
        sock: Is listened on, if somebody has bound it already.
    """
    make_files_private()
    harden()

    def main(directory: Path, levels: LogLevels, at_end: ExitStack) -> Coroutine[Any, Any, int]:
        return _serve(directory, settings, levels, at_end, _Ways(_Key(key_file, stdin), sock))

    return run_process(settings, main)


class _Key:
    """Where the key comes from: secrets never stand in arguments or in the environment."""

    def __init__(self, file: Path | None, stdin: TextIO) -> None:
        self._file, self._stdin = file, stdin

    def read(self) -> bytes:
        """Return it.

        Raises:
            ExitRequestedError: There is none, or others may read it as well.
        """
        key = read_key_line(self._stdin) if self._file is None else _key_in(self._file)
        if key is None:
            raise ExitRequestedError(
                EX_USAGE,
                "the database is encrypted: its key is wanted from --key-file or on stdin, a line"
                " in base64url",
            )
        return key


def _key_in(path: Path) -> bytes | None:
    try:
        with path.open(encoding="utf-8") as file:
            if sys.platform != "win32" and os.fstat(file.fileno()).st_mode & _OTHERS:
                raise ExitRequestedError(
                    EX_USAGE, f"others may read {path}: take their permissions away"
                )
            return read_key_line(file)
    except OSError as error:
        raise ExitRequestedError(EX_USAGE, f"{path} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        return None


class _Ways(NamedTuple):
    """What a process is given beside its settings."""

    key: _Key
    sock: socket.socket | None


async def _serve(
    directory: Path, settings: Settings, levels: LogLevels, at_end: ExitStack, ways: _Ways
) -> int:
    app, surroundings = build_application(settings, directory, levels, at_end)
    try:
        await _open(app, surroundings, directory, ways.key)
        if not await app.access.has_users(app.store):
            command = f"rpcbackend call auth.bootstrap - --data-dir {directory} < owner.json"
            logger.bind(command=command).warning(NO_USERS)
        app.dispatcher.warm()
    except BaseException:
        await app.close()
        raise
    end_on_signals(app)
    gc.freeze()
    gc.enable()
    async with mirrored(app, settings, surroundings.clock, ways.sock):
        await app.begun_to_end()
        if app.exit_code == 0:
            # Whoever balances the load reads of the end in /api/health, and sends no more.
            await asyncio.sleep(settings.api.leave_seconds)
        await run_to_end(app, settings.drain_seconds, at_end)
    return app.exit_code


async def _open(app: Application, surroundings: Surroundings, directory: Path, key: _Key) -> None:
    if surroundings.place is None and not has_data(directory):
        # Nobody could sign in: the first owner is made at the desk.
        raise ExitRequestedError(
            EX_USAGE, f"there is no database in {directory}: `serve` or `seed` makes one"
        )
    await app.boot()
    if app.ready().locked:
        await _unlock(app, key)


async def _unlock(app: Application, key: _Key) -> None:
    try:
        await app.open_store(key.read())
    except WrongKeyError:
        raise ExitRequestedError(EX_WRONG_KEY, "the key does not open the database") from None
    except SchemaTooNewError as error:
        raise ExitRequestedError(EX_SCHEMA, error.message) from None
    except (StorageFailedError, OSError, RpcError) as error:
        raise ExitRequestedError(EX_STORAGE, f"the database cannot be opened: {error}") from None
