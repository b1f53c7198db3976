"""Durations in buckets: they merge exactly, and a quantile errs by no more than is said."""

import math
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as some

from rpcbackend.histogram import LAST, Histogram, bucket_of, lowest_of

LONGEST = 134_217_727
DURATIONS = some.integers(0, LONGEST) | some.integers(0, 2_000) | some.integers(0, 40)
SHARES = some.sampled_from([0.0, 0.5, 0.9, 0.95, 0.99, 0.999, 1.0]) | some.floats(0, 1)


def of(durations: list[int]) -> Histogram:
    histogram = Histogram()
    for duration in durations:
        histogram.add(duration)
    return histogram


def test_buckets_follow_each_other_without_a_gap() -> None:
    assert [bucket_of(lowest_of(bucket)) for bucket in range(LAST + 1)] == list(range(LAST + 1))
    assert [bucket_of(lowest_of(bucket + 1) - 1) for bucket in range(LAST)] == list(range(LAST))


@given(duration=DURATIONS)
def test_a_duration_is_in_its_bucket_which_is_narrow(duration: int) -> None:
    lowest, above = lowest_of(bucket_of(duration)), lowest_of(bucket_of(duration) + 1)

    assert lowest <= duration < above
    assert above - lowest <= max(1, lowest / 16)


@pytest.mark.parametrize(
    ("duration", "bucket"), [(-5, 0), (0, 0), (LONGEST, LAST), (LONGEST + 1, LAST), (10**15, LAST)]
)
def test_what_is_out_of_bounds_counts_as_the_nearest(duration: int, bucket: int) -> None:
    assert bucket_of(duration) == bucket


@given(one=some.lists(DURATIONS), other=some.lists(DURATIONS))
def test_merging_counts_as_if_all_had_been_counted_together(
    one: list[int], other: list[int]
) -> None:
    merged = of(one)
    merged.merge(of(other))

    assert merged.counts == of(one + other).counts
    assert merged.count == len(one) + len(other)


@given(before=some.lists(DURATIONS), after=some.lists(DURATIONS))
def test_what_came_since_is_told_apart(before: list[int], after: list[int]) -> None:
    histogram = of(before)
    earlier = histogram.copy()
    for duration in after:
        histogram.add(duration)

    assert histogram.since(earlier).counts == of(after).counts
    assert earlier.counts == of(before).counts


@given(durations=some.lists(DURATIONS, min_size=1), share=SHARES)
def test_a_quantile_errs_by_no_more_than_it_says(durations: list[int], share: float) -> None:
    found = of(durations).quantile(share)

    rank = max(1, math.ceil(Fraction(share) * len(durations)))
    true = sorted(durations)[rank - 1]
    assert found is not None
    assert abs(found - true) <= max(0.5, 0.032 * true)


@given(durations=some.lists(DURATIONS))
def test_the_total_errs_by_no_more_than_it_says(durations: list[int]) -> None:
    true = sum(durations)

    assert abs(of(durations).total - true) <= 0.5 * len(durations) + 0.032 * true


def test_nothing_has_no_quantile() -> None:
    assert Histogram().quantile(0.5) is None


@given(durations=some.lists(DURATIONS), bits=some.integers(0, 27))
def test_how_many_were_shorter_than_a_power_of_two_is_exact(
    durations: list[int], bits: int
) -> None:
    assert of(durations).below(bits) == sum(duration < 2**bits for duration in durations)


@given(durations=some.lists(DURATIONS))
def test_what_is_kept_of_it_makes_the_same_one_again(durations: list[int]) -> None:
    histogram = of(durations)

    assert Histogram.of(histogram.sparse()).counts == histogram.counts


def test_a_bucket_that_is_not_known_any_more_counts_as_the_longest() -> None:
    assert Histogram.of([(LAST + 7, 2)]).sparse() == [(LAST, 2)]
