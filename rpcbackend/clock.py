"""Where the time comes from; nothing else reads a clock."""

import time
from typing import Protocol


class Clock(Protocol):
    """Tells the wall-clock time for records and the elapsed time for limits."""

    def now_ms(self) -> int:
        """Milliseconds since the Unix epoch, UTC."""
        ...

    def monotonic(self) -> float:
        """Seconds since an arbitrary start; never goes backwards."""
        ...


class SystemClock:
    """The clock of this machine."""

    def now_ms(self) -> int:
        """Milliseconds since the Unix epoch, UTC."""
        return time.time_ns() // 1_000_000

    def monotonic(self) -> float:
        """Seconds since an arbitrary start; never goes backwards."""
        return time.monotonic()


JUMP_MS = 24 * 3600 * 1_000
"""A clock that is further ahead than time has passed was set, or the machine slept long."""

HELD_SECONDS = 10 * 60
"""What is set by mistake is set right sooner."""


class SettledClock:
    """The wall clock as far as it can be trusted: what is given up by it cannot be taken back.

    It never goes back, and a jump ahead of more than a day counts once it has held for ten minutes.

    Args:
        clock: What is trusted so far.
        since_ms: The latest time that certainly was; 0 takes the clock's for it.
    """

    def __init__(self, clock: Clock, since_ms: int = 0) -> None:
        self._clock = clock
        self._settled_ms, self._at = since_ms or clock.now_ms(), clock.monotonic()
        self._ahead_since: float | None = None

    def now_ms(self) -> int:
        """Milliseconds since the Unix epoch, UTC, as of the last time that can be trusted.

        To be asked at least every few minutes: a jump is noticed only when it is looked at.
        """
        wall_ms, now = self._clock.now_ms(), self._clock.monotonic()
        expected_ms = self._settled_ms + round((now - self._at) * 1_000)
        if wall_ms > expected_ms + JUMP_MS:
            if self._ahead_since is None:
                self._ahead_since = now
            if now - self._ahead_since < HELD_SECONDS:
                return self._settled_ms
        self._ahead_since = None
        if wall_ms > self._settled_ms:
            self._settled_ms, self._at = wall_ms, now
        return self._settled_ms
