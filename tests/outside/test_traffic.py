"""What may go now, and when something may go next."""

import pytest

from rpcbackend.outside.channels import Carriers
from rpcbackend.outside.delays import Delays
from rpcbackend.outside.rests import Rests
from rpcbackend.outside.rounds import Due
from rpcbackend.outside.traffic import Traffic
from rpcbackend.outside.waits import Waits
from rpcbackend.testing import FrozenClock
from tests.outside.carrying import Hosts

NOW_MS = 1_000_000


@pytest.fixture
def delays(clock: FrozenClock) -> Delays:
    return Delays(clock, Waits(lambda: 0.5))


def traffic(delays: Delays, rests: Rests | None = None, **flying: int) -> Traffic:
    return Traffic(
        Carriers(Hosts().channels()),
        delays,
        rests or Rests(FrozenClock()),
        lambda channel: flying.get(channel, 0),
    )


@pytest.mark.parametrize(
    ("at_ms", "flying", "room"),
    [
        ({}, 0, {}),
        ({"mail": NOW_MS}, 0, {"mail": 4}),
        ({"mail": NOW_MS, "webhook": 0}, 3, {"mail": 1, "webhook": 16}),
        ({"mail": NOW_MS}, 4, {}),
        ({"mail": NOW_MS + 1}, 0, {}),
    ],
)
def test_what_is_due_goes_as_far_as_there_is_room(
    delays: Delays, at_ms: dict[str, int], flying: int, room: dict[str, int]
) -> None:
    assert traffic(delays, mail=flying).room(Due(at_ms), NOW_MS) == room


def test_of_a_channel_that_waits_one_goes_when_its_time_comes(
    delays: Delays, clock: FrozenClock
) -> None:
    due = Due({"mail": NOW_MS})
    delays.unreached("mail", 30.0)
    assert traffic(delays, mail=4).room(due, NOW_MS) == {}
    assert traffic(delays, mail=4).wait(due, NOW_MS) == 30.0

    clock.advance(30)

    assert traffic(delays, mail=4).room(due, NOW_MS) == {"mail": 1}


def test_tests_go_by_themselves_only_where_nothing_else_does(delays: Delays) -> None:
    due = Due(tests_of=["mail"])
    assert traffic(delays).tests(due) == []

    delays.switch("mail", is_on=False)

    assert traffic(delays).tests(due) == ["mail"]


def test_it_waits_for_the_first_that_may_go(delays: Delays) -> None:
    due = Due({"mail": NOW_MS + 90_000, "webhook": NOW_MS + 60_000})
    assert traffic(delays).wait(due, NOW_MS) == 60.0
    delays.unreached("webhook", 120.0)
    assert traffic(delays).wait(due, NOW_MS) == 90.0
    delays.switch("mail", is_on=False)
    assert traffic(delays).wait(due, NOW_MS) == 120.0


def test_it_waits_no_longer_than_a_recipient_is_left_alone(
    delays: Delays, clock: FrozenClock
) -> None:
    rests = Rests(clock)
    rests.begin("whk_1", 30.0)

    assert traffic(delays, rests).wait(Due(), NOW_MS) == 30.0
    assert traffic(delays, rests).wait(Due({"mail": NOW_MS + 60_000}), NOW_MS) == 30.0
    assert traffic(delays, rests).wait(Due({"mail": NOW_MS + 20_000}), NOW_MS) == 20.0


def test_what_could_go_waits_for_what_is_on_its_way(delays: Delays) -> None:
    assert traffic(delays, mail=4).wait(Due({"mail": NOW_MS}), NOW_MS) is None
