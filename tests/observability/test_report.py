"""What was counted, as the wire has it."""

from hypothesis import given
from hypothesis import strategies as some

from rpcbackend.histogram import Histogram
from rpcbackend.observability.report import histogram_of, tell_times
from tests.schema.fits import written


def test_times_are_told_in_milliseconds() -> None:
    times = Histogram()
    for microseconds in (1_000, 1_000, 40_000):
        times.add(microseconds)

    assert written(tell_times(times)) == {
        "count": 3,
        "p50Ms": 1.007_5,
        "p95Ms": 39.935_5,
        "p99Ms": 39.935_5,
        "buckets": None,
    }


def test_nothing_took_no_time_at_all() -> None:
    assert written(tell_times(Histogram(), has_buckets=True)) == {
        "count": 0,
        "p50Ms": None,
        "p95Ms": None,
        "p99Ms": None,
        "buckets": [],
    }


@given(durations=some.lists(some.integers(0, 200_000_000)))
def test_the_buckets_that_are_told_make_the_same_histogram_again(durations: list[int]) -> None:
    times = Histogram()
    for duration in durations:
        times.add(duration)

    assert histogram_of(tell_times(times, has_buckets=True)).counts == times.counts
