"""What waits until a test lets it go on: a database thread, a restore; threads that are left."""

import asyncio
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from rpcbackend.app import Application
from rpcbackend.store import Command, Origin, Work

SECONDS = 30.0
"""No gate stays shut longer, whatever a test forgets."""


class Gate:
    """Keep a database thread busy, so that what comes next has to queue."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._entered = asyncio.Event()
        self._opened = threading.Event()

    async def hold(self, work: Work) -> None:  # noqa: ARG002 (a unit of work)
        """Wait on the thread; a unit of work, or the beginning of one."""
        self.wait()

    def wait(self) -> None:
        """Wait on the thread."""
        self._loop.call_soon_threadsafe(self._entered.set)
        if not self._opened.wait(SECONDS):
            raise TimeoutError("nobody opened the gate")

    async def entered(self) -> None:
        """Wait until a unit stands in the gate."""
        async with asyncio.timeout(SECONDS):
            await self._entered.wait()

    def open(self) -> None:
        """Let the unit go on."""
        self._opened.set()


@asynccontextmanager
async def restore_under_way(app: Application) -> AsyncIterator[None]:
    """Be within a restore whose backup is staged, and let it go on in the end."""
    backup = await app.store.backup("manual")
    is_staged, may_go_on = asyncio.Event(), asyncio.Event()

    async def seal() -> None:
        is_staged.set()
        await may_go_on.wait()

    command = Command(channel="backups.restore")
    origin = Origin(path=backup.path, actor="tests", command=command, seal=seal)
    restoring = asyncio.ensure_future(app.restore(origin, lambda *_: None, database_key=None))
    async with asyncio.timeout(SECONDS):
        await is_staged.wait()
    try:
        yield
    finally:
        may_go_on.set()
        async with asyncio.timeout(SECONDS):
            await restoring


def threads_after(before: set[threading.Thread]) -> set[threading.Thread]:
    """Return the threads that were started since and do not end."""
    started = set(threading.enumerate()) - before
    for thread in started:
        thread.join(SECONDS)
    return {thread for thread in started if thread.is_alive()}
