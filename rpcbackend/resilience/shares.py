"""Limiters that several processes have a part of each: what one lets pass the others hear of.

Each admits at once, by what it knows; what it admitted it tells soon, and is charged for what the
others tell. So in the long run a key has its rate whatever the number of processes, and at most a
burst in each before they have heard of each other (docs/adr/0060-what-processes-share.md). Knows no
clock and no wire.
"""

from collections import Counter
from collections.abc import Callable, Iterator

from rpcbackend.resilience.gcra import Gcra

SOON_SHARE = 4
"""A key that took this part of a burst is told of at once, not when the others are told anyway."""

KEYS_AT_A_TIME = 100
"""In one message: a notification has 8,000 bytes at most, and a key 72."""

Told = dict[str, dict[str, int]]
"""By the name of the limiter and the key: how many were admitted."""


class SharedGcra:
    """A limiter of one process, which counts what the others admitted too.

    Args:
        rate_per_second: Events admitted in the long run, by all processes together.
        burst: Events admitted at once after a rest, by each.
        hurry: Called when the others should be told soon.
    """

    def __init__(self, rate_per_second: float, burst: int, hurry: Callable[[], None]) -> None:
        self._gcra = Gcra(rate_per_second, burst)
        self._soon, self._hurry = max(1, burst // SOON_SHARE), hurry
        self.untold: Counter[str] | None = None
        """What the others have not heard of; None while there can be no others."""

    def take(self, key: str, now: float, *, is_shared: bool = True) -> float:
        """Admit one event of *key* now, or say how long to wait; see `Gcra.take`.

        Args:
            key: Who asks.
            now: Monotonic clock, in seconds.
            is_shared: Whether the key means the same in every process.
        """
        wait = self._gcra.take(key, now)
        if wait == 0 and is_shared and self.untold is not None:
            self.untold[key] += 1
            if self.untold[key] == self._soon:
                self._hurry()
        return wait

    def wait(self, key: str, now: float) -> float:
        """Say how long *key* would have to wait now, in seconds, and take nothing."""
        return self._gcra.wait(key, now)

    def charge(self, key: str, count: int, now: float) -> None:
        """Count what another process admitted."""
        self._gcra.charge(key, count, now)


class Rates:
    """The limiters of one process, by name."""

    def __init__(self) -> None:
        self._limiters: dict[str, SharedGcra] = {}
        self._is_shared = False
        self.on_hurry: Callable[[], None] = lambda: None
        """Called when the others should be told soon."""

    def limiter(self, name: str, rate_per_second: float, burst: int) -> SharedGcra:
        """Make a limiter that has this name in every process."""
        limiter = SharedGcra(rate_per_second, burst, self._hurry)
        self._limiters[name] = limiter
        self._note(limiter)
        return limiter

    def share(self, *, is_shared: bool) -> None:
        """Remember what passes for the others from now on, or nothing where there are none."""
        self._is_shared = is_shared
        for limiter in self._limiters.values():
            self._note(limiter)

    def _hurry(self) -> None:
        self.on_hurry()

    def _note(self, limiter: SharedGcra) -> None:
        limiter.untold = Counter() if self._is_shared else None

    def take_told(self) -> Iterator[Told]:
        """Return what passed since the others were told last, in messages of moderate size."""
        for name, limiter in self._limiters.items():
            if limiter.untold:
                untold, limiter.untold = list(limiter.untold.items()), Counter()
                for start in range(0, len(untold), KEYS_AT_A_TIME):
                    yield {name: dict(untold[start : start + KEYS_AT_A_TIME])}

    def hear(self, told: Told, now: float) -> None:
        """Count what another process admitted; limiters that this one has not are not its affair.

        Args:
            told: As of its `take_told`.
            now: Monotonic clock, in seconds.
        """
        for name, counts in told.items():
            limiter = self._limiters.get(name)
            if limiter is not None:
                for key, count in counts.items():
                    limiter.charge(key, count, now)
