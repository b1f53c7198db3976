"""The routes of protocol.md section 9: health, calls, JSON-RPC, metrics."""

from dataclasses import dataclass
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from rpcbackend import __version__
from rpcbackend.dispatch.planner import wire_names
from rpcbackend.dispatch.registry import Method
from rpcbackend.errors import (
    InvalidParamsError,
    InvalidRequestError,
    MethodNotFoundError,
    NotInitializedError,
    ShuttingDownError,
)
from rpcbackend.mirror.answers import JSON, answer_of, is_error, result_of
from rpcbackend.mirror.asked import HAVE_HEADERS, Asked, read_asked, with_meta
from rpcbackend.mirror.callers import Callers
from rpcbackend.mirror.wire import REQUEST_ID, Wire
from rpcbackend.protocol import codec
from rpcbackend.protocol.codec import Json
from rpcbackend.protocol.envelope import split_positional
from rpcbackend.rpc_error import RpcError

OPEN = frozenset({"auth.login", "auth.refresh"})
"""What strangers may call, for else nobody could become known."""

NOT_SERVED = frozenset({"initialize", "shutdown", "events.subscribe", "system.watch"})
"""What is about a connection that stays, or about the process: neither is a client's here."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Routes:
    """Answers the requests that call channels."""

    wire: Wire
    callers: Callers

    async def health(self, request: Request) -> Response:
        """Say whether the process serves; nobody has to be known.

        The database is not asked: the others would fare no better with it, and a balancer that took
        all of them for dead would tell callers less than they do.
        """
        self.callers.take_stranger(read_asked(request).source)
        match self.wire.app.status:
            case "closing":
                raise ShuttingDownError(retry_after_ms=1_000)
            case "locked":
                raise NotInitializedError
            case status:
                told = {"status": status, "version": __version__}
        body = codec.encode({"status": "ok", "data": told, "error": None})
        return Response(body, media_type=JSON)

    async def call(self, request: Request) -> Response:
        """Call one channel."""
        asked = read_asked(request)
        channel: str = request.path_params["channel"]
        method = self.wire.app.dispatcher.registry.get(channel)
        try:
            line = await self._line_of(request, channel, method, asked)
        except RpcError as error:
            reply = self.wire.refuse(error, channel)
        else:
            reply = await self.wire.send(line, asked.source) or b""
        has_pages = method is not None and "next_cursor" in method.result.model_fields
        return answer_of(
            reply,
            next_page=f"/api/{channel}" if has_pages else None,
            wants_problem=asked.wants_problem,
        )

    async def _line_of(
        self, request: Request, channel: str, method: Method | None, asked: Asked
    ) -> bytes:
        is_open = channel in OPEN
        asked = await self._admit(asked, is_open=is_open)
        if method is None or not serves(method):
            raise MethodNotFoundError
        params = with_meta(
            await _object_in(request), asked, is_open=is_open, of_headers=HAVE_HEADERS
        )
        return codec.request(REQUEST_ID, channel, params)

    async def rpc(self, request: Request) -> Response:
        """Take one JSON-RPC message, or a batch of them."""
        asked = read_asked(request)
        message = codec.decode(await request.body())
        elements = message if isinstance(message, list) else [message]
        channels = {_channel_of(element) for element in elements}
        is_open = bool(elements) and channels <= OPEN
        asked = await self._admit(asked, is_open=is_open)
        if isinstance(message, list) and "idempotencyKey" in asked.meta:
            raise InvalidRequestError("A batch has no key of its own: give one to each element.")
        filled = [self._fill(element, asked) for element in elements]
        line = codec.encode(filled if isinstance(message, list) else filled[0])
        reply = await self.wire.send(line, asked.source)
        if reply is None:
            return Response(status_code=204)
        return Response(reply.rstrip(b"\n"), media_type=JSON)

    async def metrics(self, request: Request) -> Response:
        """Return the figures as Prometheus wants them, to whoever may read them."""
        asked = read_asked(request)
        asked = await self._admit(asked, is_open=False)
        params = with_meta({"format": "prometheus"}, asked, is_open=False)
        line = await self.wire.call("system.metrics", params, asked.source)
        if is_error(line):
            return answer_of(line, wants_problem=asked.wants_problem)
        text = codec.decode(result_of(line))["text"]
        return Response(text, media_type="text/plain; version=0.0.4; charset=utf-8")

    async def _admit(self, asked: Asked, *, is_open: bool) -> Asked:
        if is_open:
            self.callers.take_stranger(asked.source)
            return asked
        return (await self.callers.admit(asked)).asked

    def _fill(self, message: Json, asked: Asked) -> Json:
        """Return a message with what the headers say of it; what is none is left as it is."""
        channel = _channel_of(message)
        method = self.wire.app.dispatcher.registry.get(channel)
        if method is None:
            return message
        if not serves(method):
            # By a name that no channel has: it alone is not found, whatever else is in the batch.
            return message | {"method": f"{method.channel} over HTTP"}
        params = message.get("params", {})
        if isinstance(params, list):
            # By position nothing can travel beside the params.
            params = split_positional(params, wire_names(method))
        if not isinstance(params, dict):
            return message
        return message | {"params": with_meta(params, asked, is_open=channel in OPEN)}


def serves(method: Method) -> bool:
    """Tell whether a channel is served over HTTP at all."""
    return not method.main_only and method.channel not in NOT_SERVED


def _channel_of(message: Json) -> Any:
    channel = message.get("method") if isinstance(message, dict) else None
    return channel if isinstance(channel, str) else None


async def _object_in(request: Request) -> dict[str, Json]:
    body = await request.body()
    params = codec.decode(body) if body else {}
    if not isinstance(params, dict):
        error = {"path": "", "rule": "object", "message": "The body is one JSON object: the params"}
        raise InvalidParamsError(details={"errors": [error]})
    return params
