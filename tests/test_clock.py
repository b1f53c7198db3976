"""The clock of the machine, and the one of the tests."""

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as some

from rpcbackend.clock import HELD_SECONDS, Clock, SettledClock, SystemClock
from rpcbackend.testing import FrozenClock


def test_the_system_s_clock_tells_utc_in_milliseconds_and_never_steps_back() -> None:
    clock: Clock = SystemClock()

    at = datetime.fromtimestamp(clock.now_ms() / 1_000, UTC)
    first, second = clock.monotonic(), clock.monotonic()

    assert at.year >= 2026
    assert first <= second


def test_the_frozen_clock_moves_when_told_to() -> None:
    clock: Clock = FrozenClock(datetime(2026, 1, 1, tzinfo=UTC))
    assert isinstance(clock, FrozenClock)
    before = clock.now_ms()

    assert clock.now_ms() == before
    clock.advance(1.5)

    assert (clock.now_ms(), clock.monotonic()) == (before + 1_500, 1.5)


HOUR, DAY = 3_600, 24 * 3_600

STEPS = some.lists(
    some.tuples(
        # How the clock is set, and how much time passes then, in seconds.
        some.sampled_from([0, 0, 0, -HOUR, -10 * DAY, 30 * DAY, 30 * 365 * DAY, 1, -1]),
        some.sampled_from([1, 30, 60, 300, HELD_SECONDS]),
    ),
    max_size=40,
)


@given(STEPS)
def test_whatever_is_done_to_the_clock_settled_time_never_goes_back_nor_ahead_of_it(
    steps: list[tuple[int, int]],
) -> None:
    clock = FrozenClock()
    settled = SettledClock(clock)
    latest, most = settled.now_ms(), clock.now_ms()

    for set_by, passed in steps:
        clock.set_wall(set_by)
        most = max(most, clock.now_ms())
        assert latest <= (latest := settled.now_ms()) <= most
        clock.advance(passed)
        most = max(most, clock.now_ms())
        assert latest <= (latest := settled.now_ms()) <= most


@given(
    some.integers(DAY + 1, 100 * 365 * DAY),
    some.lists(some.integers(1, 60), min_size=1, max_size=9),
)
def test_a_jump_that_is_set_right_within_ten_minutes_leaves_no_trace(
    jump: int, passing: list[int]
) -> None:
    clock = FrozenClock()
    settled = SettledClock(clock)
    before = settled.now_ms()

    clock.set_wall(jump)
    for seconds in passing:
        assert settled.now_ms() == before
        clock.advance(seconds)
    clock.set_wall(-jump)

    assert settled.now_ms() == before + sum(passing) * 1_000 == clock.now_ms()


def test_a_jump_that_holds_for_ten_minutes_counts() -> None:
    clock = FrozenClock()
    settled = SettledClock(clock)
    clock.set_wall(30 * DAY)
    before = settled.now_ms()

    clock.advance(HELD_SECONDS - 1)
    assert settled.now_ms() == before
    clock.advance(1)

    assert settled.now_ms() == clock.now_ms()


@given(some.lists(some.integers(-2_000, 2_000), max_size=50))
def test_a_clock_that_trembles_is_followed(trembling: list[int]) -> None:
    clock = FrozenClock()
    settled = SettledClock(clock)
    walls = [clock.now_ms()]

    for milliseconds in trembling:
        clock.advance(10)
        clock.set_wall(milliseconds / 1_000)
        walls.append(clock.now_ms())
        assert settled.now_ms() == max(walls)


def test_time_that_certainly_was_is_not_unlearnt_by_a_clock_that_is_behind() -> None:
    clock = FrozenClock()

    settled = SettledClock(clock, clock.now_ms() + 10 * DAY * 1_000)

    assert settled.now_ms() == clock.now_ms() + 10 * DAY * 1_000
