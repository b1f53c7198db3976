"""How long a message waits for its next try, and whoever cannot be reached to be asked again."""

from collections.abc import Callable

from rpcbackend.resilience.backoff import Backoff
from rpcbackend.store.outbox import FIRST_WAIT_SECONDS, LONGEST_WAIT_SECONDS

FIRST_SECONDS, LONGEST_SECONDS = 15.0, 300.0
"""Bounds of the time until somebody is asked again who does not say when himself."""

MOST_SECONDS = 600.0
"""Who does is asked by then at the latest: no breaker is open for longer at a time."""


class Waits:
    """Draws both.

    Args:
        random: Gives numbers from 0 up to, and without, 1.
    """

    def __init__(self, random: Callable[[], float]) -> None:
        self._tries = Backoff(FIRST_WAIT_SECONDS, LONGEST_WAIT_SECONDS, random)
        self._asks = Backoff(FIRST_SECONDS, LONGEST_SECONDS, random)

    def to_try(self, tries: int, asked: float | None = None) -> float:
        """Return the seconds until a message is tried again.

        Drawn evenly from the upper half ("equal jitter"), so that there is an end before which no
        message is given up.

        Args:
            tries: How often it was tried, at least once.
            asked: What the receiver asked for, if he did.
        """
        wait = (self._tries.bound(tries) + self._tries.wait(tries)) / 2
        # Not only what was asked for: who always says "in a second" would use up all tries in
        # seconds. Who was cut off at the end is tried at once.
        return 0.0 if asked == 0.0 else max(asked or 0.0, wait)

    def to_ask(self, asks: int) -> float:
        """Return the seconds until somebody is asked again who could not be reached.

        Args:
            asks: How often he was asked, at least once.
        """
        return FIRST_SECONDS + self._asks.wait(asks)
