"""How long to wait before the next try."""

from collections.abc import Callable
from typing import Literal

Strategy = Literal["constant", "linear", "exponential", "decorrelated"]

# The bound of the longest has long been reached; 2 ** 1_024 would be no float any more.
_ENOUGH = 100


class Backoff:
    """Waits that grow with the failures in a row, none longer than the longest.

    - `constant`: always the first.
    - `linear`: the first, twice the first, three times the first.
    - `exponential`: drawn evenly between nothing and a bound that doubles, "full jitter": those
      who failed together come back apart.
    - `decorrelated`: drawn evenly between the first and three times the one before.

    Both that are drawn are from Brooker, "Exponential backoff and jitter", AWS Architecture Blog,
    2015.

    Args:
        first_seconds: The bound after the first failure; what is decorrelated starts from it.
        most_seconds: No bound is greater.
        random: Gives numbers from 0 up to, and without, 1.
        strategy: One of the four.
    """

    def __init__(
        self,
        first_seconds: float,
        most_seconds: float,
        random: Callable[[], float],
        strategy: Strategy = "exponential",
    ) -> None:
        if not 0 < first_seconds <= most_seconds:
            raise ValueError("The first wait is above 0 and no longer than the longest.")
        self._first, self._most = first_seconds, most_seconds
        self._random, self._strategy = random, strategy

    def bound(self, failures: int) -> float:
        """Return the longest wait after so many failures in a row, at least one."""
        match self._strategy:
            case "constant":
                return self._first
            case "linear":
                return min(self._most, self._first * failures)
            case "exponential":
                return min(self._most, self._first * 2.0 ** min(failures - 1, _ENOUGH))
            case "decorrelated":
                return min(self._most, self._first * 3.0 ** min(failures, _ENOUGH))

    def wait(self, failures: int) -> float:
        """Draw the wait after so many failures in a row, at least one; in seconds."""
        match self._strategy:
            case "constant" | "linear":
                return self.bound(failures)
            case "exponential":
                return self._random() * self.bound(failures)
            case "decorrelated":
                return self._walk(failures)

    def _walk(self, failures: int) -> float:
        # All waits before this one are drawn again, so that nobody has to remember any: a message
        # of the outbox knows no more than how often it failed.
        wait = self._first
        for _ in range(min(failures, _ENOUGH)):
            wait = min(self._most, self._first + self._random() * (3 * wait - self._first))
        return wait
