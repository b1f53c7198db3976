"""Who sends a request, found out before its body is read; and how often he may."""

import itertools
import math
from dataclasses import dataclass, replace
from typing import NamedTuple

from rpcbackend.api_settings import RateLimitSettings
from rpcbackend.app import Application
from rpcbackend.clock import Clock
from rpcbackend.errors import RateLimitedError, SessionExpiredError, UnauthenticatedError
from rpcbackend.mirror.asked import NOT_VALID, Asked
from rpcbackend.mirror.basic import BasicSessions
from rpcbackend.resilience.shares import SharedGcra
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


class Admitted(NamedTuple):
    """A request whose caller is known."""

    principal: Principal
    asked: Asked
    """With the token of the caller's session, if he brought a password."""


class Callers:
    """Finds out who calls; the rings of the call itself look again.

    A call that is nobody's is refused here, before its body is read and its params are looked at:
    strangers learn nothing of channels and params, and cost nothing.

    Args:
        app: Knows sessions and keys.
        clock: Measures the rates.
        rates: How many requests each may send.
        basic: Signs in whoever brings a password with each request; None lets nobody do that.
    """

    def __init__(
        self,
        app: Application,
        clock: Clock,
        rates: RateLimitSettings,
        basic: BasicSessions | None = None,
    ) -> None:
        self._app, self._clock, self._basic = app, clock, basic
        per_second, most = rates.max / rates.window, 2 * rates.max
        self._of_known = app.rates.limiter("request", per_second, most)
        self._of_strangers = app.rates.limiter(
            "stranger", per_second / STRANGERS_SHARE, most // STRANGERS_SHARE
        )
        self._count = itertools.count(1)

    async def admit(self, asked: Asked) -> Admitted:
        """Return who calls.

        Raises:
            UnauthenticatedError: He does not say so, or proves it by nothing that is ours.
            SessionExpiredError: His session, token or key is over.
            RateLimitedError: He, or his address, sends too many requests.
            NotInitializedError: Nobody can tell, for the store is locked.
            Refused: His password does not sign him in.
        """
        if asked.basic is None:
            principal = await self._identify(asked.source, asked.token)
        else:
            principal, asked = await self._by_password(asked, asked.basic)
        self._take(self._of_known, principal.actor)
        return Admitted(principal, asked)

    async def _identify(self, source: str, token: str | None) -> Principal:
        if token is None:
            self.take_stranger(source)
            raise UnauthenticatedError
        caller = _Caller(id=f"caller_{next(self._count)}", source=source)
        known = self._app.access.known(caller, token) if self._app.is_open else None
        if known is not None:
            return known
        # Whoever invents tokens is a stranger, however many he has.
        self.take_stranger(source)
        if not self._app.is_open:
            await self._app.open_store()
        return await self._app.access.identify(self._app.store, caller, token)

    async def _by_password(self, asked: Asked, credentials: str) -> tuple[Principal, Asked]:
        if self._basic is None:
            self.take_stranger(asked.source)
            raise UnauthenticatedError(NOT_VALID)
        if not self._basic.knows(credentials):
            self.take_stranger(asked.source)
        token = await self._basic.token_of(credentials, asked)
        try:
            principal = await self._identify(asked.source, token)
        except SessionExpiredError:
            # It was ended meanwhile; the password may still be right.
            self._basic.forget(credentials)
            token = await self._basic.token_of(credentials, asked)
            principal = await self._identify(asked.source, token)
        return principal, replace(asked, token=token, basic=None)

    def take_stranger(self, source: str) -> None:
        """Count a request of somebody who proves nothing.

        Raises:
            RateLimitedError: His address sends too many.
        """
        self._take(self._of_strangers, source)

    def _take(self, bucket: SharedGcra, key: str) -> None:
        wait = bucket.take(key, self._clock.monotonic())
        if wait > 0:
            raise RateLimitedError(retry_after_ms=math.ceil(round(wait * 1_000, 3)))
