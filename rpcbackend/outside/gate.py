"""The one gate through which every call to a host outside goes.

Each host has a circuit breaker and a budget of retries; each policy bounds how many calls of its
own are under way there, how long one takes, and how it is tried again.
"""

import asyncio
from collections.abc import Awaitable, Callable
from functools import cache
from typing import TYPE_CHECKING, Final, TypeVar

from rpcbackend.clock import Clock
from rpcbackend.outside.adapter import LeftAloneError, RefusedError, TryAgainError
from rpcbackend.outside.hosts import Host, Hosts, HostState, OnChange, name_of_host
from rpcbackend.outside.policy import Policy
from rpcbackend.resilience.backoff import Backoff
from rpcbackend.resilience.breaker import BreakerLimits

if TYPE_CHECKING:
    from stamina import AsyncRetryingCaller

T = TypeVar("T")

FIRST_WAIT_SECONDS, LONGEST_WAIT_SECONDS = 0.2, 30.0
"""Bounds of the waits within one call."""

PROBE_SECONDS: Final = 5.0
"""When to ask again while a probe is under way."""


class BrokenOffError(TryAgainError):
    """The host was reached and gave no whole answer: nobody knows whether it got the message."""


class Gate:
    """Lets calls to hosts through while these are well.

    Args:
        clock: Tells the time.
        random: Draws the waits; gives numbers from 0 up to, and without, 1.
        policy: How it is used.
        limits: When breakers open, and for how long.
        on_change: Told of a host whose breaker closes, or is closed no more; it must not raise.
    """

    def __init__(
        self,
        *,
        clock: Clock,
        random: Callable[[], float],
        policy: Policy | None = None,
        limits: BreakerLimits | None = None,
        on_change: OnChange = lambda state: None,  # noqa: ARG005
    ) -> None:
        self._clock, self._random = clock, random
        self._hosts = Hosts(clock, limits or BreakerLimits(), on_change)
        self.policy = policy or Policy()
        """How it is used."""

    def under(self, policy: Policy) -> "Gate":
        """Return the same gate, of the same hosts, used in another way."""
        gate = Gate(clock=self._clock, random=self._random, policy=policy)
        gate._hosts = self._hosts
        return gate

    def states(self) -> list[HostState]:
        """Return how every host stands that is remembered, by name."""
        return self._hosts.tell_all()

    async def call(
        self,
        host: str,
        fn: Callable[[], Awaitable[T]],
        *,
        is_sick: Callable[[T], bool] = lambda result: False,  # noqa: ARG005
    ) -> T:
        """Run *fn*, which makes one call to a host, and return what it does.

        It is run again at once only after a `TryAgainError` with `is_unreached`. That, a
        `BrokenOffError`, an `OSError` and the end of its time count against the host; another
        `TryAgainError` and a `RefusedError` were said by a host that is well.

        Args:
            host: Its name and port, such as `smtp.example.org:587`.
            fn: Makes the call; cancelled when its time is over.
            is_sick: Whether a result counts against the host, such as an answer with status 503.

        Raises:
            LeftAloneError: The breaker is open.
            TryAgainError: From *fn*; or with `is_unreached` because too many calls are under way.
            BrokenOffError: The time is over, or the connection broke.
            RefusedError: From *fn*.
        """
        name = name_of_host(host)
        found = self._hosts.find(name)
        found.budget.earn()
        found.under_way += 1
        try:
            return await _Call(self, self._hosts, name, found).run(fn, is_sick)
        finally:
            found.under_way -= 1

    def backoff(self) -> Backoff:
        """Return the waits between two tries of one call."""
        return Backoff(
            FIRST_WAIT_SECONDS, LONGEST_WAIT_SECONDS, self._random, self.policy.backoff_strategy
        )

    def now(self) -> float:
        """Return the time, in seconds."""
        return self._clock.monotonic()


class _Call:
    """One call, and its retries."""

    def __init__(self, gate: Gate, hosts: Hosts, name: str, host: Host) -> None:
        self._gate, self._hosts, self._name, self._host = gate, hosts, name, host
        self._ends_at = gate.now() + gate.policy.timeout_seconds
        self._failures = 0

    async def run(self, fn: Callable[[], Awaitable[T]], is_sick: Callable[[T], bool]) -> T:
        tries = _retrying()(attempts=1 + self._gate.policy.retry_attempts, timeout=None)
        return await tries(self._wait_or_give_up, self._try, fn, is_sick)

    def _wait_or_give_up(self, exc: Exception) -> bool | float:
        """Return how long to wait before the next try, or False: what stamina calls a hook."""
        self._failures += 1
        may_try = (
            isinstance(exc, TryAgainError)
            and exc.is_unreached
            and exc.retry_after_seconds is None
            and self._failures <= self._gate.policy.retry_attempts
        )
        wait = self._gate.backoff().wait(self._failures)
        if not may_try or self._gate.now() + wait >= self._ends_at:
            return False
        if self._host.breaker.wait(self._gate.now()) or not self._host.budget.spend():
            return False
        self._host.retries += 1
        return wait

    async def _try(self, fn: Callable[[], Awaitable[T]], is_sick: Callable[[T], bool]) -> T:
        # An open breaker makes nobody wait for a connection first.
        if wait := self._host.breaker.wait(self._gate.now()):
            raise LeftAloneError(wait)
        policy = self._gate.policy
        slots = self._host.slots.setdefault(policy, asyncio.Semaphore(policy.max_connections))
        try:
            async with asyncio.timeout(self._left()):
                await slots.acquire()
        except TimeoutError:
            raise TryAgainError("too many calls to the host wait", is_unreached=True) from None
        try:
            return await self._once(fn, is_sick)
        finally:
            slots.release()

    async def _once(self, fn: Callable[[], Awaitable[T]], is_sick: Callable[[T], bool]) -> T:
        now = self._gate.now()
        ticket = self._host.breaker.admit(now)
        if ticket is None:
            raise LeftAloneError(self._host.breaker.wait(now) or PROBE_SECONDS)
        self._host.calls += 1
        try:
            result = await self._in_time(fn)
        except TryAgainError as exc:
            has_failed = exc.is_unreached or isinstance(exc, BrokenOffError)
            self._hosts.settle(self._name, ticket, has_failed=has_failed)
            raise
        except RefusedError:
            self._hosts.settle(self._name, ticket, has_failed=False)
            raise
        except BaseException:
            # Cancelled, or a bug of ours: neither says anything of the host.
            self._host.breaker.abandon(ticket)
            raise
        self._hosts.settle(self._name, ticket, has_failed=is_sick(result))
        return result

    async def _in_time(self, fn: Callable[[], Awaitable[T]]) -> T:
        try:
            async with asyncio.timeout(self._left()):
                return await fn()
        except TimeoutError:
            raise BrokenOffError("the host gave no answer in time") from None
        except OSError as exc:
            raise BrokenOffError("the connection to the host broke") from exc

    def _left(self) -> float:
        return max(0.0, self._ends_at - self._gate.now())


@cache
def _retrying() -> type["AsyncRetryingCaller"]:
    from stamina import AsyncRetryingCaller  # noqa: PLC0415 (when something goes out)
    from stamina.instrumentation import set_on_retry_hooks  # noqa: PLC0415 (the same)

    # Its own would load prometheus_client, and count beside our figures.
    set_on_retry_hooks(())
    return AsyncRetryingCaller
