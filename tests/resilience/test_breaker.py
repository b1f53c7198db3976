"""When a breaker opens, for how long, and how it closes."""

import pytest
from hypothesis import given
from hypothesis import strategies as some
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from rpcbackend.resilience.breaker import Breaker, BreakerLimits, Ticket


def succeed(breaker: Breaker, now: float = 0.0) -> None:
    ticket = breaker.admit(now)
    assert ticket is not None
    breaker.succeed(ticket, now)


def fail(breaker: Breaker, now: float = 0.0) -> None:
    ticket = breaker.admit(now)
    assert ticket is not None
    breaker.fail(ticket, now)


def opened(now: float = 0.0) -> Breaker:
    breaker = Breaker()
    for _ in range(5):
        fail(breaker, now)
    return breaker


def test_a_new_one_is_closed() -> None:
    breaker = Breaker()

    assert (breaker.state(0.0), breaker.wait(0.0)) == ("closed", 0.0)


def test_five_failures_in_a_row_open_it_for_thirty_seconds() -> None:
    breaker = Breaker()

    for _ in range(4):
        fail(breaker)
        assert breaker.state(0.0) == "closed"
    fail(breaker)

    assert (breaker.state(0.0), breaker.wait(0.0)) == ("open", 30.0)
    assert breaker.admit(29.9) is None
    assert breaker.state(30.0) == "half_open"


def test_a_success_between_them_begins_the_count_anew() -> None:
    breaker = Breaker()

    for _ in range(2):
        for _ in range(4):
            fail(breaker)
        succeed(breaker)

    assert breaker.state(0.0) == "closed"


def test_half_of_twenty_calls_open_it_too() -> None:
    breaker = Breaker()

    for _ in range(9):
        succeed(breaker)
        fail(breaker)
    succeed(breaker)
    assert breaker.state(0.0) == "closed"
    fail(breaker)

    assert breaker.state(0.0) == "open"


def test_a_share_of_few_calls_says_nothing() -> None:
    breaker = Breaker()

    for _ in range(9):
        succeed(breaker)
        fail(breaker)

    assert breaker.state(0.0) == "closed"


def test_what_is_longer_ago_than_the_window_does_not_count() -> None:
    breaker = Breaker()
    for _ in range(9):
        succeed(breaker, 0.0)
        fail(breaker, 0.0)

    succeed(breaker, 31.0)
    fail(breaker, 31.0)

    assert breaker.state(31.0) == "closed"


def test_half_open_it_admits_one_probe() -> None:
    breaker = opened()

    assert breaker.admit(30.0) is not None
    assert breaker.admit(30.0) is None
    assert breaker.admit(1_000.0) is None


def test_a_probe_that_goes_well_closes_it() -> None:
    breaker = opened()

    succeed(breaker, 30.0)

    assert breaker.state(30.0) == "closed"
    for _ in range(4):
        fail(breaker, 30.0)
    assert breaker.state(30.0) == "closed"


def test_each_probe_that_fails_doubles_the_wait_up_to_ten_minutes() -> None:
    breaker, now, waits = opened(), 0.0, []

    for _ in range(7):
        waits.append(breaker.wait(now))
        now += breaker.wait(now)
        fail(breaker, now)

    assert waits == [30, 60, 120, 240, 480, 600, 600]


def test_once_it_was_closed_the_wait_begins_anew() -> None:
    breaker = opened()
    fail(breaker, 30.0)
    succeed(breaker, 90.0)

    for _ in range(5):
        fail(breaker, 90.0)

    assert breaker.wait(90.0) == 30.0


def test_a_probe_that_is_given_up_lets_another_one_be_it() -> None:
    breaker = opened()
    probe = breaker.admit(30.0)
    assert probe is not None

    breaker.abandon(probe)

    assert breaker.state(30.0) == "half_open"
    succeed(breaker, 30.0)
    assert breaker.state(30.0) == "closed"


@pytest.mark.parametrize("has_failed", [True, False], ids=["failed", "went well"])
def test_what_was_admitted_before_it_opened_counts_for_nothing(has_failed: bool) -> None:
    breaker = Breaker()
    late = breaker.admit(0.0)
    assert late is not None
    for _ in range(5):
        fail(breaker)

    if has_failed:
        breaker.fail(late, 10.0)
    else:
        breaker.succeed(late, 10.0)
    breaker.abandon(late)

    assert (breaker.state(10.0), breaker.wait(10.0)) == ("open", 20.0)


def test_what_was_admitted_before_is_not_taken_for_the_probe() -> None:
    breaker = Breaker()
    late = breaker.admit(0.0)
    assert late is not None
    for _ in range(5):
        fail(breaker)
    assert breaker.admit(30.0) is not None

    breaker.succeed(late, 30.0)
    breaker.abandon(late)

    assert breaker.state(30.0) == "half_open"
    assert breaker.admit(30.0) is None


def test_its_limits_can_be_others() -> None:
    breaker = Breaker(BreakerLimits(failures=1, open_seconds=1, longest_seconds=1))

    fail(breaker)

    assert breaker.wait(0.0) == 1.0


@given(some.integers(1, 2_000))
def test_no_number_of_failed_probes_is_too_many(probes: int) -> None:
    breaker, now = opened(), 0.0

    for _ in range(probes):
        now += breaker.wait(now)
        fail(breaker, now)

    assert breaker.wait(now) <= 600


class Calls(RuleBasedStateMachine):
    """Calls that begin and end in any order while time passes."""

    def __init__(self) -> None:
        super().__init__()
        self.breaker, self.now = Breaker(), 0.0
        self.under_way: list[Ticket] = []

    @rule(seconds=some.sampled_from([0.0, 0.1, 3.0, 29.0, 31.0, 700.0]))
    def let_time_pass(self, seconds: float) -> None:
        """Let time pass."""
        self.now += seconds

    @rule()
    def begin(self) -> None:
        """Ask for a call."""
        state = self.breaker.state(self.now)
        ticket = self.breaker.admit(self.now)
        if ticket is None:
            assert state != "closed"
        else:
            assert state != "open"
            self.under_way.append(ticket)

    @precondition(lambda self: self.under_way)
    @rule(pick=some.integers(0, 100), outcome=some.sampled_from(["ok", "bad", "gone"]))
    def end(self, pick: int, outcome: str) -> None:
        """Tell what one came to."""
        ticket = self.under_way.pop(pick % len(self.under_way))
        match outcome:
            case "ok":
                self.breaker.succeed(ticket, self.now)
            case "bad":
                self.breaker.fail(ticket, self.now)
            case _:
                self.breaker.abandon(ticket)

    @invariant()
    def it_waits_only_while_it_is_open_and_never_too_long(self) -> None:
        """Hold state and wait together."""
        is_open = self.breaker.state(self.now) == "open"
        assert (self.breaker.wait(self.now) > 0) == is_open
        assert self.breaker.wait(self.now) <= 600


test_calls_in_any_order = Calls.TestCase
