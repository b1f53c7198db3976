"""How long to wait before the next try."""

from collections.abc import Callable


class Backoff:
    """Waits whose bound doubles from try to try, each drawn evenly between nothing and its bound.

    "Full jitter" (Brooker, "Exponential backoff and jitter", AWS Architecture Blog, 2015): those
    who failed together come back apart.

    Args:
        first_seconds: The bound after the first failure.
        most_seconds: No bound is greater.
        random: Gives numbers from 0 up to, and without, 1.
    """

    def __init__(
        self, first_seconds: float, most_seconds: float, random: Callable[[], float]
    ) -> None:
        if not 0 < first_seconds <= most_seconds:
            raise ValueError("The first wait is above 0 and no longer than the longest.")
        self._first, self._most = first_seconds, most_seconds
        self._random = random

    def bound(self, failures: int) -> float:
        """Return the longest wait after so many failures in a row, at least one."""
        # An exponent of hundreds would be no float any more.
        return min(self._most, self._first * 2.0 ** min(failures - 1, 100))

    def wait(self, failures: int) -> float:
        """Draw the wait after so many failures in a row, at least one; in seconds."""
        return self._random() * self.bound(failures)
