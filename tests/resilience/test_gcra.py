"""How many events a caller gets through, and when the next one."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rpcbackend.resilience.gcra import Gcra

MICROSECOND = 1e-6

RATES = st.floats(min_value=1 / 3_600, max_value=10_000)
BURSTS = st.integers(min_value=1, max_value=20)
PAUSES = st.lists(st.floats(min_value=0, max_value=5), max_size=60)
STARTS = st.floats(min_value=0, max_value=1e7)


def test_a_burst_is_admitted_at_once_and_then_the_rate() -> None:
    limiter = Gcra(2, 3)

    assert [limiter.take("ann", 10.0) for _ in range(4)] == [0.0, 0.0, 0.0, 0.5]
    assert [limiter.take("ann", 10.5) for _ in range(2)] == [0.0, 0.5]


def test_five_a_minute_means_twelve_seconds_for_the_sixth() -> None:
    limiter = Gcra(5 / 60, 5)

    assert [limiter.take("ann", 0.0) for _ in range(6)] == [0.0, 0.0, 0.0, 0.0, 0.0, 12.0]


def test_a_rest_restores_the_burst_and_no_more() -> None:
    limiter = Gcra(2, 3)
    for _ in range(3):
        limiter.take("ann", 0.0)

    assert [limiter.take("ann", 1_000.0) for _ in range(4)] == [0.0, 0.0, 0.0, 0.5]


def test_a_rest_restores_no_more_than_the_burst_in_a_crowd_that_rests_too() -> None:
    limiter = Gcra(2, 3)
    for key in ["ben", "cem", "dot", "eve", "ann"]:
        limiter.take(key, 0.0)

    assert [limiter.take("ann", 1_000.0) for _ in range(4)] == [0.0, 0.0, 0.0, 0.5]


def test_one_caller_does_not_slow_another() -> None:
    limiter = Gcra(1, 1)
    limiter.take("ann", 0.0)

    assert limiter.take("ann", 0.0) == 1.0
    assert limiter.take("ben", 0.0) == 0.0


@given(RATES, BURSTS, STARTS, PAUSES)
def test_no_window_holds_more_than_the_burst_and_the_rate(
    rate: float, burst: int, start: float, pauses: list[float]
) -> None:
    limiter = Gcra(rate, burst)
    admitted, now = [], start
    for pause in pauses:
        now += pause / rate
        admitted += [now for _ in range(3) if limiter.take("ann", now) == 0.0]

    for first, opened_at in enumerate(admitted):
        for count, closed_at in enumerate(admitted[first:], 1):
            # Three microseconds: the tolerance, and what floats lose in a clock of months.
            assert count <= burst + rate * (closed_at - opened_at + 3 * MICROSECOND)


@given(RATES, BURSTS, STARTS, PAUSES)
def test_a_refused_take_changes_nothing(
    rate: float, burst: int, start: float, pauses: list[float]
) -> None:
    asked_once, asked_often = Gcra(rate, burst), Gcra(rate, burst)
    now = start
    for pause in pauses:
        now += pause / rate
        wait = asked_once.take("ann", now)

        assert asked_often.take("ann", now) == wait
        if wait:
            assert [asked_often.take("ann", now) for _ in range(3)] == [wait] * 3


@given(RATES, BURSTS, STARTS, st.integers(min_value=1, max_value=5))
def test_whoever_waits_as_told_is_admitted(
    rate: float, burst: int, start: float, max_keys: int
) -> None:
    limiter = Gcra(rate, burst, max_keys=max_keys)
    now = start
    for key in ["ann", "ben", "cem", "dot"] * 5:
        if wait := limiter.take(key, now):
            now += wait

            assert limiter.take(key, now) == 0.0


@pytest.mark.parametrize("key", ["ann", "ben"], ids=["the same", "a newcomer to a full house"])
def test_a_wait_suffices_even_where_floats_round_against_it(key: str) -> None:
    limiter = Gcra(1 / 3, 1, max_keys=1)
    limiter.take("ann", 0.9)

    wait = limiter.take(key, 1.8)

    assert wait == pytest.approx(2.1, abs=2 * MICROSECOND)
    assert limiter.take(key, 1.8 + wait) == 0.0


def test_a_busy_caller_does_not_keep_idle_ones_remembered() -> None:
    limiter = Gcra(1, 5)
    limiter.take("ann", 0.0)
    limiter.take("ben", 0.0)
    for _ in range(3):
        limiter.take("ann", 0.5)

    limiter.take("ann", 1.5)

    assert len(limiter) == 1


def test_idle_callers_are_forgotten_by_the_next_takes() -> None:
    limiter = Gcra(1, 1)
    for number in range(100):
        limiter.take(f"user {number}", 0.0)
    assert len(limiter) == 100

    for _ in range(50):
        limiter.take("ann", 2.0)

    assert len(limiter) == 1


def test_a_newcomer_waits_when_every_place_is_taken_by_a_busy_caller() -> None:
    limiter = Gcra(1, 1, max_keys=2)
    limiter.take("ann", 0.0)
    limiter.take("ben", 0.5)

    assert limiter.take("cem", 0.5) == pytest.approx(0.5, abs=2 * MICROSECOND)
    assert len(limiter) == 2
    assert limiter.take("cem", 1.1) == 0.0


@pytest.mark.parametrize(
    ("rate", "burst", "max_keys"), [(0, 1, 1), (-1, 1, 1), (1, 0, 1), (1, 1, 0)]
)
def test_a_limit_that_admits_nobody_is_refused(rate: float, burst: int, max_keys: int) -> None:
    with pytest.raises(ValueError, match="rate above 0"):
        Gcra(rate, burst, max_keys=max_keys)


def test_to_ask_for_the_wait_takes_nothing() -> None:
    limiter = Gcra(1, 2)
    assert [limiter.wait("a", 0.0) for _ in range(3)] == [0.0] * 3

    limiter.take("a", 0.0)
    limiter.take("a", 0.0)

    assert limiter.wait("a", 0.0) == limiter.take("a", 0.0) == 1.0
    assert limiter.wait("b", 0.0) == 0.0
    assert limiter.wait("a", 1.0) == 0.0


def test_what_somebody_else_admitted_is_paid_for_before_more_is_admitted() -> None:
    gcra = Gcra(10.0, 2)

    gcra.charge("a", 3, 0.0)

    assert gcra.take("a", 0.0) == pytest.approx(0.2)
    assert gcra.take("a", 0.2) == 0


def test_where_there_is_no_room_nothing_of_a_new_key_is_charged() -> None:
    gcra = Gcra(10.0, 1, max_keys=1)
    gcra.take("a", 0.0)

    gcra.charge("b", 3, 0.0)

    assert len(gcra) == 1
    assert gcra.take("b", 0.1) == 0
