"""HTTP Basic: a password with each request, exchanged for a short session once in a while.

To compare a password takes 50 ms of a core, so the session it opened is remembered, by a digest
that nothing outside of this process can compute. It is opened by `auth.login` like any other: with
its rates, its locks and its audit. A user with a second factor cannot be let in by a password.
"""

import asyncio
import base64
import hmac
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from rpcbackend.errors import UnauthenticatedError
from rpcbackend.mirror.answers import Refused, answer_of, is_error, result_of
from rpcbackend.mirror.asked import NOT_VALID, Asked
from rpcbackend.mirror.wire import Wire
from rpcbackend.protocol import codec

CLIENT = "http basic"
"""As `sessions.list` names the program."""

MOST = 256
"""Sessions that are remembered; whoever is forgotten signs in again."""

EARLY_SECONDS = 30
"""So long before its end a token is exchanged: calls that come with it should still be made."""

_DIGEST_KEY_BYTES = 32


@dataclass(slots=True)
class _Session:
    token: str = field(repr=False)
    refresh_token: str = field(repr=False)
    good_until: float
    """Unix seconds."""


class BasicSessions:
    """Knows the sessions of those who bring a password.

    Args:
        wire: Signs in.
        now: Tells Unix seconds.
        random_bytes: Gives the digests their key.
    """

    def __init__(
        self, wire: Wire, now: Callable[[], float], random_bytes: Callable[[int], bytes]
    ) -> None:
        self._wire, self._now = wire, now
        self._key = random_bytes(_DIGEST_KEY_BYTES)
        self._sessions: OrderedDict[bytes, _Session] = OrderedDict()
        self._signing_in: dict[bytes, asyncio.Lock] = {}

    def knows(self, credentials: str) -> bool:
        """Tell whether these credentials have a session that lasts."""
        session = self._sessions.get(self._digest(credentials))
        return session is not None and self._lasts(session)

    def forget(self, credentials: str) -> None:
        """Forget the session of these credentials."""
        self._sessions.pop(self._digest(credentials), None)

    async def token_of(self, credentials: str, asked: Asked) -> str:
        """Return an access token of the session that these credentials have, or open now.

        Raises:
            UnauthenticatedError: They are none.
            Refused: They sign nobody in, or not now.
        """
        digest = self._digest(credentials)
        session = self._sessions.get(digest)
        if session is not None and self._lasts(session):
            self._sessions.move_to_end(digest)
            return session.token
        # Many requests at once are one sign-in.
        lock = self._signing_in.setdefault(digest, asyncio.Lock())
        try:
            async with lock:
                session = self._sessions.get(digest)
                if session is None or not self._lasts(session):
                    session = await self._open(session, credentials, asked)
                    self._remember(digest, session)
        finally:
            if not lock.locked():
                self._signing_in.pop(digest, None)
        return session.token

    async def _open(self, last: _Session | None, credentials: str, asked: Asked) -> _Session:
        if last is not None:
            params: dict[str, Any] = {"refreshToken": last.refresh_token}
            line = await self._wire.call("auth.refresh", params, asked.source)
            if not is_error(line):
                return _session_of(line)
        login, password = _read(credentials)
        params = {"login": login, "password": password, "client": CLIENT}
        line = await self._wire.call("auth.login", params, asked.source)
        if is_error(line):
            raise Refused(answer_of(line, wants_problem=asked.wants_problem))
        return _session_of(line)

    def _remember(self, digest: bytes, session: _Session) -> None:
        self._sessions[digest] = session
        self._sessions.move_to_end(digest)
        if len(self._sessions) > MOST:
            self._sessions.popitem(last=False)

    def _lasts(self, session: _Session) -> bool:
        return self._now() < session.good_until

    def _digest(self, credentials: str) -> bytes:
        return hmac.digest(self._key, credentials.encode(), "sha256")


def _read(credentials: str) -> tuple[str, str]:
    """Read login and password (RFC 7617, in UTF-8)."""
    try:
        text = base64.b64decode(credentials, validate=True).decode()
    except ValueError:
        raise UnauthenticatedError(NOT_VALID) from None
    login, colon, password = text.partition(":")
    if not colon or not login or not password:
        raise UnauthenticatedError(NOT_VALID)
    return login, password


def _session_of(line: bytes) -> _Session:
    signed_in = codec.decode(result_of(line))
    ends_at = datetime.fromisoformat(signed_in["expiresAt"]).timestamp()
    return _Session(signed_in["accessToken"], signed_in["refreshToken"], ends_at - EARLY_SECONDS)
