"""The outer door: what no page, name or body gets past, before anything looks at what is asked.

Pure ASGI around the routes. What a browser sends for somebody else's page is refused here: by the
name it called (rebinding), by the page's origin, by `Sec-Fetch-Site`, and by a content type that
no form can send; and nothing here reads cookies, so there is nothing such a page could ride on.
"""

from collections.abc import Callable
from http import HTTPStatus
from typing import Protocol

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from rpcbackend.api_settings import KIB, ApiSettings
from rpcbackend.errors import (
    ForbiddenError,
    InvalidRequestError,
    RequestTooLargeError,
)
from rpcbackend.mirror.accepted import wants_problem
from rpcbackend.mirror.answers import Refused
from rpcbackend.mirror.body import TOO_LARGE, BoundedBody, is_json
from rpcbackend.mirror.places import Places, is_of_another_site
from rpcbackend.rpc_error import RpcError

HEADER_BYTES = 16 * KIB
"""Of a whole head; tokens have 4 KiB at most, cursors less."""

METHODS = ("GET", "HEAD", "OPTIONS", "POST")

_TWO_WAYS = "The request cannot be read in one way only."

_OTHER_NAME = "Nobody is served here by that name; the setting api.hosts lists the names."
_OTHER_ORIGIN = "Pages of that origin may not call; api.cors.origins lists those that may."

_BY_GET = ("/api/health", "/api/events")

ALLOWED_HEADERS = (
    "Authorization, Content-Type, Idempotency-Key, If-None-Match, Last-Event-ID, Traceparent, "
    "X-API-Key"
)
EXPOSED_HEADERS = "ETag, Idempotency-Replayed, Link, Retry-After"

PREFLIGHT_SECONDS = 600

_ALWAYS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
_OVER_TLS = {"Strict-Transport-Security": "max-age=31536000"}


class Refuse(Protocol):
    """Makes the answer of an error."""

    def __call__(self, error: Exception, status: int | None, *, wants_problem: bool) -> Response:
        """Return it; a status of its own takes the place of the table's."""
        ...


class _TurnedAway(Exception):  # noqa: N818 (as `Refused`)
    """A request that comes to no route: why, by which status, and what its answer says beside."""

    def __init__(self, error: RpcError, status: int | None = None, **headers: str) -> None:
        self.error, self.status, self.headers = error, status, headers
        super().__init__()


class Guard:
    """Lets through what may be asked at all.

    Args:
        inner: The routes.
        settings: Bounds.
        places: Names and origins.
        refuse: Makes answers of errors.
        date: Tells the time for the header `Date`.
    """

    def __init__(
        self,
        inner: ASGIApp,
        settings: ApiSettings,
        places: Places,
        *,
        refuse: Refuse,
        date: Callable[[], str],
    ) -> None:
        self._inner, self._settings, self._places = inner, settings, places
        self._refuse, self._date = refuse, date
        self._always = _ALWAYS | (_OVER_TLS if places.is_encrypted else {})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        headers = Headers(scope=scope)
        origin = headers.get("origin", "").lower()
        answer = _Answer(send, self._finisher(headers, origin))
        is_problem = wants_problem(headers.getlist("accept"))
        try:
            await self._serve(scope, receive, answer, headers, origin)
        except _TurnedAway as away:
            response = self._refuse(away.error, away.status, wants_problem=is_problem)
            response.headers.update(away.headers)
            await response(scope, receive, answer)
        except Exception as error:  # noqa: BLE001 (told by its correlation id alone)
            # Whatever the routes answered to it was reported there, and raised again.
            if not answer.has_begun:
                response = self._refuse(error, None, wants_problem=is_problem)
                await response(scope, receive, answer)

    async def _serve(
        self, scope: Scope, receive: Receive, answer: "_Answer", headers: Headers, origin: str
    ) -> None:
        self._check_form(scope, headers)
        self._check_place(scope, headers, origin)
        if scope["method"] == "OPTIONS":
            await self._preflight(scope["path"], headers, origin)(scope, receive, answer)
            return
        self._check_method(scope, origin)
        self._check_body(scope["method"], headers)
        is_problem = wants_problem(headers.getlist("accept"))

        def refused(error: RpcError, status: int | None) -> Refused:
            return Refused(self._refuse(error, status, wants_problem=is_problem))

        await self._inner(scope, BoundedBody(receive, self._settings, refused), answer)

    def _check_form(self, scope: Scope, headers: Headers) -> None:
        # h11 bounds what has not come whole yet; a head that comes at once may be longer.
        size = len(scope["raw_path"]) + len(scope["query_string"])
        size += sum(len(name) + len(value) + 4 for name, value in scope["headers"])
        if size > HEADER_BYTES:
            raise _TurnedAway(RequestTooLargeError("The head of the request is too long."), 431)
        # `GET http://elsewhere/` names a host of its own, and `*` names nothing.
        is_path = scope["raw_path"].startswith(b"/") and not scope["raw_path"].startswith(b"//")
        lengths = headers.getlist("content-length") + headers.getlist("transfer-encoding")
        is_ours = scope["http_version"] in ("1.0", "1.1")
        if not (is_path and is_ours) or len(lengths) > 1:
            # Whoever stands between us may have read it in the other.
            raise _TurnedAway(InvalidRequestError(_TWO_WAYS), Connection="close")

    def _check_place(self, scope: Scope, headers: Headers, origin: str) -> None:
        hosts = headers.getlist("host")
        if len(hosts) != 1 or hosts[0].lower() not in self._places.hosts:
            raise _TurnedAway(InvalidRequestError(_OTHER_NAME), 421)
        # A proxy adds to the caller's list, or a list of its own below it.
        forwarded_for = ",".join(headers.getlist("x-forwarded-for")) or None
        peer = scope["client"][0] if scope["client"] else ""
        source = self._places.caller(peer, forwarded_for)
        if source is None:
            raise _TurnedAway(ForbiddenError("Only the proxies that are configured are served."))
        scope["state"] = {"source": source}
        origins = len(headers.getlist("origin"))
        if origins > 1 or (origin and not self._places.may_call(origin)):
            raise _TurnedAway(ForbiddenError(_OTHER_ORIGIN))
        if not origin and is_of_another_site(scope["method"], scope["path"], headers):
            raise _TurnedAway(ForbiddenError("Pages of other sites may not call."))

    def _preflight(self, path: str, headers: Headers, origin: str) -> Response:
        """Answer what a browser asks before it lets a page of another origin call."""
        if origin not in self._places.other_origins:
            return Response(status_code=204, headers={"Allow": allowed_at(path)})
        allowed = {
            "Access-Control-Allow-Methods": ", ".join(self._settings.cors.methods),
            "Access-Control-Allow-Headers": ALLOWED_HEADERS,
            "Access-Control-Max-Age": str(PREFLIGHT_SECONDS),
        }
        is_asked = headers.get("access-control-request-method") in self._settings.cors.methods
        return Response(status_code=204, headers=allowed if is_asked else {})

    def _check_method(self, scope: Scope, origin: str) -> None:
        method, allowed = scope["method"], allowed_at(scope["path"])
        if method not in allowed.split(", "):
            error = InvalidRequestError("That method is not served here.")
            raise _TurnedAway(error, 405, Allow=allowed)
        if origin in self._places.other_origins:
            wanted = "GET" if method == "HEAD" else method
            if wanted not in self._settings.cors.methods:
                raise _TurnedAway(ForbiddenError("Pages of that origin may not send that method."))

    def _check_body(self, method: str, headers: Headers) -> None:
        if headers.get("content-encoding", "identity").lower() != "identity":
            raise _TurnedAway(
                InvalidRequestError("A body comes as it is, in no other coding."), 415
            )
        length = headers.get("content-length", "0")
        if not length.isascii() or not length.isdigit():
            raise _TurnedAway(InvalidRequestError(_TWO_WAYS))
        if int(length) > self._settings.body_bytes:
            raise _TurnedAway(RequestTooLargeError(TOO_LARGE))
        if method == "POST" and not is_json(headers.getlist("content-type")):
            raise _TurnedAway(InvalidRequestError("A body is application/json, in UTF-8."), 415)

    def _finisher(self, headers_in: Headers, origin: str) -> Callable[[Message], None]:
        """Return what gives an answer the headers that all of them have."""
        challenge = self._challenge(headers_in)

        def finish(start: Message) -> None:
            headers = MutableHeaders(scope=start)
            for name, value in self._always.items():
                headers.setdefault(name, value)
            headers["Date"] = self._date()
            if start["status"] == HTTPStatus.UNAUTHORIZED:
                headers["WWW-Authenticate"] = challenge
            self._allow(headers, origin)

        return finish

    def _challenge(self, headers: Headers) -> str:
        # A browser asks its user for a password then, which no script of ours wants.
        is_fetched = headers.get("sec-fetch-mode") in ("cors", "no-cors", "same-origin")
        if self._settings.auth.type == "basic" and not is_fetched:
            return 'Bearer realm="rpcbackend", Basic realm="rpcbackend", charset="UTF-8"'
        return 'Bearer realm="rpcbackend"'

    def _allow(self, headers: MutableHeaders, origin: str) -> None:
        headers.add_vary_header("Origin")
        if origin in self._places.other_origins:
            headers["Access-Control-Allow-Origin"] = origin
            headers["Access-Control-Expose-Headers"] = EXPOSED_HEADERS


def allowed_at(path: str) -> str:
    """Return the methods that are served at a path."""
    is_call = path == "/rpc" or (path.startswith("/api/") and path not in _BY_GET)
    return "OPTIONS, POST" if is_call else "GET, HEAD, OPTIONS"


class _Answer:
    """Sends an answer, and knows whether it has begun."""

    def __init__(self, send: Send, finish: Callable[[Message], None]) -> None:
        self._send, self._finish = send, finish
        self.has_begun = False

    async def __call__(self, message: Message) -> None:
        """Send a part of it."""
        if message["type"] == "http.response.start":
            self.has_begun = True
            self._finish(message)
        await self._send(message)
