"""A call has its own time and chance, and so has what it does on another thread."""

import asyncio
import threading

from hypothesis import given
from hypothesis import strategies as some

from rpcbackend.ids import Ids
from rpcbackend.moments import (
    MOMENT,
    Moment,
    MomentClock,
    NamedBits,
    current_moment,
    in_moment,
)
from rpcbackend.store.lane import Job
from rpcbackend.testing import FrozenClock


def a_moment(name: str = "con_1/1/1", now_ms: int = 1_000) -> Moment:
    return Moment(now_ms, 1.0, NamedBits(b"key", name))


@given(name=some.text(), k=some.integers(1, 128))
def test_named_bits_follow_from_key_and_name_alone(name: str, k: int) -> None:
    one, same = NamedBits(b"key", name), NamedBits(b"key", name)

    drawn = [one.getrandbits(k) for _ in range(3)]

    assert drawn == [same.getrandbits(k) for _ in range(3)]
    assert all(0 <= bits < 2**k for bits in drawn)


def test_other_names_and_keys_give_other_bits() -> None:
    bits = {NamedBits(key, name).getrandbits(62) for key in (b"a", b"b") for name in ("1/1", "1/2")}

    assert len(bits) == 4


def test_within_a_moment_the_wall_stands_still_and_elapsed_time_goes_on() -> None:
    clock = FrozenClock()
    moving, still = MomentClock(clock), MomentClock(clock, is_still=True)
    token = MOMENT.set(a_moment())
    clock.advance(5)

    within = (moving.now_ms(), moving.monotonic(), still.now_ms(), still.monotonic())
    MOMENT.reset(token)

    assert within == (1_000, 5.0, 1_000, 1.0)
    assert (moving.now_ms(), still.monotonic()) == (clock.now_ms(), 5.0)


def test_who_judges_what_has_expired_takes_the_latest_time_there_was() -> None:
    clock = FrozenClock()
    moving, still = MomentClock(clock), MomentClock(clock, is_still=True)
    moment = a_moment()
    moment.latest_ms = 61_000
    token = MOMENT.set(moment)

    told = (moving.now_ms(), still.now_ms())
    MOMENT.reset(token)

    assert told == (1_000, 61_000)


def test_a_moment_that_is_over_holds_for_nobody() -> None:
    clock = FrozenClock()
    moment = a_moment()
    token = MOMENT.set(moment)
    moment.is_over = True

    found, now = current_moment(), MomentClock(clock).now_ms()
    MOMENT.reset(token)

    assert (found, now) == (None, clock.now_ms())


def test_ids_of_a_call_do_not_depend_on_what_others_draw() -> None:
    ids = Ids(MomentClock(FrozenClock()))

    def draw(others: int) -> list[str]:
        for _ in range(others):
            ids.new("oth")
        token = MOMENT.set(a_moment())
        drawn = [ids.new("stu"), ids.new("evt"), ids.correlation()]
        MOMENT.reset(token)
        return drawn

    assert draw(0) == draw(7)


async def test_a_unit_of_work_runs_in_the_moment_of_its_call() -> None:
    moment = a_moment()
    token = MOMENT.set(moment)
    job = Job(lambda _: current_moment())
    MOMENT.reset(token)
    found: list[object] = []

    thread = threading.Thread(target=lambda: found.extend([job.run(None), current_moment()]))
    thread.start()
    await asyncio.to_thread(thread.join)

    assert found == [moment, None]


def test_what_nobody_called_for_has_a_moment_that_ends_with_its_beginning() -> None:
    moment = a_moment()

    with in_moment(lambda: moment):
        during = current_moment()
    with in_moment(None):
        nothing = current_moment()

    assert (during, nothing, moment.is_over) == (moment, None, True)


def test_ids_of_what_goes_on_after_a_call_are_still_its_own() -> None:
    ids = Ids(MomentClock(FrozenClock()))
    drawn = []
    for _ in range(2):
        moment = a_moment()
        token = MOMENT.set(moment)
        moment.is_over = True
        drawn.append(ids.new("evt"))
        MOMENT.reset(token)

    assert drawn[0] == drawn[1]
