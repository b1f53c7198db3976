"""How long one waits after failures in a row."""

import random
from collections.abc import Callable
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as some

from rpcbackend.resilience.backoff import Backoff, Strategy

MINUTE, HALF_A_DAY = 60.0, 12 * 3600.0

strategies = some.sampled_from(get_args(Strategy))
failures_in_a_row = some.integers(1, 10**9)
firsts = some.floats(0.001, 60)
draws = some.floats(0, 1, exclude_max=True)


def seeded(seed: int = 5) -> Callable[[], float]:
    return random.Random(seed).random  # noqa: S311 (a replayable choice)


def test_the_bound_doubles_from_a_minute_to_half_a_day() -> None:
    backoff = Backoff(MINUTE, HALF_A_DAY, random.random)

    minutes = [backoff.bound(failures) / 60 for failures in range(1, 14)]

    assert minutes == [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 720, 720, 720]


@pytest.mark.parametrize(
    ("strategy", "bounds"),
    [
        ("constant", [2, 2, 2, 2, 2, 2]),
        ("linear", [2, 4, 6, 8, 10, 10]),
        ("exponential", [2, 4, 8, 10, 10, 10]),
        ("decorrelated", [6, 10, 10, 10, 10, 10]),
    ],
)
def test_each_strategy_has_its_bounds(strategy: Strategy, bounds: list[float]) -> None:
    backoff = Backoff(2, 10, random.random, strategy)

    assert [backoff.bound(failures) for failures in range(1, 7)] == bounds


@given(strategies, firsts, failures_in_a_row, draws)
def test_no_wait_is_longer_than_its_bound_and_no_bound_than_the_longest(
    strategy: Strategy, first: float, failures: int, drawn: float
) -> None:
    backoff = Backoff(first, HALF_A_DAY, lambda: drawn, strategy)

    assert 0 <= backoff.wait(failures) <= backoff.bound(failures) * (1 + 1e-9)
    assert first <= backoff.bound(failures) <= HALF_A_DAY


@given(strategies, firsts, failures_in_a_row)
def test_no_bound_is_shorter_than_the_one_before(
    strategy: Strategy, first: float, failures: int
) -> None:
    backoff = Backoff(first, HALF_A_DAY, random.random, strategy)

    assert backoff.bound(failures) <= backoff.bound(failures + 1)


@given(strategies, some.integers(0, 2**32), some.integers(1, 20))
def test_the_same_seed_draws_the_same_waits(strategy: Strategy, seed: int, failures: int) -> None:
    waits = [Backoff(MINUTE, HALF_A_DAY, seeded(seed), strategy).wait(failures) for _ in range(2)]

    assert waits[0] == waits[1]


@given(some.sampled_from(["constant", "linear"]), some.integers(1, 100), draws)
def test_two_of_them_draw_nothing(strategy: Strategy, failures: int, drawn: float) -> None:
    backoff = Backoff(MINUTE, HALF_A_DAY, lambda: drawn, strategy)

    assert backoff.wait(failures) == backoff.bound(failures)


@given(failures_in_a_row, draws)
def test_an_exponential_wait_is_drawn_between_nothing_and_its_bound(
    failures: int, drawn: float
) -> None:
    backoff = Backoff(MINUTE, HALF_A_DAY, lambda: drawn)

    assert backoff.wait(failures) == drawn * backoff.bound(failures)


@given(some.integers(1, 1_000), some.lists(draws, min_size=100, max_size=100))
def test_a_decorrelated_wait_is_never_shorter_than_the_first(
    failures: int, drawn: list[float]
) -> None:
    backoff = Backoff(MINUTE, HALF_A_DAY, iter(drawn).__next__, "decorrelated")

    assert MINUTE <= backoff.wait(failures) <= HALF_A_DAY


def test_a_decorrelated_wait_is_drawn_up_to_three_times_the_one_before() -> None:
    drawn = [0.5, 0.5, 1 - 1e-12]
    backoff = Backoff(1, 100, iter(drawn).__next__, "decorrelated")

    # 1 to 3, the half: 2; 1 to 6, the half: 3.5; 1 to 10.5, the end.
    assert backoff.wait(3) == pytest.approx(10.5)


@pytest.mark.parametrize("strategy", ["exponential", "decorrelated"])
def test_those_who_failed_together_come_back_apart(strategy: Strategy) -> None:
    backoff = Backoff(MINUTE, HALF_A_DAY, seeded(), strategy)

    waits = {round(backoff.wait(5)) for _ in range(1_000)}

    assert len(waits) > 300


@pytest.mark.parametrize(("first", "most"), [(0, 1), (-1, 1), (2, 1)])
def test_waits_that_make_no_sense_are_refused(first: float, most: float) -> None:
    with pytest.raises(ValueError, match="first wait"):
        Backoff(first, most, random.random)
