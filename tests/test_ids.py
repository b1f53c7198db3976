"""Ids are prefixed UUIDv7s that grow, whatever the clock does."""

import random
import re
from datetime import UTC, datetime
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rpcbackend.ids import CHANCE_BITS, Ids, chance_in
from rpcbackend.moments import NamedBits
from rpcbackend.testing import FrozenClock


def uuid_of(text: str) -> UUID:
    return UUID(text.partition("_")[2])


def test_an_id_is_a_prefixed_uuid_of_version_seven() -> None:
    clock = FrozenClock()

    made = Ids(clock, random.Random(1)).new("stu")  # noqa: S311 (a replay's source)

    assert re.fullmatch(
        r"stu_[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}", made
    )
    assert (uuid_of(made).version, uuid_of(made).variant) == (7, "specified in RFC 4122")
    assert uuid_of(made).int >> 80 == clock.now_ms()


@given(st.lists(st.floats(min_value=-3_600, max_value=3_600), max_size=50))
def test_ids_grow_whatever_the_clock_does(steps: list[float]) -> None:
    clock = FrozenClock()
    ids = Ids(clock)

    made = [ids.new("evt")]
    for step in steps:
        clock.advance(step)
        made += [ids.new("evt"), ids.new("evt")]

    assert made == sorted(set(made))


def test_more_ids_in_a_millisecond_than_the_counter_holds_borrow_from_the_next() -> None:
    clock = FrozenClock()
    ids = Ids(clock)

    made = [ids.new("evt") for _ in range(10_000)]

    assert made == sorted(set(made))
    assert {uuid_of(each).int >> 80 for each in made} == {clock.now_ms() + n for n in range(3)}


def test_equal_seeds_give_equal_ids() -> None:
    def make(seed: int) -> list[str]:
        ids = Ids(FrozenClock(), random.Random(seed))  # noqa: S311 (a replay's source)
        return [ids.new("stu"), ids.new("les"), ids.correlation()]

    assert make(1) == make(1)
    assert make(1) != make(2)


@pytest.mark.parametrize("bits", [None, random.Random(1)])  # noqa: S311 (a replay's source)
def test_a_correlation_id_is_the_process_s_mark_and_a_number(bits: random.Random | None) -> None:
    ids = Ids(FrozenClock(), bits)

    made = [ids.correlation() for _ in range(100)]

    assert len(set(made)) == 100
    assert made == sorted(made)
    assert all(re.fullmatch("cor_[0-9a-f]{16}", each) for each in made)
    assert len({each[:12] for each in made}) == 1
    assert Ids(FrozenClock(datetime(2026, 11, 24, tzinfo=UTC))).correlation() not in made


def test_a_correlation_id_is_the_same_whenever_it_is_written_out() -> None:
    ids = Ids(FrozenClock())
    early, late = ids.mark(), ids.mark()

    assert ids.correlation(late) > ids.correlation(early)
    assert ids.correlation(early) == ids.correlation(early)
    assert ids.correlation() > ids.correlation(late)


def test_the_chance_of_an_id_is_told_and_a_text_that_is_none_has_none() -> None:
    drawn = NamedBits(b"key", "one").getrandbits(CHANCE_BITS)
    made = Ids(FrozenClock(), NamedBits(b"key", "one")).new("stu")

    assert (chance_in(made), chance_in("nobody")) == (drawn, 0)
