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


class RateLimit:
    """A token bucket for each principal and class of calls.

    The one desk of a school without users is not limited: its bound is the queue, and its calls
    are nobody's but its own. Only `auth.*` is limited even there, for guesses come from anywhere.

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

    def __call__(self, call: Call) -> None:
        """Let the call pass if its class has room.

        Raises:
            RateLimitedError: It has not; says when it will have.
        """
        self.take(call.context, call.method.rate_class)

    def take(self, context: Context, kind: RateClass) -> None:
        """Count a call of that class, if there is room for it.

        Raises:
            RateLimitedError: There is not; says when there will be.
        """
        is_named = context.principal.kind in _LIMITED
        if is_named or kind == "auth":
            whose = context.principal.actor if is_named else context.connection.source
            wait = self._buckets[kind].take(whose, context.clock.monotonic())
            if wait > 0:
                # To the microsecond first: what floats add to a wait must not cost a millisecond.
                raise RateLimitedError(retry_after_ms=math.ceil(round(wait * 1_000, 3)))
