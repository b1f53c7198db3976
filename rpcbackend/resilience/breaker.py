"""A circuit breaker: what fails is left alone for a while, and then asked by one call."""

from collections import deque
from dataclasses import dataclass
from typing import Final, Literal, NamedTuple

State = Literal["closed", "half_open", "open"]

_SPANS: Final = 10
"""A window is cut into so many, and moves on by one of them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BreakerLimits:
    """When a breaker opens, and for how long."""

    failures: int = 5
    """So many in a row open it."""
    share: float = 0.5
    """So large a share of the calls in the window too, if there were enough of them."""
    calls: int = 20
    window_seconds: float = 30.0
    open_seconds: float = 30.0
    """At first; doubled by each probe that fails."""
    longest_seconds: float = 600.0


class Ticket(NamedTuple):
    """The right to one call; what it came to is told under it."""

    period: int


class Breaker:
    """Admits calls while they go well.

    Closed, it admits all. Open, it admits none. Half-open, once its time is over, it admits one,
    the probe: if that goes well it closes, else it opens for twice as long (Nygard, "Release It!",
    2nd edition, 5.2). What a call comes to that was admitted before the state changed says nothing
    of the present, and counts for nothing.

    Whoever calls it brings the time: the monotonic clock, in seconds, which never goes back.
    """

    def __init__(self, limits: BreakerLimits | None = None) -> None:
        self._limits = limits or BreakerLimits()
        self._in_a_row = 0
        self._spans: deque[list[int]] = deque()
        """Of the window: which, calls, failures."""
        self._openings = 0
        self._opened_until = 0.0
        self._period = 0
        self._is_probed = False

    def state(self, now: float) -> State:
        """Return how it stands."""
        if not self._openings:
            return "closed"
        return "open" if now < self._opened_until else "half_open"

    def wait(self, now: float) -> float:
        """Return the seconds until it is half-open; 0 if it is, or closed."""
        return max(0.0, self._opened_until - now) if self._openings else 0.0

    def admit(self, now: float) -> Ticket | None:
        """Return the right to a call now, or None."""
        match self.state(now):
            case "open":
                return None
            case "half_open":
                if self._is_probed:
                    return None
                self._is_probed = True
        return Ticket(self._period)

    def succeed(self, ticket: Ticket, now: float) -> None:
        """Note that a call went well: whoever was called is there."""
        if ticket.period != self._period:
            return
        if self._openings:
            self._close()
        self._in_a_row = 0
        self._count(now, failures=0)

    def fail(self, ticket: Ticket, now: float) -> None:
        """Note that a call failed because of whoever was called."""
        if ticket.period != self._period:
            return
        self._in_a_row += 1
        self._count(now, failures=1)
        if self._openings or self._is_too_bad():
            self._open(now)

    def abandon(self, ticket: Ticket) -> None:
        """Note that a call was given up, which says nothing: if it was the probe another may be."""
        if ticket.period == self._period:
            self._is_probed = False

    def _count(self, now: float, *, failures: int) -> None:
        span = int(now / self._limits.window_seconds * _SPANS)
        if not self._spans or self._spans[-1][0] != span:
            self._spans.append([span, 0, 0])
        while self._spans[0][0] <= span - _SPANS:
            self._spans.popleft()
        self._spans[-1][1] += 1
        self._spans[-1][2] += failures

    def _is_too_bad(self) -> bool:
        calls, failures = (sum(span[part] for span in self._spans) for part in (1, 2))
        return self._in_a_row >= self._limits.failures or (
            calls >= self._limits.calls and failures >= self._limits.share * calls
        )

    def _open(self, now: float) -> None:
        limits = self._limits
        # An exponent of hundreds would be no float any more.
        doubled = limits.open_seconds * 2.0 ** min(self._openings, 100)
        self._opened_until = now + min(limits.longest_seconds, doubled)
        self._openings += 1
        self._begin_period()

    def _close(self) -> None:
        self._openings = 0
        self._begin_period()

    def _begin_period(self) -> None:
        self._period += 1
        self._is_probed = False
        self._in_a_row = 0
        self._spans.clear()
