"""A timer that goes off every few seconds, and sees by how much it was late."""

import asyncio
import time
from collections.abc import Callable
from typing import Final

from rpcbackend.histogram import Histogram

BEAT_SECONDS: Final = 5.0
"""Rare enough that a process at rest is not heard of."""


class Pulse:
    """Calls something every few seconds until it is stopped.

    Args:
        beat: What is called.
        now: Seconds; the loop's own would not see that it is late.
    """

    def __init__(self, beat: Callable[[], None], now: Callable[[], float] = time.monotonic) -> None:
        self._beat, self._now = beat, now
        self.lag = Histogram()
        """By how much each beat was late: what else the loop had to do just then."""
        self._due = 0.0
        self._timer: asyncio.TimerHandle | None = None

    def start(self) -> None:
        """Begin, on the running loop."""
        self._due = self._now() + BEAT_SECONDS
        self._timer = asyncio.get_running_loop().call_later(BEAT_SECONDS, self._go_off)

    def stop(self) -> None:
        """Call no more."""
        if self._timer is not None:
            self._timer.cancel()

    def _go_off(self) -> None:
        self.lag.add(round((self._now() - self._due) * 1_000_000))
        self.start()
        self._beat()
