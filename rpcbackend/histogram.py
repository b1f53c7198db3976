"""How long things take: counts in fixed buckets that merge, and quantiles with a known error.

Buckets are log-linear, as in HdrHistogram: 16 to every doubling, so none is wider than a sixteenth
of its lower bound. Those of two processes, or of two days, add up number by number.
"""

import math
from collections.abc import Iterable
from itertools import accumulate
from typing import Final

SUB_BITS: Final = 4
"""16 buckets to a doubling: a quantile, in the middle of its bucket, errs by 3.2 % at most."""

_LINEAR: Final = 2 << SUB_BITS
_TOP_BITS: Final = 27
LAST: Final = ((_TOP_BITS - SUB_BITS - 1) << SUB_BITS) + _LINEAR - 1
"""The last bucket also takes all that is longer: 134 s are more than a call may take."""


def bucket_of(microseconds: int) -> int:
    """Return the number of the bucket that a duration falls into; 0.1 µs."""
    if microseconds < _LINEAR:
        return microseconds if microseconds > 0 else 0  # noqa: FURB136 (a call of max costs as much as all the rest)
    shift = microseconds.bit_length() - SUB_BITS - 1
    bucket = (shift << SUB_BITS) + (microseconds >> shift)
    return bucket if bucket < LAST else LAST  # noqa: FURB136 (as above)


def lowest_of(bucket: int) -> int:
    """Return the shortest duration, in microseconds, that falls into a bucket."""
    shift = max((bucket >> SUB_BITS) - 1, 0)
    return (bucket - (shift << SUB_BITS)) << shift


class Histogram:
    """Durations in microseconds, counted by bucket.

    Args:
        counts: How many fell into each; LAST + 1 numbers, which then are its own.
    """

    __slots__ = ("counts",)

    def __init__(self, counts: list[int] | None = None) -> None:
        self.counts = counts or [0] * (LAST + 1)

    def add(self, microseconds: int) -> None:
        """Count one duration."""
        self.counts[bucket_of(microseconds)] += 1

    @property
    def count(self) -> int:
        """How many durations there are."""
        return sum(self.counts)

    @property
    def total(self) -> float:
        """All of them together, in microseconds; 3.2 % off at most."""
        return sum(_middle_of(bucket) * count for bucket, count in self.sparse())

    def copy(self) -> "Histogram":
        """Return another one with the same counts."""
        return Histogram(self.counts.copy())

    def merge(self, other: "Histogram") -> None:
        """Count all of *other* too."""
        self.counts = [a + b for a, b in zip(self.counts, other.counts, strict=True)]

    def since(self, earlier: "Histogram") -> "Histogram":
        """Return what came after *earlier*, which was a copy of this one."""
        return Histogram([a - b for a, b in zip(self.counts, earlier.counts, strict=True)])

    def quantile(self, share: float) -> float | None:
        """Return the duration, in microseconds, that this share of them does not exceed.

        It is the middle of the bucket in which it lies: 3.2 % off at most. None without any.
        """
        total = self.count
        if not total:
            return None
        rank = max(1, math.ceil(share * total))
        bucket = next(n for n, upto in enumerate(accumulate(self.counts)) if upto >= rank)
        return _middle_of(bucket)

    def below(self, bits: int) -> int:
        """Return how many were shorter than 2 to the power of *bits* microseconds: exactly."""
        first_above = bucket_of((1 << bits) - 1) + 1
        return sum(self.counts[:first_above])

    def sparse(self) -> list[tuple[int, int]]:
        """Return the buckets that are not empty, and their counts."""
        return [(bucket, count) for bucket, count in enumerate(self.counts) if count]

    @classmethod
    def of(cls, sparse: Iterable[tuple[int, int]]) -> "Histogram":
        """Make one of what `sparse` returned."""
        histogram = cls()
        for bucket, count in sparse:
            # Of another version, perhaps, that had more of them.
            histogram.counts[min(bucket, LAST)] += count
        return histogram


def _middle_of(bucket: int) -> float:
    return (lowest_of(bucket) + lowest_of(bucket + 1) - 1) / 2
