"""How a connection ends, and what runs beside the calls until then."""

import asyncio

from rpcbackend.context import Context
from rpcbackend.dispatch.registry import method
from rpcbackend.errors import ShuttingDownError
from rpcbackend.security.roles import Permission
from tests.clauses import clause
from tests.machine import (
    Label,
    Machine,
    Said,
    Waiting,
    failed,
    ping,
    request,
    said,
    say,
)


@clause("shutdown-refuses-new", "shutdown-drains")
async def test_a_draining_connection_refuses_new_calls_and_ends_what_it_had_accepted() -> None:
    waiting = Waiting()
    machine = Machine(waiting.method, say, ping, in_flight=1)
    machine.receive(request(1, "test.wait", label="a"), request(2, "test.wait", label="b"))

    drained = asyncio.ensure_future(machine.server.drain(30))
    await asyncio.sleep(0)
    machine.receive(request(3, "test.say"), request(4, "test.ping", label="pong"))
    waiting.let_all_end()

    async with asyncio.timeout(30):
        assert await drained is True
    assert machine.sent == [
        failed(3, ShuttingDownError, retryAfterMs=1_000),
        said(4, "pong"),
        said(1, "a"),
        said(2, "b"),
    ]


@clause("shutdown-bounded")
async def test_a_call_that_outlasts_the_drain_is_stopped_and_told_so() -> None:
    waiting = Waiting()
    machine = Machine(waiting.method)
    machine.receive(request(1, "test.wait", label="a"))

    async with asyncio.timeout(30):
        assert await machine.server.drain(0) is False

    assert await machine.until_sent(1) == [failed(1, ShuttingDownError)]
    assert waiting.ended == ["a"]


async def test_a_call_may_drain_its_own_connection_when_nothing_else_runs() -> None:
    """So does shutdown: it is in flight itself, and begins outside of any task."""
    machines: list[Machine] = []

    @method("shutdown", permission=Permission.PUBLIC, needs_store=False, lane="control")
    async def shutdown(ctx: Context, params: Label) -> Said:  # noqa: ARG001 (a toy)
        """Drain."""
        return Said(text=str(await machines[0].server.drain(30)))

    machines.append(Machine(shutdown, area=""))

    asyncio.get_running_loop().call_soon(machines[0].receive, request(1, "shutdown"))

    assert await machines[0].until_sent(1) == [said(1, "True")]


async def test_a_drain_waits_for_control_calls_other_than_shutdown() -> None:
    """So does `initialize` open a store: closed meanwhile, it would stay half open."""
    gate = asyncio.Event()

    @method("test.open", permission=Permission.PUBLIC, needs_store=False, lane="control")
    async def open_slowly(ctx: Context, params: Label) -> Said:  # noqa: ARG001 (a toy)
        """Answer when told to."""
        await gate.wait()
        return Said(text="open")

    machine = Machine(open_slowly)
    machine.receive(request(1, "test.open"))
    drained = asyncio.ensure_future(machine.server.drain(30))
    await asyncio.sleep(0)

    assert not drained.done()
    gate.set()
    async with asyncio.timeout(30):
        assert await drained is True
    assert machine.sent == [said(1, "open")]


class Feed:
    """Runs until it is stopped."""

    def __init__(self) -> None:
        self.is_running = False
        self._stopped = asyncio.Event()

    async def run(self) -> None:
        """Run until stopped."""
        self.is_running = True
        await self._stopped.wait()
        self.is_running = False

    def stop(self) -> None:
        """Make `run` return."""
        self._stopped.set()


async def test_a_feed_runs_until_the_connection_ends() -> None:
    machine = Machine(say)
    feed = Feed()

    machine.server.subscribe(feed)
    await asyncio.sleep(0)
    assert feed.is_running
    await machine.finish()
    await asyncio.sleep(0)

    assert not feed.is_running


async def test_a_notification_out_is_a_line_without_id() -> None:
    machine = Machine(say)

    machine.server.notify("event", {"seq": 1})
    machine.server.notify("event", b'{"seq":2}')

    assert machine.sent == [
        {"jsonrpc": "2.0", "method": "event", "params": {"seq": 1}},
        {"jsonrpc": "2.0", "method": "event", "params": {"seq": 2}},
    ]


async def test_a_new_feed_takes_the_place_of_the_old() -> None:
    machine = Machine(say)
    first, second = Feeding(), Feeding()

    machine.server.subscribe(first)
    machine.server.subscribe(second)

    assert (first.is_stopped, second.is_stopped) == (True, False)
    await machine.server.drain(30)
    assert second.is_stopped


class Feeding:
    """A feed that only notes whether it was stopped."""

    is_stopped = False

    async def run(self) -> None:
        """Send nothing."""

    def stop(self) -> None:
        """Note it."""
        self.is_stopped = True
