"""A rate limiter that keeps one number for each caller."""

from collections import OrderedDict

# Floats round: whoever waits exactly as told may come this much too early.
_TOLERANCE_SECONDS = 1e-6


class Gcra:
    """Admit events at a steady rate with a bounded burst, for each key by itself.

    The virtual scheduling algorithm of GCRA (ITU-T I.371, annex A): a key has a theoretical arrival
    time, the moment when all that it took is paid for. A key whose time has passed is the same as
    one never seen, so it is forgotten. Each take costs O(1).

    Args:
        rate_per_second: Events admitted in the long run.
        burst: Events admitted at once after a rest, at least 1.
        max_keys: Callers remembered at a time. When all are busy a new one waits for the oldest:
            to forget one instead would lift its limit for whoever invents enough others.
    """

    def __init__(self, rate_per_second: float, burst: int, *, max_keys: int = 10_000) -> None:
        if rate_per_second <= 0 or burst < 1 or max_keys < 1:
            raise ValueError("A limiter needs a rate above 0, a burst and room for a key.")
        self._interval = 1 / rate_per_second
        self._early = (burst - 1) * self._interval
        self._max_keys = max_keys
        self._paid_at: OrderedDict[str, float] = OrderedDict()

    def __len__(self) -> int:
        """Count the keys that are remembered."""
        return len(self._paid_at)

    def wait(self, key: str, now: float) -> float:
        """Say how long *key* would have to wait now, in seconds, and take nothing."""
        wait = self._paid_at.get(key, now) - self._early - now
        return wait if wait > _TOLERANCE_SECONDS else 0.0

    def is_busy(self, key: str, now: float) -> bool:
        """Tell whether *key* took something that is not paid for yet."""
        return self._paid_at.get(key, now) > now

    def take(self, key: str, now: float) -> float:
        """Admit one event of *key* now, or say how long to wait.

        Args:
            key: Who asks.
            now: Monotonic clock, in seconds.

        Returns:
            0.0 when admitted, else the seconds until it would be; a refusal changes nothing.
        """
        paid = self._paid_at
        self._forget(now)
        paid_at = paid.get(key)
        if paid_at is None:
            if len(paid) >= self._max_keys:
                return next(iter(paid.values())) - now + _TOLERANCE_SECONDS
            paid_at = now
        wait = paid_at - self._early - now
        if wait > _TOLERANCE_SECONDS:
            return wait
        paid[key] = (max(now, paid_at)) + self._interval
        paid.move_to_end(key)
        return 0.0

    def charge(self, key: str, count: int, now: float) -> None:
        """Count events of *key* that somebody else has admitted: they are to be paid for as well.

        Where there is no room for a new key it is not counted.
        """
        self._forget(now)
        if key in self._paid_at or len(self._paid_at) < self._max_keys:
            paid_at = max(now, self._paid_at.get(key, now))
            self._paid_at[key] = paid_at + count * self._interval
            self._paid_at.move_to_end(key)

    def _forget(self, now: float) -> None:
        # The longest unused stand first; two at a time, so the idle ones shrink faster than grow.
        for _ in range(2):
            longest_unused = next(iter(self._paid_at), None)
            if longest_unused is None or self._paid_at[longest_unused] > now:
                break
            del self._paid_at[longest_unused]
