"""The event stream over HTTP: server-sent events, resumable, no faster than they are read."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from rpcbackend.dispatch.server import Server
from rpcbackend.errors import (
    InvalidParamsError,
    OverloadedError,
    RateLimitedError,
    ShuttingDownError,
)
from rpcbackend.mirror.answers import answer_of, is_error, result_of
from rpcbackend.mirror.asked import read_asked, with_meta
from rpcbackend.mirror.callers import Callers
from rpcbackend.mirror.wire import REQUEST_ID, EventSink, Wire
from rpcbackend.protocol import codec
from rpcbackend.security.principal import Principal
from rpcbackend.security.roles import Permission
from rpcbackend.standing import Standing

CHANNEL = "events.subscribe"

KEEP_ALIVE_SECONDS = 15.0
"""Proxies close what is silent for longer than half a minute or so."""

UNREAD_BYTES = 256 * 1024
"""A page of events more than this at most waits for one reader."""

_BEGIN = b"retry: 2000\nid: %d\n\n"
"""Without data it tells nothing but where to resume, though no event has come yet."""
_STILL_HERE = b": still here\n\n"
_BEFORE_EVENT = codec.notification("event", b"")[:-2]


class Streams:
    """Serves the event streams.

    Args:
        wire: Speaks to the application.
        callers: Finds out who asks.
        most: How many there may be at a time.
        most_of_one: How many of them one user or key may have.
        keep_alive_seconds: How often one says that it is still there, and looks whether it may be.
    """

    def __init__(
        self,
        wire: Wire,
        callers: Callers,
        *,
        most: int,
        most_of_one: int,
        keep_alive_seconds: float = KEEP_ALIVE_SECONDS,
    ) -> None:
        self._wire, self._callers = wire, callers
        self._most, self._most_of_one = most, most_of_one
        self._keep_alive_seconds = keep_alive_seconds
        self._open: dict[EventSink, str] = {}
        """Each with whose it is."""

    def close(self) -> None:
        """End all of them."""
        for sink in tuple(self._open):
            sink.end()

    async def events(self, request: Request) -> Response:
        """Send events from now on, or from after the last one that the client has."""
        asked = read_asked(request)
        principal, asked = await self._callers.admit(asked)
        params = with_meta(_params_of(request), asked, is_open=False)
        if request.method == "HEAD":
            # What is over with its head is not held open for nobody.
            return Response(media_type=_Stream.media_type)
        self._check_room(principal.actor)
        sink = EventSink(UNREAD_BYTES)
        server = self._wire.subscribe(sink, asked.source)
        self._open[sink] = principal.actor
        try:
            server.receive(codec.request(REQUEST_ID, CHANNEL, params))
            reply = await sink.next()
            if reply is None:
                reply = self._wire.refuse(ShuttingDownError(retry_after_ms=1_000))
            if is_error(reply):
                self._let_go(server, sink)
                return answer_of(reply, wants_problem=asked.wants_problem)
        except BaseException:
            self._let_go(server, sink)
            raise
        begun_at = params.get("afterSeq", codec.decode(result_of(reply))["headSeq"])
        standing = self._standing_of(server, principal, asked.token)
        return _Stream(self._stream(sink, standing, begun_at), lambda: self._let_go(server, sink))

    def _check_room(self, actor: str) -> None:
        if sum(whose == actor for whose in self._open.values()) >= self._most_of_one:
            raise RateLimitedError(
                "You listen to as many event streams as one may; end another one first.",
                retry_after_ms=5_000,
            )
        if len(self._open) >= self._most:
            raise OverloadedError(retry_after_ms=5_000)

    def _standing_of(self, server: Server, principal: Principal, token: str | None) -> Standing:
        return Standing(
            self._wire.app.access,
            self._wire.app.store,
            caller=server,
            principal=principal,
            token=token,
            permission=Permission.EVENTS_READ,
        )

    async def _stream(
        self, sink: EventSink, standing: Standing, begun_at: int
    ) -> AsyncIterator[bytes]:
        yield _BEGIN % begun_at
        while True:
            try:
                async with asyncio.timeout(self._keep_alive_seconds):
                    line = await sink.next()
            except TimeoutError:
                # A session may be over by time alone, which no commit tells of.
                if await standing.sight() is None:
                    return
                yield _STILL_HERE
                continue
            if line is None:
                return
            yield _written(line)

    def _let_go(self, server: Server, sink: EventSink) -> None:
        self._open.pop(sink, None)
        sink.end()
        server.unsubscribe("event")
        self._wire.app.connections.close(server)


def _params_of(request: Request) -> dict[str, Any]:
    query = request.query_params
    types = [each for given in query.getlist("types") for each in given.split(",") if each]
    params: dict[str, Any] = {"types": types} if types else {}
    # What a browser sends by itself when it comes back is newer than what stands in the address.
    after = request.headers.get("last-event-id", query.get("afterSeq"))
    if after is not None:
        if not after.isascii() or not after.isdigit() or len(after) > 16:  # noqa: PLR2004 (2^53)
            error = {"path": "afterSeq", "rule": "int_parsing", "message": "A number of an event"}
            raise InvalidParamsError(details={"errors": [error]})
        params["afterSeq"] = int(after)
    return params


def _written(line: bytes) -> bytes:
    """Write a notification line as an event; JSON holds no line end."""
    event = line[len(_BEFORE_EVENT) : -2]
    return b"id: %d\nevent: event\ndata: %b\n\n" % (codec.decode(event)["seq"], event)


class _Stream(StreamingResponse):
    """A response that says when it is over, however it ended."""

    media_type = "text/event-stream"

    def __init__(self, content: AsyncIterator[bytes], on_end: Callable[[], None]) -> None:
        super().__init__(content, headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"})
        self._on_end = on_end

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it."""
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._on_end()
