"""Long work on a thread of its own, beside the lanes: it says how far it is and can be stopped."""

import asyncio
import threading
from collections.abc import Callable
from typing import TypeVar

from rpcbackend.store.transaction import Report

T = TypeVar("T")


class StoppedError(Exception):
    """Whoever waited for the work does not want it any more; raised by its next report."""


async def run_beside(work: Callable[[Report], T], report: Report) -> T:
    """Run *work* on a thread and return what it returns.

    A cancelled call stops the work at its next report, and waits until it has tidied up.

    Args:
        work: Called on the thread; what it is given may be called there only.
        report: Told on the loop what the work tells.
    """
    loop = asyncio.get_running_loop()
    is_stopped = threading.Event()

    def tell(done: int, total: int, message: str) -> None:
        if is_stopped.is_set():
            raise StoppedError
        loop.call_soon_threadsafe(report, done, total, message)

    running = loop.run_in_executor(None, work, tell)
    try:
        return await asyncio.shield(running)
    except asyncio.CancelledError:
        is_stopped.set()
        while not running.done():
            try:
                await asyncio.wait([running])
            except asyncio.CancelledError:
                # However often it is cancelled: a thread that still writes must not be left alone.
                continue
        # Looked at, so that nobody is told of an error that nobody waits for.
        running.exception()
        raise
