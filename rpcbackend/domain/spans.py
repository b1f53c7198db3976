"""Half-open spans of time: do they meet, and where is there room for another one."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from rpcbackend.errors import LimitExceededError


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """From *start* up to but not including *end*; the end is later than the start."""

    start: datetime
    end: datetime

    @property
    def length(self) -> timedelta:
        """How long it lasts."""
        return self.end - self.start


def check_span(start: datetime, end: datetime, *, max_days: int | None = None) -> None:
    """Check a span that somebody asks for.

    Raises:
        LimitExceededError: It runs backwards, or for more than *max_days*.
    """
    longest = timedelta.max if max_days is None else timedelta(days=max_days)
    if timedelta(0) < end - start <= longest:
        return
    if max_days is None:
        raise LimitExceededError("Ask from an earlier to a later instant.", details={"field": "to"})
    raise LimitExceededError(
        f"Ask from an earlier to a later instant, at most {max_days} days on.",
        details={"field": "to", "maxDays": max_days},
    )


def overlap(one: Span, other: Span) -> bool:
    """Tell whether two spans share time; touching ones do not.

    The relation "meets" of Allen, "Maintaining knowledge about temporal intervals", 1983.
    """
    return one.start < other.end and other.start < one.end


def nearest_free(wanted: Span, busy: Iterable[Span], within: Span) -> list[Span]:
    """Return the nearest free spans of the wanted length, earlier one first.

    Args:
        wanted: What was asked for.
        busy: What is in the way, in any order; may overlap.
        within: Neither answer leaves this.

    Returns:
        At most two: the nearest that starts before the wanted start and the nearest after it. One
        at the wanted start itself would be no alternative, so none is given when it is free.
    """
    starts = [start for gap in gaps(busy, within) for start in _starts(gap, wanted)]
    before = max((start for start in starts if start < wanted.start), default=None)
    after = min((start for start in starts if start > wanted.start), default=None)
    return [Span(start, start + wanted.length) for start in (before, after) if start is not None]


def _starts(gap: Span, wanted: Span) -> list[datetime]:
    """Where in *gap* a span could begin, as near to the wanted start as the gap allows."""
    last = gap.end - wanted.length
    if last < gap.start:
        return []
    return [min(max(wanted.start, gap.start), last)]


@dataclass(frozen=True, slots=True)
class Grid:
    """The starts at which something of one length may begin, in order.

    A set of them is an integer, with the bit `1 << n` for the n-th: to join and to cut sets of many
    thousand starts takes microseconds.
    """

    starts: Sequence[datetime]
    length: timedelta

    def free(self, busy: Iterable[Span]) -> int:
        """Return the set of the starts at which nothing is in the way."""
        if not self.starts:
            return 0
        found = 0
        for gap in gaps(busy, Span(self.starts[0], self.starts[-1] + self.length)):
            first = bisect_left(self.starts, gap.start)
            end = bisect_right(self.starts, gap.end - self.length)
            if first < end:
                found |= (1 << end) - (1 << first)
        return found

    def indexes(self, found: int) -> Iterator[int]:
        """Go through a set in order."""
        while found:
            lowest = found & -found
            yield lowest.bit_length() - 1
            found ^= lowest


def gaps(busy: Iterable[Span], within: Span) -> list[Span]:
    """Return what *busy*, in any order and perhaps overlapping, leaves free of *within*."""
    found = []
    free_from = within.start
    for span in sorted(busy):
        if span.start > free_from:
            found.append(Span(free_from, min(span.start, within.end)))
        free_from = max(free_from, span.end)
    if free_from < within.end:
        found.append(Span(free_from, within.end))
    return [gap for gap in found if gap.start < gap.end]
