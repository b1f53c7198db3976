"""Who sends a request, found out before its body is read; and how often he may."""

import itertools
import math
from dataclasses import dataclass

from rpcbackend.api_settings import RateLimitSettings
from rpcbackend.app import Application
from rpcbackend.clock import Clock
from rpcbackend.errors import RateLimitedError, UnauthenticatedError
from rpcbackend.mirror.asked import Asked
from rpcbackend.resilience.gcra import Gcra
from rpcbackend.security.principal import Principal
from rpcbackend.security.tokens import Audience

STRANGERS_SHARE = 5
"""An address that proves nothing has this part of a caller's rate."""


@dataclass(slots=True, kw_only=True)
class _Caller:
    """A connection, as `Access` wants to know it."""

    id: str
    source: str
    audience: Audience = "http"
    session_id: str | None = None
    is_desk: bool = False


class Callers:
    """Finds out who calls; the rings of the call itself look again.

    A call that is nobody's is refused here, before its body is read and its params are looked at:
    strangers learn nothing of channels and params, and cost nothing.

    Args:
        app: Knows sessions and keys.
        clock: Measures the rates.
        rates: How many requests each may send.
    """

    def __init__(self, app: Application, clock: Clock, rates: RateLimitSettings) -> None:
        self._app, self._clock = app, clock
        per_second, most = rates.max / rates.window, 2 * rates.max
        self._of_known = Gcra(per_second, most)
        self._of_strangers = Gcra(per_second / STRANGERS_SHARE, most // STRANGERS_SHARE)
        self._count = itertools.count(1)

    async def identify(self, asked: Asked) -> Principal:
        """Return who calls.

        Raises:
            UnauthenticatedError: He does not say so, or proves it by nothing that is ours.
            SessionExpiredError: His session, token or key is over.
            RateLimitedError: He, or his address, sends too many requests.
            NotInitializedError: Nobody can tell, for the store is locked.
        """
        if asked.token is None:
            self.take_stranger(asked.source)
            raise UnauthenticatedError
        caller = _Caller(id=f"caller_{next(self._count)}", source=asked.source)
        principal = None
        if self._app.is_open:
            principal = self._app.access.known(caller, asked.token)
        if principal is None:
            # Whoever invents tokens is a stranger, however many he has.
            self.take_stranger(asked.source)
            if not self._app.is_open:
                await self._app.open_store()
            principal = await self._app.access.identify(self._app.store, caller, asked.token)
        self._take(self._of_known, principal.actor)
        return principal

    def take_stranger(self, source: str) -> None:
        """Count a request of somebody who proves nothing.

        Raises:
            RateLimitedError: His address sends too many.
        """
        self._take(self._of_strangers, source)

    def _take(self, bucket: Gcra, key: str) -> None:
        wait = bucket.take(key, self._clock.monotonic())
        if wait > 0:
            raise RateLimitedError(retry_after_ms=math.ceil(round(wait * 1_000, 3)))
