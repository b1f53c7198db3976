"""Times of a transcript: the wall clock's, finer, and the same again in a replay."""

from rpcbackend.testing import FrozenClock
from rpcbackend.transcripts.timeline import Calls, ReplayClock, Timeline


def test_time_is_told_in_milliseconds_since_the_start() -> None:
    clock = FrozenClock()
    timeline = Timeline(clock)
    clock.advance(1.2345)

    assert timeline.now() == 1234.5


def test_a_clock_that_was_set_is_followed_and_small_steps_are_not() -> None:
    clock = FrozenClock()
    timeline = Timeline(clock)

    clock.set_wall(0.02)
    small = timeline.now()
    clock.set_wall(3600)
    ahead = timeline.now()
    clock.advance(1)
    then = timeline.now()
    clock.set_wall(-7200)

    assert (small, ahead, then, timeline.now()) == (0.0, 3_600_020, 3_601_020, -3_598_980)


def test_a_call_has_the_moment_of_its_place_in_the_transcript() -> None:
    calls, again = Calls(b"seed", 1_000), Calls(b"seed", 1_000)
    calls.begin("con_1", 1, 5.9, 70.0)
    first = [calls.next().sequence.bits.getrandbits(62) for _ in range(2)]
    calls.begin("con_2", 1, 6.0, 71.0)
    calls.next()
    again.begin("con_1", 1, 5.9, 80.0)
    moment = again.next()

    assert (moment.now_ms, moment.monotonic) == (1_005, 80.0)
    assert first[0] == moment.sequence.bits.getrandbits(62)
    assert len(set(first)) == 2


def test_the_clock_of_a_replay_stands_where_the_transcript_is() -> None:
    clock = ReplayClock(1_000)

    clock.set(250.7)
    ahead = clock.now_ms(), clock.monotonic()
    clock.set(100.0)

    assert ahead == (1_250, 250.7 / 1_000)
    assert (clock.now_ms(), clock.monotonic()) == (1_100, ahead[1])
