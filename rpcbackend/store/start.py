"""What is looked at before a database is opened that was not closed cleanly."""

import asyncio
from pathlib import Path

from rpcbackend.store import driver
from rpcbackend.store.files import size_of

MIB = 1024 * 1024

PLAIN_BYTES, ENCRYPTED_BYTES = 256 * MIB, 64 * MIB
"""A database up to this size is looked through before it serves; a larger one meanwhile.

Both take some 0.6 s (570 and 105 MB/s), and a start after a kill may take 1.5 s in all.
"""


def is_large(path: Path, key: bytes | None) -> bool:
    """Tell whether looking through the database takes longer than a start may."""
    return size_of(path) > (PLAIN_BYTES if key is None else ENCRYPTED_BYTES)


async def look_over(path: Path, key: bytes | None) -> None:
    """Look through a database whose log was left: whatever ended its process may have hurt it.

    On a connection that can change nothing. The pages of an encrypted database prove themselves;
    of a plain one only their order is seen. Cost: 1 s for 570 MB, for 105 MB of an encrypted one.

    Raises:
        DamagedError: It is not as it was written.
        WrongKeyError: The key does not open it.
    """
    if driver.has_log(path) and not is_large(path, key):
        await asyncio.to_thread(_look_over, path, key)


def _look_over(path: Path, key: bytes | None) -> None:
    try:
        connection = driver.open_still(path, key)
        try:
            said = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
        finally:
            connection.close()
    except driver.WrongKeyError:
        raise
    except Exception as error:
        if driver.is_damage(error):
            raise driver.DamagedError("the database is damaged") from error
        raise driver.StorageFailedError(str(error)) from error
    if said != "ok":
        raise driver.DamagedError("the database is damaged")
