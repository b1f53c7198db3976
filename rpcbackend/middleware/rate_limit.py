"""Admit a steady rate of calls from each principal, by what the calls cost."""

import math

from rpcbackend.context import Context
from rpcbackend.dispatch.call import Call
from rpcbackend.dispatch.registry import RateClass
from rpcbackend.errors import RateLimitedError
from rpcbackend.resilience.gcra import Gcra
from rpcbackend.schema.limits import Limits

_LIMITED = ("user", "api_key")
"""Principals with a name of their own; others are known by where they come from."""

SHARED = 12
"""So many times the rate of one login an address has for all of them: a school behind one address
signs in on a Monday morning. Each costs 50 ms of a core, so that is a twentieth of it; wrong
passwords have bounds of their own (`rpcbackend.guesses`)."""


class RateLimit:
    """A token bucket for each principal and class of calls.

    The one desk of a school without users is not limited: its bound is the queue, and its calls
    are nobody's but its own. Only `auth.*` is limited even there, for guesses come from anywhere:
    by the login that is named from one address, and by the address for all of them together.

    Args:
        limits: The rates.
    """

    def __init__(self, limits: Limits) -> None:
        self._buckets: dict[RateClass, Gcra] = {
            "auth": Gcra(limits.auth_per_minute / 60, limits.auth_per_minute),
            "heavy": Gcra(limits.heavy_per_second, 2 * limits.heavy_per_second),
            "command": Gcra(limits.command_per_second, 2 * limits.command_per_second),
            "query": Gcra(limits.query_per_second, 2 * limits.query_per_second),
        }
        together = SHARED * limits.auth_per_minute
        self._addresses = Gcra(together / 60, together)

    def __call__(self, call: Call) -> None:
        """Let the call pass if its class has room.

        Raises:
            RateLimitedError: It has not; says when it will have.
        """
        context, kind = call.context, call.method.rate_class
        if kind == "auth" and context.principal.kind not in _LIMITED:
            self._take_of_address(context, getattr(call.params, "login", None))
        else:
            self.take(context, kind)

    def take(self, context: Context, kind: RateClass) -> None:
        """Count a call of that class, if there is room for it.

        Raises:
            RateLimitedError: There is not; says when there will be.
        """
        if context.principal.kind in _LIMITED:
            now = context.clock.monotonic()
            _refuse_for(self._buckets[kind].take(context.principal.actor, now))

    def _take_of_address(self, context: Context, login: str | None) -> None:
        """Count a call of `auth.*` by nobody; without a login only his address is counted."""
        address, now = context.connection.source, context.clock.monotonic()
        whose = f"{address} {login.casefold()}" if login is not None else None
        if whose is not None:
            # Whoever hammers at one login uses up nothing of his neighbours'.
            _refuse_for(self._buckets["auth"].wait(whose, now))
        _refuse_for(self._addresses.take(address, now))
        if whose is not None:
            _refuse_for(self._buckets["auth"].take(whose, now))


def _refuse_for(wait_seconds: float) -> None:
    if wait_seconds > 0:
        # To the microsecond first: what floats add to a wait must not cost a millisecond.
        raise RateLimitedError(retry_after_ms=math.ceil(round(wait_seconds * 1_000, 3)))
