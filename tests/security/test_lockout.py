"""How long an account waits after wrong passwords."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rpcbackend.security.lockout import (
    FORGOTTEN_AFTER_MS,
    LONGEST_KNOWN_WAIT_SECONDS,
    locked_until_ms,
    misses_that_count,
    wait_left_ms,
    wait_seconds,
)

MISSED_AT_MS = 1_800_000_000_000
TIMES_MS = st.integers(min_value=0, max_value=4_000_000_000_000)
MISSES = st.integers(min_value=0, max_value=10**9)


def test_four_misses_cost_nothing_and_each_more_doubles_up_to_a_quarter_of_an_hour() -> None:
    assert [wait_seconds(misses) for misses in range(18)] == [
        *(0, 0, 0, 0, 0, 1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900, 900)
    ]


def test_where_somebody_signed_in_before_he_waits_a_minute_at_most() -> None:
    waits = [wait_seconds(misses, LONGEST_KNOWN_WAIT_SECONDS) for misses in range(4, 14)]

    assert waits == [0, 1, 2, 4, 8, 16, 32, 60, 60, 60]
    assert wait_left_ms(99, MISSED_AT_MS, MISSED_AT_MS + 1, LONGEST_KNOWN_WAIT_SECONDS) == 59_999


def test_the_end_of_the_wait_is_counted_from_the_last_miss() -> None:
    assert locked_until_ms(4, MISSED_AT_MS) == MISSED_AT_MS
    assert locked_until_ms(7, MISSED_AT_MS) == MISSED_AT_MS + 4_000


def test_the_account_opens_on_the_very_millisecond() -> None:
    assert wait_left_ms(7, MISSED_AT_MS, MISSED_AT_MS) == 4_000
    assert wait_left_ms(7, MISSED_AT_MS, MISSED_AT_MS + 3_999) == 1
    assert wait_left_ms(7, MISSED_AT_MS, MISSED_AT_MS + 4_000) == 0


@given(MISSES, TIMES_MS, TIMES_MS)
def test_nobody_is_locked_out_for_longer_than_a_quarter_of_an_hour(
    misses: int, missed_at_ms: int, now_ms: int
) -> None:
    assert 0 <= wait_left_ms(misses, missed_at_ms, now_ms) <= 900_000


def test_a_clock_that_was_set_back_by_years_locks_nobody() -> None:
    years_ahead_ms = MISSED_AT_MS + 4 * 365 * FORGOTTEN_AFTER_MS

    assert wait_left_ms(1_000, years_ahead_ms, MISSED_AT_MS) == 0
    assert misses_that_count(1_000, years_ahead_ms, MISSED_AT_MS) == 0


@pytest.mark.parametrize(
    ("age_ms", "count"), [(0, 9), (FORGOTTEN_AFTER_MS - 1, 9), (FORGOTTEN_AFTER_MS, 0)]
)
def test_misses_are_forgotten_a_day_after_the_last(age_ms: int, count: int) -> None:
    assert misses_that_count(9, MISSED_AT_MS, MISSED_AT_MS + age_ms) == count


@given(MISSES)
def test_one_miss_more_never_shortens_the_wait(misses: int) -> None:
    assert wait_seconds(misses) <= wait_seconds(misses + 1)
