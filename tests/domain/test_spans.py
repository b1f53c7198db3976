"""Spans of time, against minutes that are counted one by one."""

from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from rpcbackend.domain.spans import Grid, Span, nearest_free, overlap
from tests.factories import at

DAWN = at("2026-11-24T00:00:00Z")
HORIZON = 120
"""Minutes that the tests look at."""


def span(start: int, end: int) -> Span:
    """Make a span of minutes since dawn."""
    return Span(DAWN + timedelta(minutes=start), DAWN + timedelta(minutes=end))


def minutes_of(one: Span) -> range:
    """List the minutes since dawn that a span takes."""
    first = (one.start - DAWN) // timedelta(minutes=1)
    return range(first, first + one.length // timedelta(minutes=1))


SPANS = some.tuples(some.integers(0, HORIZON - 1), some.integers(1, 40)).map(
    lambda drawn: span(drawn[0], min(drawn[0] + drawn[1], HORIZON))
)


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ((0, 10), (10, 20), False),
        ((10, 20), (0, 10), False),
        ((0, 10), (9, 20), True),
        ((0, 30), (10, 20), True),
        ((10, 20), (0, 30), True),
        ((0, 10), (0, 10), True),
        ((0, 10), (0, 5), True),
        ((0, 10), (20, 30), False),
    ],
    ids=str,
)
def test_two_spans_overlap_when_they_share_time_and_not_when_they_touch(
    one: tuple[int, int], other: tuple[int, int], expected: bool
) -> None:
    assert overlap(span(*one), span(*other)) is expected


@given(one=SPANS, other=SPANS)
def test_spans_overlap_exactly_when_they_share_a_minute(one: Span, other: Span) -> None:
    shared = set(minutes_of(one)) & set(minutes_of(other))

    assert overlap(one, other) == bool(shared)
    assert overlap(other, one) == bool(shared)


def free_starts(wanted: Span, busy: list[Span], within: Span) -> list[int]:
    """Try every minute of the window: where could a span of the wanted length begin?"""
    taken = {minute for one in busy for minute in minutes_of(one)}
    length, window = len(minutes_of(wanted)), minutes_of(within)
    return [
        start
        for start in window
        if start + length <= window.stop and not taken & set(range(start, start + length))
    ]


@settings(max_examples=300)
@given(wanted=SPANS, busy=some.lists(SPANS, max_size=6), within=SPANS)
def test_the_nearest_free_spans_are_free_inside_long_enough_and_nothing_is_nearer(
    wanted: Span, busy: list[Span], within: Span
) -> None:
    # It is asked for when the wanted span itself is not free.
    busy = [*busy, wanted]
    starts = free_starts(wanted, busy, within)
    first = minutes_of(wanted).start

    found = nearest_free(wanted, busy, within)

    before = [start for start in starts if start < first][-1:]
    after = [start for start in starts if start > first][:1]
    assert [minutes_of(one).start for one in found] == before + after
    assert {one.length for one in found} <= {wanted.length}


@settings(max_examples=300)
@given(
    starts=some.lists(some.integers(0, HORIZON), unique=True).map(sorted),
    length=some.integers(1, 40),
    busy=some.lists(SPANS, max_size=6),
)
def test_the_free_starts_of_a_grid_are_all_those_at_which_no_minute_is_taken(
    starts: list[int], length: int, busy: list[Span]
) -> None:
    taken = {minute for one in busy for minute in minutes_of(one)}
    grid = Grid([DAWN + timedelta(minutes=one) for one in starts], timedelta(minutes=length))

    found = [starts[number] for number in grid.indexes(grid.free(busy))]

    assert found == [one for one in starts if not taken & set(range(one, one + length))]


def test_nothing_is_offered_when_what_is_wanted_is_free() -> None:
    assert nearest_free(span(30, 40), [], span(0, HORIZON)) == []


def test_nothing_is_offered_in_a_window_that_is_too_short() -> None:
    assert nearest_free(span(30, 60), [span(30, 60)], span(0, 29)) == []
