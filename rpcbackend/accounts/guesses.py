"""How many wrong passwords a source, and all that give any, may give before none is looked at.

Beside the wait of each account: against one password tried on many accounts, by many sources. The
counters are rows, looked at and changed under the school's lock: however many processes serve it,
so many guesses are answered and no more (docs/adr/0060-what-processes-share.md).
"""

from dataclasses import dataclass

from rpcbackend.errors import RateLimitedError
from rpcbackend.store import Work


@dataclass(frozen=True, slots=True)
class Bound:
    """So many misses at once, and as many again in that time."""

    misses: int
    span_ms: int

    @property
    def interval_ms(self) -> int:
        """How long one miss takes to be paid for."""
        return self.span_ms // self.misses

    def wait_ms(self, paid_at_ms: int, now_ms: int) -> int:
        """Return how long the next try has to wait; no clock that was wrong makes it longer."""
        ahead = min(paid_at_ms - now_ms, self.span_ms)
        return max(0, ahead - (self.misses - 1) * self.interval_ms)


OF_SOURCE = Bound(20, 600_000)
OF_ALL = Bound(100, 60_000)

_ALL = ""
"""The counter of all together: no source has this name."""


async def require_guess(work: Work, source: str, now_ms: int) -> None:
    """Check that a password from this source is looked at now.

    Raises:
        RateLimitedError: It is not; says when it will be.
    """
    paid_at_ms = await work.guesses.paid_at_ms(source)
    wait_ms = OF_SOURCE.wait_ms(paid_at_ms, now_ms)
    if paid_at_ms > now_ms:
        # What others missed must not keep out who missed nothing.
        wait_ms = max(wait_ms, OF_ALL.wait_ms(await work.guesses.paid_at_ms(_ALL), now_ms))
    if wait_ms > 0:
        raise RateLimitedError(retry_after_ms=wait_ms)


async def note_guess(work: Work, source: str, now_ms: int) -> None:
    """Note that a password from this source did not fit."""
    await work.guesses.forget(now_ms)
    for bound, counter in ((OF_SOURCE, source), (OF_ALL, _ALL)):
        paid_at_ms = await work.guesses.paid_at_ms(counter)
        # Who has to wait anyway does not wait longer for what was not looked at.
        if bound.wait_ms(paid_at_ms, now_ms) == 0:
            await work.guesses.put(counter, max(now_ms, paid_at_ms) + bound.interval_ms)
