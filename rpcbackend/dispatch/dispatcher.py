"""One message to one reply line: plan, validate, run under the rings, answer.

The only place where an exception becomes an answer.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from functools import reduce
from itertools import islice
from typing import Any, Protocol, TypeVar

from pydantic import ValidationError

from rpcbackend.clock import Clock
from rpcbackend.context import Connection, Context, Host
from rpcbackend.dispatch.call import Call, Exchange, Middleware, Observer, Proceed, Rings
from rpcbackend.dispatch.flight import Flight, budget_seconds
from rpcbackend.dispatch.plain import plan_plain
from rpcbackend.dispatch.registry import Method, Registry, Result
from rpcbackend.errors import (
    DeadlineExceededError,
    InvalidParamsError,
    RequestCancelledError,
    ResponseTooLargeError,
    ShuttingDownError,
)
from rpcbackend.ids import Ids
from rpcbackend.protocol import codec
from rpcbackend.protocol.codec import Json
from rpcbackend.protocol.envelope import RequestId, is_notification
from rpcbackend.protocol.limits import check_bounds
from rpcbackend.rpc_error import RpcError
from rpcbackend.schema.base import Encoded, Params
from rpcbackend.schema.limits import Limits
from rpcbackend.schema.meta import MAX_TIMEOUT_MS, CallMeta
from rpcbackend.security.principal import NOBODY, Principal

MAX_VIOLATIONS, MAX_PATH = 20, 200
"""An error says enough with these many; a caller chooses names, so it could be made huge."""

NO_META = CallMeta()

_RUNNING: ContextVar[Flight | None] = ContextVar("_RUNNING", default=None)
"""The call that the present code belongs to: each runs in a context of its own."""

ParamsT = TypeVar("ParamsT", bound=Params)

_STOPPED: dict[str, Callable[[], RpcError]] = {
    "cancelled": RequestCancelledError,
    "deadline": DeadlineExceededError,
    "shutdown": ShuttingDownError,
}

ReportBug = Callable[[Exception, str], None]
"""Told about an exception that no handler expected, with its correlation id."""


class RingsOf(Protocol):
    """Tells the rings around a method."""

    def __call__(self, method: Method, *, has_meta: bool) -> Rings:
        """Tell those that a call with or without `_meta` needs."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Sources:
    """Where time and ids come from."""

    clock: Clock
    ids: Ids


class Dispatcher:
    """Answer messages.

    Args:
        registry: The channels.
        rings: Those around a method; each decides over a complete, valid call.
        observers: Look at every finished exchange.
        host: The process, as handlers see it.
        sources: Clock and ids.
        limits: Bounds of params and replies.
        report_bug: Gets what was not expected, before the peer gets a correlation id.
    """

    def __init__(
        self,
        registry: Registry,
        *,
        rings: RingsOf,
        observers: Sequence[Observer],
        host: Host,
        sources: Sources,
        limits: Limits,
        report_bug: ReportBug,
    ) -> None:
        self.registry, self.limits = registry, limits
        # Nearly every call comes without `_meta`, and so needs fewer rings.
        self._plain_runs, self._runs = (
            {method.channel: _pipeline(rings(method, has_meta=has_meta)) for method in registry}
            for has_meta in (False, True)
        )
        self._observers = tuple(observers)
        self._host = host
        self._clock, self._ids = sources.clock, sources.ids
        self._report_bug = report_bug
        self._plan: Callable[[Json], tuple[Method, dict[str, Json]]] | None = None

    def warm(self) -> None:
        """Load the planner: 48 ms that wait until the process has said that it is ready."""
        from rpcbackend.dispatch.planner import Planner  # noqa: PLC0415 (architecture D1)

        self._plan = Planner(self.registry).plan

    async def answer(self, flight: Flight, connection: Connection) -> bytes | None:
        """Return the reply line to one message, or None where none is due."""
        method = call = None
        _RUNNING.set(flight)
        try:
            method, named = self._find(flight.message)
            call = self._make_call(method, named, flight, connection)
            runs = self._plain_runs if call.context.meta is NO_META else self._runs
            result = await runs[method.channel](call)
            reply = self._write(flight.request_id, result, call.context.result_meta)
        except asyncio.CancelledError:
            flight.has_written = call is not None and call.context.has_written
            if flight.stop_reason is None and _is_ending():
                raise
            failed: Exception = _stopped(flight)
        except Exception as exc:
            flight.has_written = call is not None and call.context.has_written
            failed = exc
        else:
            flight.has_written = call.context.has_written
            self._observe(connection.id, method, flight, call.context.principal)
            return None if is_notification(flight.message) else reply
        principal = call.context.principal if call is not None else NOBODY
        return self._fail(
            *(failed, connection.id, method, flight),
            principal=principal,
            fits=call is not None,
        )

    def correlation_id(self) -> str | None:
        """Return the id that the call which runs now, or began what runs now, is found by."""
        flight = _RUNNING.get()
        return self._correlation(flight) if flight else None

    def _correlation(self, flight: Flight) -> str:
        # Most calls leave neither a line in the log nor an error: they need no number.
        if not flight.mark:
            flight.mark = self._ids.mark()
        return self._ids.correlation(flight.mark)

    def patience(self, message: Json) -> float:
        """Return how many seconds a message may wait to be run, before it is looked at closely."""
        wanted_ms = None
        kind = "query"
        if isinstance(message, dict):
            method = self.registry.get(message.get("method"))
            kind = method.kind if method else kind
            params = message.get("params")
            meta = params.get("_meta") if isinstance(params, dict) else None
            given = meta.get("timeoutMs") if isinstance(meta, dict) else None
            # Anything else is refused when its turn comes.
            if type(given) is int and 0 < given <= MAX_TIMEOUT_MS:
                wanted_ms = given
        return budget_seconds(self.limits, kind, wanted_ms)

    def refuse(self, flight: Flight, error: Exception, connection_id: str) -> bytes | None:
        """Return the reply to a message that is not run at all, or None to a notification."""
        message = flight.message
        method = self.registry.get(message.get("method")) if isinstance(message, dict) else None
        return self._fail(error, connection_id, method, flight)

    def _find(self, message: Json) -> tuple[Method, dict[str, Json]]:
        plain = plan_plain(message, self.registry)
        if plain is not None:
            return plain
        if self._plan is None:
            self.warm()
        assert self._plan is not None  # noqa: S101 (warm sets it)
        return self._plan(message)

    def _make_call(
        self, method: Method, named: dict[str, Json], flight: Flight, connection: Connection
    ) -> Call:
        meta = NO_META
        if flight.is_suspect:
            check_bounds(named, self.limits)
        if "_meta" in named:
            named = dict(named)
            meta = _read(CallMeta, named.pop("_meta"), under="_meta")
            if meta.as_of is not None:
                # Ignoring it would answer today's truth for another day's.
                raise InvalidParamsError(
                    details={"errors": [{"path": "_meta.asOf", "rule": "not_supported"}]}
                )
        context = Context(
            host=self._host,
            connection=connection,
            clock=self._clock,
            ids=self._ids,
            meta=meta,
            channel=method.channel,
            permission=method.permission,
        )
        params = _read(method.params, named)
        return Call(method=method, params=params, context=context, flight=flight)

    def _write(self, request_id: RequestId, result: Result, meta: dict[str, Any]) -> bytes:
        body = result.json if isinstance(result, Encoded) else result.model_dump_json().encode()
        line = codec.success(request_id, body, meta)
        if len(line) > self.limits.response_bytes:
            raise ResponseTooLargeError
        return line

    def _fail(
        self,
        failed: Exception,
        connection_id: str,
        method: Method | None,
        flight: Flight,
        *,
        principal: Principal = NOBODY,
        fits: bool = False,
    ) -> bytes | None:
        correlation_id = self._correlation(flight)
        error = failed if isinstance(failed, RpcError) else RpcError()
        if error is not failed:
            self._report_bug(failed, correlation_id)
        self._observe(
            *(connection_id, method, flight, principal),
            error=error,
            correlation_id=correlation_id,
            fits=fits,
        )
        if is_answerless(flight.message):
            return None
        try:
            return codec.failure(flight.request_id, self._error(error, flight, correlation_id))
        except TypeError as bug:
            # A handler put into the details what JSON cannot hold.
            self._report_bug(bug, correlation_id)
            return codec.failure(flight.request_id, self._error(RpcError(), flight, correlation_id))

    def _error(self, error: RpcError, flight: Flight, correlation_id: str) -> dict[str, Any]:
        """Return the `error` member of a reply; it says so when the effect stands all the same."""
        told = error_object(error, correlation_id, self._clock.now_ms())
        if flight.has_written and error.outcome == "none":
            told["data"]["outcome"] = "committed"
        return told

    def _observe(
        self,
        connection_id: str,
        method: Method | None,
        flight: Flight,
        principal: Principal,
        *,
        error: RpcError | None = None,
        correlation_id: str | None = None,
        fits: bool = True,
    ) -> None:
        if not self._observers:
            return
        # By position: names would cost every call 0.3 µs.
        exchange = Exchange(
            connection_id,
            method.channel if method else None,
            flight.request_id,
            correlation_id,
            self._clock.monotonic() - flight.arrived_at,
            error,
            principal,
            flight.message,
            fits,
        )
        for observer in self._observers:
            try:
                observer(exchange)
            except Exception as bug:
                # Whoever only looks must not be able to cost anybody his answer.
                self._report_bug(bug, self._correlation(flight))


def _is_ending() -> bool:
    """Tell whether the call's own task is cancelled; its first step runs outside of any."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


def _stopped(flight: Flight) -> Exception:
    if flight.stop_reason is None:
        return RuntimeError("something the call waited for was cancelled")
    return _STOPPED[flight.stop_reason]()


def is_answerless(message: Json) -> bool:
    """Tell whether even an error to *message* stays unsaid: a notification by all signs.

    JSON-RPC 2.0 section 7 answers `{"foo": "boo"}` with an error: without a method it is no
    notification.
    """
    return (
        isinstance(message, dict)
        and is_notification(message)
        and message.get("jsonrpc") == "2.0"
        and isinstance(message.get("method"), str)
    )


def describe_violations(exc: ValidationError, under: str) -> list[dict[str, str]]:
    """List path, rule and explanation of the first violations; never a value that broke one."""
    return [
        {
            "path": ".".join([under, *map(str, error["loc"])]).lstrip(".")[:MAX_PATH],
            "rule": error["type"],
            "message": error["msg"],
        }
        for error in islice(
            exc.errors(include_input=False, include_url=False, include_context=False),
            MAX_VIOLATIONS,
        )
    ]


def error_object(error: RpcError, correlation_id: str, now_ms: int) -> dict[str, Any]:
    """Return the `error` member of a reply (protocol.md section 5)."""
    data: dict[str, Any] = {
        "code": error.symbol,
        "message": error.message,
        "type": error.error_type,
        "timestamp": now_ms,
        "retryable": error.retryable,
        "outcome": error.outcome,
        "correlationId": correlation_id,
    }
    if error.details is not None:
        data["details"] = error.details
    if error.retry_after_ms is not None:
        data["retryAfterMs"] = error.retry_after_ms
    return {"code": error.code, "message": error.message, "data": data}


def _pipeline(rings: Rings) -> Proceed:
    def around(inner: Proceed, ring: Middleware) -> Proceed:
        def proceed(call: Call) -> Awaitable[Result]:
            return ring(call, inner)

        return proceed

    innermost: Proceed = _run_handler
    guarded, guards = reduce(around, reversed(rings.middleware), innermost), tuple(rings.guards)

    async def run(call: Call) -> Result:
        for guard in guards:
            waits = guard(call)
            if waits is not None:
                await waits
        return await guarded(call)

    return run


def _run_handler(call: Call) -> Awaitable[Result]:
    return call.method.handler(call.context, call.params)


def _read(model: type[ParamsT], value: Json, under: str = "") -> ParamsT:
    try:
        return model.model_validate(value)
    except ValidationError as exc:
        raise InvalidParamsError(details={"errors": describe_violations(exc, under)}) from None
