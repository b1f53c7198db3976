"""A process of its own that books the same lessons as three others, at the same time."""

import asyncio
from multiprocessing.synchronize import Barrier
from pathlib import Path
from typing import Any

from rpcbackend.surroundings import Surroundings
from rpcbackend.testing import CallFailedError, Client, FrozenClock, running_app

SECONDS = 60.0
"""No process waits longer for the others."""


def book_all(
    directory: Path, number: int, bookings: list[dict[str, Any]], barrier: Barrier, ends: Any
) -> None:
    """Book every lesson and tell the numbers of those that came about, and how others ended.

    Args:
        directory: The store that all processes share.
        number: Of this process.
        bookings: Params of lessons.book.
        barrier: Where all meet before each booking.
        ends: A queue that gets this process's number and its bookings by their outcome.
    """
    ends.put((number, asyncio.run(_book_all(directory, bookings, barrier))))


async def _book_all(
    directory: Path, bookings: list[dict[str, Any]], barrier: Barrier
) -> dict[str, list[int]]:
    ends: dict[str, list[int]] = {}
    async with running_app(directory, Surroundings(clock=FrozenClock())) as app:
        client = Client(app)
        await client.call("system.health")
        for number, booking in enumerate(bookings):
            barrier.wait(SECONDS)
            try:
                await client.call("lessons.book", **booking)
            except CallFailedError as failed:
                ends.setdefault(failed.symbol, []).append(number)
            else:
                ends.setdefault("booked", []).append(number)
    return ends
