"""Which channels wait, and how they come back."""

import pytest

from rpcbackend.outside.delays import Delays
from rpcbackend.outside.waits import FIRST_SECONDS, LONGEST_SECONDS, Waits
from rpcbackend.testing import FrozenClock


@pytest.fixture
def delays(clock: FrozenClock) -> Delays:
    """Of waits in the middle of their bounds."""
    return Delays(clock, Waits(lambda: 0.5))


def test_a_channel_that_waits_for_nothing_has_all_the_room(delays: Delays) -> None:
    assert (delays.room("mail", 4), delays.wait("mail"), delays.all()) == (4, 0.0, [])


def test_a_channel_that_cannot_be_reached_waits_and_then_sends_one(
    delays: Delays, clock: FrozenClock
) -> None:
    delays.unreached("mail", None)
    assert (delays.room("mail", 4), delays.room("sms", 4)) == (0, 4)
    wait = delays.wait("mail")
    assert wait == FIRST_SECONDS * 1.5

    clock.advance(wait)
    assert delays.room("mail", 4) == 1
    delays.probe("mail")
    assert (delays.room("mail", 4), delays.wait("mail")) == (0, None)

    delays.reached("mail")
    assert (delays.room("mail", 4), delays.all()) == (4, [])


def test_those_that_were_on_their_way_together_count_once(delays: Delays) -> None:
    for _ in range(4):
        delays.unreached("mail", None)

    assert delays.wait("mail") == FIRST_SECONDS * 1.5


def test_each_probe_that_fails_makes_the_wait_longer_up_to_a_bound(
    delays: Delays, clock: FrozenClock
) -> None:
    waits = []
    for _ in range(12):
        delays.unreached("mail", None)
        wait = delays.wait("mail")
        assert wait is not None
        waits.append(wait)
        clock.advance(wait)
        delays.probe("mail")

    assert waits == sorted(waits)
    assert waits[-1] == FIRST_SECONDS + LONGEST_SECONDS / 2


def test_a_host_that_says_when_is_asked_then(delays: Delays) -> None:
    delays.unreached("mail", 7.0)

    assert delays.wait("mail") == 7.0


def test_a_probe_that_shows_nothing_is_followed_by_another_one(
    delays: Delays, clock: FrozenClock
) -> None:
    delays.unreached("mail", 1.0)
    clock.advance(1)
    delays.probe("mail")

    delays.spare("mail")

    assert delays.room("mail", 4) == 1


def test_who_wants_to_know_at_once_need_not_wait(delays: Delays) -> None:
    delays.unreached("mail", None)
    delays.switch("sms", is_on=False)

    delays.hurry()

    assert (delays.room("mail", 4), delays.room("sms", 4)) == (1, 0)


def test_a_channel_that_is_switched_off_waits_until_it_is_switched_on(
    delays: Delays, clock: FrozenClock
) -> None:
    delays.switch("mail", is_on=False)
    clock.advance(24 * 3600)
    assert (delays.room("mail", 4), delays.wait("mail")) == (0, None)
    delays.reached("mail")
    assert delays.room("mail", 4) == 0

    delays.switch("mail", is_on=True)
    assert delays.room("mail", 4) == 4


def test_one_that_cannot_be_reached_may_be_switched_off_and_on(delays: Delays) -> None:
    delays.unreached("mail", None)
    delays.switch("mail", is_on=True)
    assert delays.room("mail", 4) == 0

    delays.switch("mail", is_on=False)
    delays.switch("mail", is_on=True)

    assert delays.room("mail", 4) == 4


def test_what_is_on_its_way_when_a_channel_is_switched_off_does_not_open_it(
    delays: Delays, clock: FrozenClock
) -> None:
    delays.switch("mail", is_on=False)

    delays.unreached("mail", 1.0)
    clock.advance(3_600)

    assert (delays.room("mail", 4), delays.wait("mail")) == (0, None)


def test_it_tells_since_when_and_until_when(delays: Delays, clock: FrozenClock) -> None:
    delays.unreached("mail", 30.0, "the host cannot be reached")
    clock.advance(10)
    delays.switch("sms", is_on=False)

    assert [each.model_dump(mode="json") for each in delays.all()] == [
        {
            "channel": "mail",
            "reason": "unreached",
            "since": "2026-11-23T08:00:00Z",
            "lastError": "the host cannot be reached",
            "nextTryMs": 20_000,
        },
        {
            "channel": "sms",
            "reason": "switched_off",
            "since": "2026-11-23T08:00:10Z",
            "lastError": None,
            "nextTryMs": None,
        },
    ]


def test_whoever_sends_by_a_channel_that_waits_is_told_so_and_nobody_else(delays: Delays) -> None:
    delays.unreached("mail", None)

    assert delays.warnings(["sms"]) == []
    [warning] = delays.warnings(["mail", "sms"])
    assert warning.model_dump(mode="json") == {
        "code": "DELAYED",
        "channel": "mail",
        "reason": "unreached",
        "since": "2026-11-23T08:00:00Z",
        "message": "Mail cannot be reached since 2026-11-23T08:00:00Z: what goes that way is "
        "sent later, by itself.",
    }
