"""What is remembered of hosts, and for how long."""

import pytest

from rpcbackend.outside.hosts import MAX_HOSTS, Hosts, name_of_host
from rpcbackend.resilience.breaker import BreakerLimits
from rpcbackend.testing import FrozenClock


@pytest.fixture
def hosts(clock: FrozenClock) -> Hosts:
    return Hosts(clock, BreakerLimits(failures=1), lambda state: None)  # noqa: ARG005


def fail(hosts: Hosts, name: str) -> None:
    ticket = hosts.find(name).breaker.admit(0.0)
    assert ticket is not None
    hosts.settle(name, ticket, has_failed=True)


def test_no_more_are_remembered_than_so_many_and_those_that_are_sick_longest(
    hosts: Hosts,
) -> None:
    fail(hosts, "sick.example:443")

    for number in range(3 * MAX_HOSTS):
        hosts.find(f"{number}.example:443")

    states = hosts.tell_all()
    assert len(states) == MAX_HOSTS
    assert [state.host for state in states if state.state == "open"] == ["sick.example:443"]


def test_sick_ones_without_number_are_forgotten_too(hosts: Hosts) -> None:
    for number in range(2 * MAX_HOSTS):
        fail(hosts, f"{number}.example:443")

    assert len(hosts.tell_all()) == MAX_HOSTS


def test_one_to_which_a_call_is_under_way_is_not_forgotten(hosts: Hosts) -> None:
    for number in range(MAX_HOSTS + 1):
        hosts.find(f"{number}.example:443").under_way = 1

    assert len(hosts.tell_all()) == MAX_HOSTS + 1


@pytest.mark.parametrize(
    ("given", "name"),
    [
        ("smtp.example:587", "smtp.example:587"),
        ("SMTP.Example:587", "smtp.example:587"),
        ("https://user:secret@api.example:8443/v1/key?token=secret#x", "api.example:8443"),
        ("user:secret@api.example", "api.example"),
        ("api.example/secret", "api.example"),
        ("a" * 10_000, "a" * 260),
    ],
)
def test_a_name_has_no_secret_and_no_path(given: str, name: str) -> None:
    assert name_of_host(given) == name
