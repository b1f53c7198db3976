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


def test_how_late_it_is_never_goes_back_and_is_told_while_the_clock_is_behind() -> None:
    clock = FrozenClock()
    timeline = Timeline(clock)
    told = []
    for wall, passed in ((0, 100), (-60, 0), (0, 1), (70, 0.5), (-0.5, 0), (0.5, 0)):
        clock.set_wall(wall)
        clock.advance(passed)
        told.append((timeline.now(), timeline.latest))

    assert told == [
        (100_000, None),
        (40_000, 100_000),
        (41_000, 101_000),
        (111_500, None),
        (111_000, 111_500),
        (111_500, None),
    ]


def test_a_call_has_the_moment_of_its_place_in_the_transcript() -> None:
    calls, again = Calls(b"seed", 1_000), Calls(b"seed", 1_000)
    calls.begin("con_1", 1, 5.9, 70.0)
    first = [calls.next().sequence.bits.getrandbits(62) for _ in range(2)]
    calls.begin("con_2", 1, 6.0, 71.0)
    calls.next()
    again.begin("con_1", 1, 5.9, 80.0)
    moment = again.next()

    again.begin("con_1", 2, 2.0, 80.0, 6.5)

    assert (moment.now_ms, moment.latest_ms, moment.monotonic) == (1_005, 1_005, 80.0)
    assert again.next().latest_ms == 1_006
    assert first[0] == moment.sequence.bits.getrandbits(62)
    assert len(set(first)) == 2


def test_the_clock_of_a_replay_stands_where_the_transcript_is() -> None:
    clock = ReplayClock(1_000)

    clock.set(250.7)
    ahead = clock.now_ms(), clock.monotonic()
    clock.set(100.0)
    behind = clock.now_ms(), clock.monotonic()
    clock.set(110.0, 260.7)

    assert ahead == (1_250, 250.7 / 1_000)
    assert behind == (1_100, ahead[1])
    assert (clock.now_ms(), clock.monotonic()) == (1_110, 260.7 / 1_000)
