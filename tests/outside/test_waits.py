"""How long messages and those who cannot be reached are waited for."""

import pytest
from hypothesis import given
from hypothesis import strategies as some

from rpcbackend.outside.waits import FIRST_SECONDS, LONGEST_SECONDS, Waits
from rpcbackend.store.outbox import LONGEST_WAIT_SECONDS, MAX_ATTEMPTS

DAY = 24 * 3600
WEEKEND = 62 * 3600
"""From Friday at six until Monday at eight."""


def days(chance: float) -> float:
    """Return how long a message is tried whose waits are all drawn like this, in days."""
    waits = Waits(lambda: chance)
    return sum(waits.to_try(tries) for tries in range(1, MAX_ATTEMPTS)) / DAY


def test_what_nobody_takes_is_tried_for_some_four_days_and_a_weekend_at_least() -> None:
    """`docs/outside.md` says so."""
    assert days(0.5) == pytest.approx(4, abs=0.1)
    assert days(0) * DAY > WEEKEND
    assert days(1) == pytest.approx(5.3, abs=0.1)


@given(
    tries=some.integers(1, MAX_ATTEMPTS),
    chance=some.floats(0, 1, exclude_max=True),
    asked=some.none() | some.floats(0.1, 1e6),
)
def test_a_wait_is_as_long_as_was_asked_for_and_none_of_its_own_too_long_or_too_short(
    tries: int, chance: float, asked: float | None
) -> None:
    wait = Waits(lambda: chance).to_try(tries, asked)

    assert wait >= (asked or 0)
    assert wait >= 30
    assert wait <= max(asked or 0, LONGEST_WAIT_SECONDS)


def test_what_was_cut_off_at_the_end_of_the_process_is_tried_at_once() -> None:
    assert Waits(lambda: 0.5).to_try(3, 0.0) == 0


@given(asks=some.integers(1, 10_000), chance=some.floats(0, 1, exclude_max=True))
def test_nobody_is_asked_more_often_than_each_fifteen_seconds_nor_forgotten(
    asks: int, chance: float
) -> None:
    wait = Waits(lambda: chance).to_ask(asks)

    assert FIRST_SECONDS <= wait <= FIRST_SECONDS + LONGEST_SECONDS
