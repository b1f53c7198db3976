"""The clock of the machine, and the one of the tests."""

from datetime import UTC, datetime

from rpcbackend.clock import Clock, SystemClock
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
