"""Notice that the process that started us is gone, though somebody keeps our stdin open."""

import asyncio
import os
import sys
from contextlib import suppress

POLL_SECONDS = 2.0
"""Where the system cannot tell, it is asked this often."""


async def until_gone(pid: int) -> None:
    """Return when process *pid* has ended; never when there is none at the beginning.

    On Windows it never returns: there the parent's job object ends its children with it.
    """
    if sys.platform == "win32" or not _exists(pid):
        await asyncio.get_running_loop().create_future()
        return
    handle = _open_handle(pid)
    if handle is not None:
        await _until_readable(handle)
        return
    while _exists(pid):  # noqa: ASYNC110 (another process sets no event)
        await asyncio.sleep(POLL_SECONDS)


def _open_handle(pid: int) -> int | None:
    if sys.platform == "linux":
        # Old kernels and some sandboxes have it not.
        with suppress(OSError):
            return os.pidfd_open(pid)
    return None


async def _until_readable(fd: int) -> None:
    loop = asyncio.get_running_loop()
    readable = asyncio.Event()
    loop.add_reader(fd, readable.set)
    try:
        await readable.wait()
    finally:
        loop.remove_reader(fd)
        os.close(fd)


def _exists(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        # It belongs to somebody else, so it is there.
        return True
    return True
