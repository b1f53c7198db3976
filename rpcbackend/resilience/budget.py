"""How much may be tried again, so that what is down is not held down by retries."""

from typing import Final

SHARE: Final = 0.1
RESERVE: Final = 10.0


class RetryBudget:
    """Lets retries be no more than a share of the calls, and a few more after a rest.

    As in Finagle (Twitter, `RetryBudget`): each call pays a share in, each retry takes one out.

    Args:
        share: Retries for each call.
        reserve: How many may be saved up; there are as many at first.
    """

    def __init__(self, share: float = SHARE, reserve: float = RESERVE) -> None:
        self._share, self._reserve = share, reserve
        self._balance = reserve

    def earn(self) -> None:
        """Count a call."""
        self._balance = min(self._reserve, self._balance + self._share)

    def spend(self) -> bool:
        """Take a retry, and tell whether there was one."""
        # Ten times a tenth is a little less than one.
        if self._balance < 1 - 1e-9:
            return False
        self._balance = max(0.0, self._balance - 1)
        return True
