"""How well the school was served over the last hour, day and month, across restarts.

What passes is added up in spans of five minutes, for the hour and the day, and of an hour, for the
month. They are kept in the store, a row each, written now and then and at the end: never within a
call, and with no event and no row of the audit.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from rpcbackend.histogram import Histogram
from rpcbackend.schema.system import ServiceWindow
from rpcbackend.store import Measured, Run

MINUTE, HOUR, DAY = 60, 3_600, 86_400

P99_MS: Final = 100
FAILED_SHARE: Final = 0.001
UP_SHARE: Final = 0.999
"""What the design promises: 99 % of the calls within 100 ms, one in a thousand failed, 43 minutes
of a month lost."""

MAX_DOWN_SECONDS = HOUR
"""A process that died and was not there again within an hour was wanted by nobody."""


@dataclass(slots=True)
class Series:
    """Spans of equal length, as far back as they are wanted."""

    span_seconds: int
    keep: int
    """How many: by number and not by age, so that a clock that is wrong for a while takes none."""
    spans: dict[int, Measured] = field(default_factory=dict)
    """By when they began, in Unix seconds."""
    untold: dict[int, Measured] = field(default_factory=dict)
    """What of them the store does not know yet."""
    _sums: dict[int, tuple[int, Measured]] = field(default_factory=dict)

    def add(self, now: int, measured: Measured) -> None:
        """Count what happened just now."""
        began_at = self._span_of(now)
        if any(since > began_at for since, _ in self._sums.values()):
            # The clock was set back.
            self._sums.clear()
        self.spans.setdefault(began_at, Measured()).add(measured)
        self.untold.setdefault(began_at, Measured()).add(measured)

    def learn(self, stored: dict[int, Measured]) -> None:
        """Know what the store knows, and what it was not told yet."""
        self.spans = {began_at: measured.copy() for began_at, measured in stored.items()}
        for began_at, measured in self.untold.items():
            self.spans.setdefault(began_at, Measured()).add(measured)
        self._sums.clear()

    def over(self, now: int, seconds: int) -> Measured:
        """Return what happened within the last *seconds*, and up to a span more.

        What is over is added up once a span: a month takes 2 ms.
        """
        current = self._span_of(now)
        since, past = self._sums.get(seconds, (None, Measured()))
        if since != current:
            past = Measured()
            for began_at, measured in self.spans.items():
                if current - seconds <= began_at < current:
                    past.add(measured)
            self._sums[seconds] = (current, past)
        total = Measured()
        total.add(past)
        total.add(self.spans.get(current, Measured()))
        return total

    def take_untold(self) -> dict[int, Measured]:
        """Return what the store does not know; from now on it is told of that."""
        untold, self.untold = self.untold, {}
        return dict(sorted(untold.items()))

    def copy_spans(self) -> dict[int, Measured]:
        """Return all of them as they are now."""
        return {began_at: measured.copy() for began_at, measured in self.spans.items()}

    def give_back(self, untold: dict[int, Measured]) -> None:
        """Remember what the store could not be told."""
        for began_at, measured in untold.items():
            self.untold.setdefault(began_at, Measured()).add(measured)

    def forget(self, now: int) -> None:
        """Give up all but those that are kept: those just before *now*, then those after it."""
        nearest = sorted(self.spans, key=lambda began_at: (began_at > now, abs(began_at - now)))
        for began_at in nearest[self.keep :]:
            del self.spans[began_at]
            self.untold.pop(began_at, None)

    def _span_of(self, now: int) -> int:
        return now - now % self.span_seconds


class ServiceRecord:
    """Adds up what passes, and tells how it was."""

    def __init__(self) -> None:
        self.short = Series(5 * MINUTE, 25 * 12)
        self.long = Series(HOUR, 30 * 24 + 1)
        self._calls: list[int] = Histogram().counts
        self._failed = 0

    @property
    def series(self) -> tuple[Series, Series]:
        """Both ways in which it is added up."""
        return self.short, self.long

    def note(self, now: int, *, up_ms: int, work: Histogram, failed: int) -> bool:
        """Note how far it is by now, and tell whether there were any calls.

        Args:
            now: Unix seconds.
            up_ms: How long the process was there since it noted last.
            work: All calls of this process.
            failed: How many of them failed.
        """
        counts, before = work.counts, self._calls
        times = {
            bucket: count - before[bucket]
            for bucket, count in enumerate(counts)
            if count != before[bucket]
        }
        measured = Measured(up_ms=up_ms, failed=failed - self._failed, times=times)
        self._calls, self._failed = counts.copy(), failed
        self._add(now, measured)
        return bool(times)

    def note_absence(self, now: int, last: Run | None, alive_at: int) -> None:
        """Note for how long no process was there, if the last one ended without a word.

        Where there are several, the last that came may have ended before another one died.

        Args:
            now: When this one was there, in Unix seconds.
            last: The one before.
            alive_at: When it certainly was there, to the minute.
        """
        if last is not None and (last.ended_at is None or last.ended_at < alive_at):
            gap = now - max(last.began_at, alive_at)
            if 0 < gap <= MAX_DOWN_SECONDS:
                self._add(now, Measured(down_ms=gap * 1_000))

    def _add(self, now: int, measured: Measured) -> None:
        for series in self.series:
            series.add(now, measured)

    def windows(self, now: int) -> Iterator[ServiceWindow]:
        """Tell how it was over the last hour, day and 30 days."""
        yield _judge(HOUR, self.short.over(now, HOUR))
        yield _judge(DAY, self.short.over(now, DAY))
        yield _judge(30 * DAY, self.long.over(now, 30 * DAY))


def _judge(seconds: int, measured: Measured) -> ServiceWindow:
    times = Histogram.of(measured.times.items())
    calls, p99_us = times.count, times.quantile(0.99)
    there_ms = measured.up_ms + measured.down_ms
    failed_share = measured.failed / calls if calls else None
    up_share = measured.up_ms / there_ms if there_ms else None
    return ServiceWindow(
        seconds=seconds,
        calls=calls,
        p99_ms=None if p99_us is None else p99_us / 1_000,
        failed_share=failed_share,
        up_share=up_share,
        is_met=(p99_us or 0) < P99_MS * 1_000
        and (failed_share or 0) < FAILED_SHARE
        and (up_share is None or up_share >= UP_SHARE),
    )
