"""The mirror put together: routes in their guards, a socket, and its life beside the desk's."""

import socket
from collections.abc import Awaitable, Callable
from email.utils import formatdate
from http import HTTPStatus

from fastapi import FastAPI
from loguru import logger
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from rpcbackend.api_settings import ApiSettings, SecuritySettings
from rpcbackend.app import Application
from rpcbackend.clock import Clock
from rpcbackend.errors import (
    DeadlineExceededError,
    InvalidRequestError,
    MethodNotFoundError,
    OverloadedError,
)
from rpcbackend.mirror.accepted import wants_problem
from rpcbackend.mirror.answers import Refused, answer_of
from rpcbackend.mirror.basic import BasicSessions
from rpcbackend.mirror.callers import Callers
from rpcbackend.mirror.compression import Compression
from rpcbackend.mirror.connection import Unreadable
from rpcbackend.mirror.contract import Contract
from rpcbackend.mirror.events import Streams
from rpcbackend.mirror.feeds import Feeds
from rpcbackend.mirror.guard import Guard
from rpcbackend.mirror.listener import Listener, bind
from rpcbackend.mirror.page import console_routes, desk_routes
from rpcbackend.mirror.places import places_of
from rpcbackend.mirror.routes import Routes
from rpcbackend.mirror.webhooks import Webhooks
from rpcbackend.mirror.wire import Wire
from rpcbackend.rpc_error import RpcError

Endpoint = Callable[[Request], Awaitable[Response]]


class Mirror:
    """Serves the channels of an application over HTTP.

    Args:
        app: The application; it may serve the desk as well.
        api: Where to listen, and the bounds.
        security: Tokens, pages, rates.
        clock: Measures rates and tells the date.
        sock: Is bound already, if it is not this mirror's alone.
    """

    def __init__(
        self,
        app: Application,
        api: ApiSettings,
        security: SecuritySettings,
        clock: Clock,
        sock: socket.socket | None = None,
    ) -> None:
        self._api, self._clock = api, clock
        self._socket = sock or bind(api)
        self.port: int = self._socket.getsockname()[1]
        self._wire = Wire(app)
        basic = None
        if api.auth.type == "basic":
            basic = BasicSessions(self._wire, app.access.now, app.random_bytes)
        callers = Callers(app, clock, security.rate_limit, basic)
        self._streams = Streams(
            self._wire, callers, most=api.streams, most_of_one=api.streams_of_one
        )
        routes = Routes(wire=self._wire, callers=callers)
        web = FastAPI(openapi_url=None, docs_url=None, redoc_url=None, redirect_slashes=False)
        self._add_errors(web)
        contract = Contract(app, callers, is_public=api.public_contract)
        for path, endpoint, method in (
            ("/api/health", routes.health, "GET"),
            ("/api/events", self._streams.events, "GET"),
            ("/api/{channel}", routes.call, "POST"),
            ("/rpc", routes.rpc, "POST"),
            ("/metrics", routes.metrics, "GET"),
            ("/feeds/{token}.ics", Feeds(wire=self._wire, callers=callers).feed, "GET"),
            ("/api/webhooks/{provider}", Webhooks(self._wire, callers).receive, "POST"),
            ("/openrpc.json", contract.openrpc, "GET"),
            ("/openapi.json", contract.openapi, "GET"),
            ("/docs", contract.docs, "GET"),
        ):
            # Not as FastAPI's own: the dispatcher checks params, and the contract has the models.
            web.add_route(path, endpoint, [method], include_in_schema=False)
        web.routes.extend(console_routes())
        if api.desk is not None:
            web.routes.extend(desk_routes(api.desk))
        guard = Guard(
            Compression(web),
            api,
            places_of(api, self.port),
            refuse=self._refusal,
            date=self._date,
        )
        self._listener = Listener(guard, api, self._socket, self._written)

    @property
    def url(self) -> str:
        """Where it is."""
        host = f"[{self._api.host}]" if ":" in self._api.host else self._api.host
        return f"{self._api.protocol}://{host}:{self.port}"

    async def start(self) -> None:
        """Listen."""
        await self._listener.start()
        self._wire.app.mirror_url = self.url
        logger.bind(url=self.url).info("the mirror listens")

    async def close(self) -> None:
        """End the streams, let answers go out, and listen no more."""
        self._wire.app.mirror_url = None
        self._streams.close()
        await self._listener.close()

    def _refusal(
        self, error: Exception, status: int | None = None, *, wants_problem: bool = False
    ) -> Response:
        return answer_of(self._wire.refuse(error), status=status, wants_problem=wants_problem)

    def _add_errors(self, web: FastAPI) -> None:
        async def refused(_request: Request, error: Exception) -> Response:
            assert isinstance(error, Refused)  # noqa: S101 (it is registered for these)
            return error.response

        async def told(request: Request, error: Exception) -> Response:
            return self._refusal(error, wants_problem=_wants_problem(request))

        async def no_route(request: Request, error: Exception) -> Response:
            assert isinstance(error, HTTPException)  # noqa: S101 (as above)
            told: RpcError = MethodNotFoundError("There is nothing under this path.")
            if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
                told = InvalidRequestError("That method is not served here.")
            is_problem = _wants_problem(request)
            response = self._refusal(told, error.status_code, wants_problem=is_problem)
            response.headers.update(error.headers or {})
            return response

        async def gone(_request: Request, _error: Exception) -> Response:
            # Whoever left in the middle of his body reads no answer, and it is no fault of ours.
            return Response(status_code=HTTPStatus.BAD_REQUEST)

        web.add_exception_handler(ClientDisconnect, gone)
        web.add_exception_handler(Refused, refused)
        web.add_exception_handler(RpcError, told)
        web.add_exception_handler(HTTPException, no_route)
        web.add_exception_handler(Exception, told)

    def _written(self, why: Unreadable) -> bytes:
        """Write the whole answer for those whose request could not be read."""
        error, status = _told_of(why)
        response = self._refusal(error, status)
        phrase = HTTPStatus(response.status_code).phrase
        lines = [
            f"HTTP/1.1 {response.status_code} {phrase}".encode(),
            *(name + b": " + value for name, value in response.raw_headers),
            b"cache-control: no-store",
            b"x-content-type-options: nosniff",
            b"connection: close",
        ]
        return b"\r\n".join(lines) + b"\r\n\r\n" + bytes(response.body)

    def _date(self) -> str:
        return formatdate(self._clock.now_ms() // 1_000, usegmt=True)


def _wants_problem(request: Request) -> bool:
    return wants_problem(request.headers.getlist("accept"))


def _told_of(why: Unreadable) -> tuple[RpcError, int | None]:
    match why:
        case Unreadable.BAD:
            return InvalidRequestError("That is no request of HTTP/1.1."), None
        case Unreadable.TOO_MANY:
            return OverloadedError(retry_after_ms=1_000), None
        case Unreadable.TOO_SLOW:
            error = DeadlineExceededError("The request took too long to come; nothing was run.")
            return error, HTTPStatus.REQUEST_TIMEOUT
