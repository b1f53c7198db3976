"""Admit a steady rate of calls from each principal, by what the calls cost."""

import math
from hashlib import sha256

from rpcbackend.context import Context
from rpcbackend.dispatch.call import Call
from rpcbackend.dispatch.registry import RateClass
from rpcbackend.errors import RateLimitedError
from rpcbackend.resilience.shares import Rates, SharedGcra
from rpcbackend.schema.limits import Limits

_LIMITED = ("user", "api_key")
"""Principals with a name of their own; others are known by where they come from."""

SHARED = 12
"""So many times the rate of one login an address has for all of them: a school behind one address
signs in on a Monday morning. Each costs 50 ms of a core, so that is a twentieth of it; wrong
passwords have bounds of their own (`rpcbackend.accounts.guesses`)."""


class RateLimit:
    """A token bucket for each principal and class of calls.

    The one desk of a school without users is not limited: its bound is the queue, and its calls
    are nobody's but its own. Only `auth.*` is limited even there, for guesses come from anywhere:
    by the login that is named from one address, and by the address for all of them together.

    Args:
        limits: The rates.
        rates: Shares them with the other processes of the school.
    """

    def __init__(self, limits: Limits, rates: Rates) -> None:
        bounds: dict[RateClass, tuple[float, int]] = {
            "auth": (limits.auth_per_minute / 60, limits.auth_per_minute),
            "heavy": (limits.heavy_per_second, 2 * limits.heavy_per_second),
            "command": (limits.command_per_second, 2 * limits.command_per_second),
            "query": (limits.query_per_second, 2 * limits.query_per_second),
        }
        self._buckets: dict[RateClass, SharedGcra] = {
            kind: rates.limiter(kind, *bound) for kind, bound in bounds.items()
        }
        together = SHARED * limits.auth_per_minute
        self._addresses = rates.limiter("address", together / 60, together)

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
        # Others are told, and what is typed for a login may be a password.
        whose = f"{address} {_digest_of(login)}" if login is not None else None
        # Desks number their connections by themselves.
        is_shared = context.connection.audience == "http"
        if whose is not None:
            # Whoever hammers at one login uses up nothing of his neighbours'.
            _refuse_for(self._buckets["auth"].wait(whose, now))
        _refuse_for(self._addresses.take(address, now, is_shared=is_shared))
        if whose is not None:
            _refuse_for(self._buckets["auth"].take(whose, now, is_shared=is_shared))


def _digest_of(login: str) -> str:
    return sha256(login.casefold().encode("utf-8", "surrogatepass")).hexdigest()[:32]


def _refuse_for(wait_seconds: float) -> None:
    if wait_seconds > 0:
        # To the microsecond first: what floats add to a wait must not cost a millisecond.
        raise RateLimitedError(retry_after_ms=math.ceil(round(wait_seconds * 1_000, 3)))
