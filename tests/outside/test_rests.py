"""Who is left alone, and until when."""

import pytest

from rpcbackend.outside.rests import Rests
from rpcbackend.testing import FrozenClock


@pytest.fixture
def rests(clock: FrozenClock) -> Rests:
    return Rests(clock)


def test_a_recipient_rests_until_its_time_is_over(rests: Rests, clock: FrozenClock) -> None:
    assert (rests.wait(), rests.lift()) == (None, False)
    rests.begin("whk_1", 30.0)
    rests.begin("whk_2", 60.0)
    clock.advance(20)
    assert (rests.all(), rests.wait(), rests.lift()) == (["whk_1", "whk_2"], 10.0, False)

    clock.advance(10)

    assert rests.lift()
    assert (rests.all(), rests.wait()) == (["whk_2"], 30.0)


def test_whoever_was_asked_rests_no_more(rests: Rests) -> None:
    rests.begin("whk_1", 30.0)

    rests.end("whk_1")
    rests.end("whk_2")

    assert rests.all() == []


def test_all_rests_are_over_when_somebody_wants_to_know(rests: Rests) -> None:
    rests.begin("whk_1", 30.0)

    rests.hurry()

    assert rests.wait() == 0.0
    assert rests.lift()


def test_with_another_store_nobody_rests(rests: Rests) -> None:
    rests.begin("whk_1", 30.0)

    rests.forget()

    assert rests.all() == []
