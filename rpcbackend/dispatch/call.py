"""A call, the exchange it leaves behind, and the two seams around them."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from rpcbackend.context import Context
from rpcbackend.dispatch.flight import Flight
from rpcbackend.dispatch.registry import Method, Result
from rpcbackend.protocol.codec import Json
from rpcbackend.protocol.envelope import RequestId
from rpcbackend.rpc_error import RpcError
from rpcbackend.schema.base import Params
from rpcbackend.security.principal import Principal


@dataclass(slots=True, kw_only=True)
class Call:
    """A complete, valid call: its channel exists and its params fit."""

    method: Method
    params: Params
    context: Context
    flight: Flight


Proceed = Callable[[Call], Awaitable[Result]]
Guard = Callable[[Call], Awaitable[None] | None]
"""A guard decides before the handler runs: it raises, or lets the call pass.

What it returns is awaited first. Most need not wait, and cost no coroutine.
"""
Middleware = Callable[[Call, Proceed], Awaitable[Result]]
"""Middleware decides around the handler: it may change or stop a call, or pass it on."""


class Rings(NamedTuple):
    """Those around a method: the guards first, each outermost first."""

    guards: Sequence[Guard]
    middleware: Sequence[Middleware] = ()


class Exchange(NamedTuple):
    """One finished line: what observers look at; a tuple is made faster than a frozen dataclass."""

    connection_id: str
    channel: str | None
    request_id: RequestId
    correlation_id: str | None
    seconds: float
    """From its arrival on, so the time in the queue is part of it."""
    error: RpcError | None
    principal: Principal
    """Who called, as far as anybody asked."""
    message: Json
    """What came in, secrets and all; see `rpcbackend.security.redaction`."""
    fits: bool = True
    """Whether its params were found to fit; what was refused before may hold anything."""


Observer = Callable[[Exchange], None]
"""Observers look: once per finished line, unreadable ones included."""
