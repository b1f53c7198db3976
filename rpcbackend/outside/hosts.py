"""What is remembered of the hosts outside: how well each answers, and what it is given."""

import asyncio
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final

from rpcbackend.clock import Clock
from rpcbackend.outside.policy import Policy
from rpcbackend.resilience.breaker import Breaker, BreakerLimits, State, Ticket
from rpcbackend.resilience.budget import RetryBudget

MAX_HOSTS: Final = 200
"""Hosts that are remembered; those that are well are forgotten first."""

_LONGEST_NAME = 260


@dataclass(frozen=True, slots=True, kw_only=True)
class HostState:
    """How a host stands."""

    host: str
    """Its name and port: never a path or who signs in there."""
    state: State
    since: datetime
    """When it was closed last, or ceased to be, or was first called."""
    retry_after_seconds: float
    """Until it is half-open; 0 unless it is open."""
    calls: int
    failures: int
    """Of these calls, retries counted, those that failed because of the host."""
    retries: int


OnChange = Callable[[HostState], None]


@dataclass(slots=True)
class Host:
    """What is remembered of one."""

    breaker: Breaker
    since: datetime
    budget: RetryBudget = field(default_factory=RetryBudget)
    under_way: int = 0
    calls: int = 0
    failures: int = 0
    retries: int = 0
    slots: dict[Policy, asyncio.Semaphore] = field(default_factory=dict)


class Hosts:
    """All hosts, whatever the policy.

    Args:
        clock: Tells the time.
        limits: When breakers open, and for how long.
        on_change: Told of a host whose breaker closes, or is closed no more.
    """

    def __init__(self, clock: Clock, limits: BreakerLimits, on_change: OnChange) -> None:
        self._clock, self._limits, self._on_change = clock, limits, on_change
        self._hosts: OrderedDict[str, Host] = OrderedDict()

    def find(self, name: str) -> Host:
        """Return what is remembered of a host, or begin to remember it."""
        host = self._hosts.get(name)
        if host is None:
            self._make_room()
            host = self._hosts[name] = Host(Breaker(self._limits), self._now())
        self._hosts.move_to_end(name)
        return host

    def _make_room(self) -> None:
        if len(self._hosts) >= MAX_HOSTS:
            idle = [name for name, host in self._hosts.items() if not host.under_way]
            now = self._clock.monotonic()
            well = (name for name in idle if self._hosts[name].breaker.state(now) == "closed")
            # All are busy: there are no more of them than calls.
            found = next(well, idle[0] if idle else None)
            if found is not None:
                del self._hosts[found]

    def settle(self, name: str, ticket: Ticket, *, has_failed: bool) -> None:
        """Note what a call came to."""
        host, now = self._hosts[name], self._clock.monotonic()
        was_closed = host.breaker.state(now) == "closed"
        if has_failed:
            host.failures += 1
            host.breaker.fail(ticket, now)
        else:
            host.breaker.succeed(ticket, now)
        if (host.breaker.state(now) == "closed") != was_closed:
            host.since = self._now()
            self._on_change(self.tell(name))

    def tell(self, name: str) -> HostState:
        """Return how one stands."""
        host, now = self._hosts[name], self._clock.monotonic()
        return HostState(
            host=name,
            state=host.breaker.state(now),
            since=host.since,
            retry_after_seconds=host.breaker.wait(now),
            calls=host.calls,
            failures=host.failures,
            retries=host.retries,
        )

    def tell_all(self) -> list[HostState]:
        """Return how each stands, by name."""
        return [self.tell(name) for name in sorted(self._hosts)]

    def _now(self) -> datetime:
        return datetime.fromtimestamp(self._clock.now_ms() / 1_000, UTC)


def name_of_host(host: str) -> str:
    """Return name and port alone, should anybody give more: it is seen in figures and events."""
    authority = host.partition("://")[2] or host
    for mark in "/?#":
        authority = authority.partition(mark)[0]
    return authority.rpartition("@")[2].lower()[:_LONGEST_NAME]
