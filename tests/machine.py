"""The machine without a school: throw-away channels behind the real dispatcher and server."""

import asyncio
import re
from collections.abc import Sequence
from types import ModuleType
from typing import Any

import orjson

from rpcbackend.app import Application
from rpcbackend.context import Context
from rpcbackend.dispatch.call import Exchange, Guard, Middleware, Rings
from rpcbackend.dispatch.dispatcher import Dispatcher, Sources
from rpcbackend.dispatch.registry import Method, Registry, method
from rpcbackend.dispatch.server import Server
from rpcbackend.ids import Ids
from rpcbackend.rpc_error import RpcError, default_message
from rpcbackend.schema.base import Params, WireModel
from rpcbackend.schema.limits import Limits
from rpcbackend.security.roles import Permission
from rpcbackend.testing import FrozenClock

NOW_MS = 1_795_420_800_000
"""Monday 2026-11-23, 08:00 UTC: the frozen clock's now."""


class AnyCorrelationId(str):
    """Equals every correlation id of a machine, whose calls are numbered."""

    __slots__ = ()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, str) and re.fullmatch("cor_[0-9a-f]{16}", other) is not None

    __hash__ = str.__hash__


CORRELATION_ID = AnyCorrelationId("cor_…")


class FixedBits:
    """No randomness at all, so that whole answers can be compared."""

    def getrandbits(self, k: int, /) -> int:
        """Return the same for ever."""
        return 0xFF & ((1 << k) - 1)


class Label(Params):
    """Params of the toys: a name for the call."""

    label: str = ""


class Said(WireModel):
    """What the toys answer."""

    text: str


@method("test.say", permission=Permission.PUBLIC, needs_store=False)
async def say(ctx: Context, params: Label) -> Said:  # noqa: ARG001 (a toy)
    """Answer at once with the label."""
    return Said(text=params.label)


@method("test.ping", permission=Permission.PUBLIC, needs_store=False, lane="control")
async def ping(ctx: Context, params: Label) -> Said:  # noqa: ARG001 (a toy)
    """Answer at once, past the queue."""
    return Said(text=params.label)


class Waiting:
    """The channel test.wait: its calls last until the test lets them end."""

    def __init__(self) -> None:
        self.begun: list[str] = []
        self.ended: list[str] = []
        self.at_once = 0
        """The greatest number of calls that ran at the same time."""
        self._gates: dict[str, asyncio.Event] = {}
        self._grew = asyncio.Event()
        self._is_open = False

        @method("test.wait", permission=Permission.PUBLIC, needs_store=False)
        async def wait(ctx: Context, params: Label) -> Said:  # noqa: ARG001 (a toy)
            """Answer when told to."""
            self.begun.append(params.label)
            self._grew.set()
            self.at_once = max(self.at_once, len(self.begun) - len(self.ended))
            try:
                if not self._is_open:
                    await self._gates.setdefault(params.label, asyncio.Event()).wait()
            finally:
                self.ended.append(params.label)
            return Said(text=params.label)

        self.method = wait

    async def until_begun(self, count: int) -> list[str]:
        """Wait until *count* calls have begun and return the labels of all."""
        async with asyncio.timeout(30):
            while len(self.begun) < count:
                self._grew.clear()
                await self._grew.wait()
        return self.begun

    def let_end(self, label: str) -> None:
        """Let the call of that label end, now or when it comes."""
        self._gates.setdefault(label, asyncio.Event()).set()

    def let_all_end(self) -> None:
        """Let every call end, and those to come at once."""
        self._is_open = True
        for gate in self._gates.values():
            gate.set()


class Machine:
    """One connection to a dispatcher of given channels.

    Args:
        methods: The channels; `test.…` unless *area* says otherwise.
        area: The part of their names before the dot.
        guards: Those before all rings.
        rings: Outermost first.
        limits: Those of `Limits` that are not as usual; unchecked, so any are possible.
    """

    def __init__(
        self,
        *methods: Method,
        area: str = "test",
        guards: Sequence[Guard] = (),
        rings: Sequence[Middleware] = (),
        **limits: Any,
    ) -> None:
        self.clock = FrozenClock()
        self.bugs: list[tuple[Exception, str]] = []
        self.exchanges: list[Exchange] = []
        self.sent: list[Any] = []
        """Every line out, decoded."""
        self._grew = asyncio.Event()
        self.host = Application(None)
        self.dispatcher = Dispatcher(
            make_registry(*methods, area=area),
            rings=lambda _, has_meta: Rings(guards, rings),  # noqa: ARG005 (each call passes all of them)
            observers=(self.exchanges.append,),
            host=self.host,
            sources=Sources(clock=self.clock, ids=Ids(self.clock, FixedBits())),
            limits=Limits.model_construct(**limits),
            report_bug=lambda bug, correlation_id: self.bugs.append((bug, correlation_id)),
        )
        self.server = Server(self.dispatcher, self, clock=self.clock, connection_id="con_1")

    def send(self, line: bytes) -> None:
        """Take a line out (the server's side)."""
        self.sent.append(orjson.loads(line))
        self._grew.set()

    is_writable = True
    is_backed_up = False

    async def writable(self) -> None:
        """Read everything at once (the server's side)."""

    def receive(self, *messages: Any) -> None:
        """Let lines come in; bytes as they are, everything else as JSON."""
        for message in messages:
            self.server.receive(message if isinstance(message, bytes) else orjson.dumps(message))

    async def until_sent(self, count: int) -> list[Any]:
        """Wait for *count* lines out and return all of them."""
        async with asyncio.timeout(30):
            while len(self.sent) < count:
                self._grew.clear()
                await self._grew.wait()
        return self.sent

    async def finish(self) -> list[Any]:
        """Wait until no call runs and return all lines out."""
        async with asyncio.timeout(30):
            await self.server.drain(30)
        return self.sent


def make_registry(*methods: Method, area: str = "test") -> Registry:
    """Collect the channels as if a module of that name held them."""
    module = ModuleType(area)
    vars(module).update({found.channel: found for found in methods}, AREA=area)
    return Registry(module)


def request(request_id: Any, channel: str, /, **params: Any) -> dict[str, Any]:
    """Make a request by name."""
    return {"jsonrpc": "2.0", "id": request_id, "method": channel, "params": params}


def notification(channel: str, **params: Any) -> dict[str, Any]:
    """Make a notification by name."""
    return {"jsonrpc": "2.0", "method": channel, "params": params}


def cancel(request_id: Any) -> dict[str, Any]:
    """Make the notification that cancels a request."""
    return notification("$/cancelRequest", id=request_id)


def said(request_id: Any, text: str) -> dict[str, Any]:
    """Expect the answer of a toy."""
    return {"jsonrpc": "2.0", "id": request_id, "result": {"text": text}}


def failed(
    request_id: Any, error: type[RpcError], message: str | None = None, **more: Any
) -> dict[str, Any]:
    """Expect an error reply: exactly the members of protocol.md section 5."""
    message = message or default_message(error)
    return {
        "jsonrpc": "2.0",
        "id": request_id,
        "error": {
            "code": error.code,
            "message": message,
            "data": {
                "code": error.symbol,
                "message": message,
                "type": error.error_type,
                "timestamp": NOW_MS,
                "retryable": error.retryable,
                "outcome": "none",
                "correlationId": CORRELATION_ID,
                **more,
            },
        },
    }
