"""Change the key of a database: all of it or nothing, whatever happens meanwhile.

SQLCipher writes every page anew in one transaction of the write-ahead log, so a crash finds either
all of the pages old or all of them new. It promises that to a lone connection only.
"""

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rpcbackend.errors import DiskFullError, OverloadedError
from rpcbackend.store.driver import (
    Error,
    Opener,
    StorageFailedError,
    Thread,
    WrongKeyError,
    fold_log,
    is_full,
    is_poison,
    take_up_all,
)
from rpcbackend.store.resealing import forget_others, seal_for
from rpcbackend.store.transaction import Report

STEPS = 3

ROOM_BYTES = 16 * 1024 * 1024
"""Free space that is left to others beside the copy in the log."""


class KeyStaysError(Exception):
    """The key could not be changed; the old one stays."""


async def change_key(connections: Sequence[Thread], key: bytes, report: Report) -> None:
    """Encrypt everything anew.

    However it ends, the connections are open again, with the key that counts now.

    Args:
        connections: All there are, the writer first; nobody may use them meanwhile.
        key: The new one.
        report: Told of each step.

    Raises:
        OverloadedError: Another program is in the database.
        DiskFullError: There is no room for a second copy of it; with the outcome `committed` the
            key is changed, and the log could not be folded in.
        KeyStaysError: Something else was in the way.
        StorageFailedError: No key opens the database any more, or it is damaged.
        Error: The storage failed, or the disk filled up meanwhile.
    """
    writer, *readers = connections
    for reader in readers:
        await reader.put_down()
    try:
        await _change_alone(writer, key, report)
    finally:
        await take_up_all(readers, writer.opener.key)


def encrypt(connection: Any, key: bytes) -> None:
    """Encrypt every page anew; what the connection answers proves nothing."""
    connection.execute(f"PRAGMA rekey = \"x'{key.hex()}'\"").fetchall()


async def _change_alone(writer: Thread, key: bytes, report: Report) -> None:
    # No `partial`: the key would be in its repr, and so in somebody's log.
    def encrypt_and_fold(connection: Any) -> None:
        seal_for(connection, old.key, key)
        encrypt(connection, key)
        fold_log(connection)

    old, new = writer.opener, writer.opener.with_key(key)
    failure: Exception = KeyStaysError()
    try:
        _need_room(old.path)
        report(0, STEPS, "folding the log in")
        await writer.run(_fold_log_alone)
        report(1, STEPS, "encrypting")
        await writer.run(encrypt_and_fold)
    except Exception as error:  # noqa: BLE001 (told below, when it is known which key counts)
        failure = error
    # What the connection said proves nothing: it answers ok when its commit has failed, and what it
    # wrote next would be in the new key amid pages in the old one.
    report(2, STEPS, "checking")
    counts = await _reopen(writer, new, old)
    if counts is old or is_poison(failure):
        raise failure

    def finish(connection: Any) -> None:
        forget_others(connection, key)
        _finish(connection)

    try:
        await writer.run(finish)
    except Error as error:
        if is_full(error):
            raise DiskFullError(outcome="committed") from error
        raise


async def _reopen(writer: Thread, *openers: Opener) -> Opener:
    """Open the database with the first key that fits."""
    await writer.put_down()
    for opener in openers:
        try:
            await writer.take_up(opener)
        except WrongKeyError:
            continue
        except Error as error:
            raise StorageFailedError("the database cannot be opened again") from error
        return opener
    raise StorageFailedError("neither key opens the database")


def _need_room(path: Path | None) -> None:
    if path and shutil.disk_usage(path.parent).free < path.stat().st_size + ROOM_BYTES:
        raise DiskFullError


def _fold_log_alone(connection: Any) -> None:
    if not fold_log(connection):
        raise OverloadedError("Another program uses the database.", retry_after_ms=1_000)


def _finish(connection: Any) -> None:
    # The old pages are gone only now, and the check does not look into the log.
    fold_log(connection)
    if connection.execute("PRAGMA cipher_integrity_check").fetchone() is not None:
        raise StorageFailedError("the database is damaged")
