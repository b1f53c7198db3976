"""How many wrong passwords a peer, and all who give any, may give before nobody looks at more."""

import math

from rpcbackend.clock import Clock
from rpcbackend.errors import RateLimitedError
from rpcbackend.resilience.gcra import Gcra

PEER_MISSES, PEER_SECONDS = 20, 600
ALL_MISSES, ALL_SECONDS = 100, 60
"""Beside the wait of each account: against one password tried on many accounts, by many peers."""


class Guesses:
    """Counts the misses of this process; whoever makes none never waits.

    Args:
        clock: Tells when they were.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._of_peers = Gcra(PEER_MISSES / PEER_SECONDS, PEER_MISSES)
        self._of_all = Gcra(ALL_MISSES / ALL_SECONDS, ALL_MISSES)

    def check(self, peer: str) -> None:
        """Check that a password of *peer* is looked at now.

        Raises:
            RateLimitedError: It is not; says when it will be.
        """
        now = self._clock.monotonic()
        wait = self._of_peers.wait(peer, now)
        if self._of_peers.is_busy(peer, now):
            # What others missed must not keep out who missed nothing.
            wait = max(wait, self._of_all.wait("", now))
        if wait > 0:
            raise RateLimitedError(retry_after_ms=math.ceil(wait * 1_000))

    def miss(self, peer: str) -> None:
        """Note that a password of *peer* did not fit."""
        now = self._clock.monotonic()
        self._of_peers.take(peer, now)
        self._of_all.take("", now)
