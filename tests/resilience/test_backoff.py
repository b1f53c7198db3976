"""How long one waits after failures in a row."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as some

from rpcbackend.resilience.backoff import Backoff

MINUTE, HALF_A_DAY = 60.0, 12 * 3600.0


def test_the_bound_doubles_from_a_minute_to_half_a_day() -> None:
    backoff = Backoff(MINUTE, HALF_A_DAY, random.random)

    minutes = [backoff.bound(failures) / 60 for failures in range(1, 14)]

    assert minutes == [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 720, 720, 720]


@given(some.integers(1, 10**9), some.floats(0, 1, exclude_max=True))
def test_a_wait_is_drawn_between_nothing_and_its_bound(failures: int, drawn: float) -> None:
    backoff = Backoff(MINUTE, HALF_A_DAY, lambda: drawn)

    assert backoff.wait(failures) == drawn * backoff.bound(failures)
    assert 0 <= backoff.wait(failures) <= HALF_A_DAY


def test_those_who_failed_together_come_back_apart() -> None:
    backoff = Backoff(MINUTE, HALF_A_DAY, random.Random(5).random)  # noqa: S311 (a replayable choice)

    waits = sorted(backoff.wait(5) for _ in range(1_000))

    assert waits[0] < MINUTE < waits[500] < 15 * MINUTE < waits[-1] < 16 * MINUTE


@pytest.mark.parametrize(("first", "most"), [(0, 1), (-1, 1), (2, 1)])
def test_waits_that_make_no_sense_are_refused(first: float, most: float) -> None:
    with pytest.raises(ValueError, match="first wait"):
        Backoff(first, most, random.random)
