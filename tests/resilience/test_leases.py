"""Until when something is held."""

from rpcbackend.resilience.leases import Leases


def test_a_lease_holds_for_its_time_and_ends_by_itself() -> None:
    leases = Leases(60)
    leases.take("a", 0.0)
    leases.take("b", 30.0)

    assert leases.held(59.9) == {"a", "b"}
    assert leases.held(60.0) == {"b"}
    assert leases.held(90.0) == frozenset()


def test_a_lease_that_is_taken_again_holds_from_then_on() -> None:
    leases = Leases(60)
    leases.take("a", 0.0)

    leases.take("a", 50.0)

    assert leases.held(109.0) == {"a"}


def test_what_is_given_back_is_held_no_longer_however_often() -> None:
    leases = Leases(60)
    leases.take("a", 0.0)

    leases.give_back("a")
    leases.give_back("a")

    assert leases.held(1.0) == frozenset()
