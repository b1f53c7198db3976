"""What it costs to look at every call: the same calls with metrics and logs and without.

In one process, in memory, side by side: the ways take turns, so what the machine does meanwhile
hits all of them. The channel is one that does nothing.
"""

import asyncio
import gc
import json
import sys
import time
from collections.abc import Sequence
from types import ModuleType

import orjson

from rpcbackend.app import Application
from rpcbackend.clock import SystemClock
from rpcbackend.context import Context
from rpcbackend.dispatch.call import Observer, Rings
from rpcbackend.dispatch.dispatcher import Dispatcher, Sources
from rpcbackend.dispatch.registry import Registry, method
from rpcbackend.dispatch.server import Server
from rpcbackend.ids import Ids
from rpcbackend.monitor import LogLevels
from rpcbackend.observability.access_log import AccessLog
from rpcbackend.observability.calls import CallMetrics
from rpcbackend.observability.forms import JSON, TEXT
from rpcbackend.observability.logs import start_log
from rpcbackend.observability.sinks import BoundedSink, to_fd
from rpcbackend.schema.base import Empty, NoParams
from rpcbackend.schema.limits import Limits
from rpcbackend.security.roles import Permission

CALLS, ROUNDS = 1_000, 60
_NOTHING = Empty()
LINE = orjson.dumps({"jsonrpc": "2.0", "id": 1, "method": "bench.nothing", "params": {}})


@method("bench.nothing", permission=Permission.PUBLIC, needs_store=False)
async def nothing(ctx: Context, params: NoParams) -> Empty:  # noqa: ARG001 (touches nothing)
    """Answer at once."""
    return _NOTHING


class Sink:
    """Drops the replies."""

    is_writable = True
    is_backed_up = False

    def send(self, line: bytes) -> None:
        """Drop a reply."""

    async def writable(self) -> None:
        """Read everything at once."""


class Nowhere(BoundedSink):
    """Drops the lines: another thread would write them."""

    def write(self, line: str) -> None:
        """Drop one."""


class Way:
    """A connection whose calls are looked at by some."""

    def __init__(self, app: Application, observers: Sequence[Observer]) -> None:
        area = ModuleType("bench")
        vars(area)["nothing"] = nothing
        clock = SystemClock()
        dispatcher = Dispatcher(
            Registry(area),
            rings=lambda method, has_meta: Rings(()),  # noqa: ARG005 (none)
            observers=observers,
            host=app,
            sources=Sources(clock=clock, ids=Ids(clock)),
            limits=Limits(),
            report_bug=print,
        )
        self._server = Server(dispatcher, Sink(), clock=clock, connection_id="con_1")
        self.seconds: list[float] = []

    def run(self) -> None:
        """Have the line answered many times."""
        receive = self._server.receive
        started = time.perf_counter()
        for _ in range(CALLS):
            receive(LINE)
        self.seconds.append((time.perf_counter() - started) / CALLS)


async def main() -> None:
    """Measure every way of looking."""
    app = Application(None)
    log = AccessLog(LogLevels("INFO")).observe
    ways = {
        "nobody looks": Way(app, ()),
        "one that does nothing": Way(app, (lambda _exchange: None,)),
        "metrics": Way(app, (CallMetrics().observe,)),
        "metrics, access log of errors": Way(app, (CallMetrics().observe, log)),
    }
    gc.disable()
    for _ in range(ROUNDS):
        for way in ways.values():
            way.run()
    for name, form in (("text", TEXT), ("JSON", JSON)):
        start_log(Nowhere(to_fd(2)), form, LogLevels("DEBUG"))
        way = Way(app, (CallMetrics().observe, AccessLog(LogLevels("DEBUG")).observe))
        ways[f"metrics, a line of {name} a call"] = way
        for _ in range(ROUNDS // 4):
            way.run()
    figures = {name: min(way.seconds) * 1e6 for name, way in ways.items()}
    bare = figures["nobody looks"]
    print(f"{'':32}{'us per call':>12}{'more':>8}")
    for name, microseconds in figures.items():
        print(f"{name:32}{microseconds:12.2f}{microseconds - bare:8.2f}")
    if "--json" in sys.argv:
        print(json.dumps({name: round(value, 2) for name, value in figures.items()}))


asyncio.run(main())
