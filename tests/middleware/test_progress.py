"""What a caller hears of a call that takes its time."""

from typing import Any

import pytest

from rpcbackend.context import Context
from rpcbackend.dispatch.registry import method
from rpcbackend.errors import NotFoundError
from rpcbackend.middleware.progress import INTERVAL_SECONDS, progress
from rpcbackend.security.roles import Permission
from rpcbackend.testing import Client, FrozenClock
from tests.clauses import clause
from tests.machine import Label, Machine, Said, request, said


class Reader(Machine):
    """A peer that may stop reading."""

    is_writable = True


@method("test.count", permission=Permission.PUBLIC, needs_store=False)
async def count(ctx: Context, params: Label) -> Said:
    """Report four steps, one of them too soon after the one before."""
    assert isinstance(ctx.clock, FrozenClock)
    for done in range(3):
        ctx.report(done, 4, f"step {done}")
        ctx.clock.advance(INTERVAL_SECONDS)
    ctx.report(3, 4, "step 3")
    ctx.report(4, 4, "too soon")
    if params.label == "fail":
        raise NotFoundError
    return Said(text=params.label)


@method("test.quiet", permission=Permission.PUBLIC, needs_store=False)
async def quiet(ctx: Context, params: Label) -> Said:
    """Report nothing in time."""
    late.append(ctx)
    return Said(text=params.label)


late: list[Context] = []


def told(kind: str, **value: Any) -> dict[str, Any]:
    params = {"token": "t", "value": {"kind": kind, **value}}
    return {"jsonrpc": "2.0", "method": "$/progress", "params": params}


def step(kind: str, done: int) -> dict[str, Any]:
    return told(kind, done=done, total=4, message=f"step {done}", percentage=25 * done)


@clause("progress-of-a-request")
async def test_a_call_with_a_token_tells_its_steps_and_ends_before_its_reply() -> None:
    machine = Machine(count, rings=(progress,))

    machine.receive(request(1, "test.count", label="x", _meta={"progressToken": "t"}))

    steps = [step("begin", 0), *(step("report", done) for done in (1, 2, 3))]
    assert machine.sent == [*steps, told("end"), said(1, "x")]


@clause("progress-of-a-request")
async def test_a_call_that_fails_ends_its_progress_too() -> None:
    machine = Machine(count, rings=(progress,))

    machine.receive(request(1, "test.count", label="fail", _meta={"progressToken": "t"}))

    ended, refused = machine.sent[-2:]
    assert ended == told("end")
    assert refused["error"]["code"] == NotFoundError.code


@clause("progress-only-if-wanted")
async def test_a_call_without_a_token_tells_nothing() -> None:
    machine = Machine(count, rings=(progress,))

    machine.receive(request(1, "test.count", label="x"))

    assert machine.sent == [said(1, "x")]


@clause("progress-only-if-wanted")
async def test_a_call_that_reports_nothing_sends_nothing_not_even_afterwards() -> None:
    late.clear()
    machine = Machine(quiet, rings=(progress,))
    machine.receive(request(1, "test.quiet", label="x", _meta={"progressToken": "t"}))

    late[0].report(1, 2, "too late")

    assert machine.sent == [said(1, "x")]


@clause("progress-at-the-reader-s-pace")
async def test_a_peer_that_does_not_read_gets_the_begin_and_the_end_alone() -> None:
    machine = Reader(count, rings=(progress,))
    machine.is_writable = False

    machine.receive(request(1, "test.count", label="x", _meta={"progressToken": "t"}))

    assert machine.sent == [step("begin", 0), told("end"), said(1, "x")]


@clause("progress-of-a-request")
@pytest.mark.parametrize("token", ["t", 7])
async def test_a_deep_look_at_the_store_tells_how_far_it_is(client: Client, token: Any) -> None:
    health = await client.call_with_meta(
        "system.health", {"deep": True, "_meta": {"progressToken": token}}
    )

    assert health["store"]["integrity"] == "ok"
    told = [client.lines.get_nowait()["params"] for _ in range(client.lines.qsize())]
    assert {message["token"] for message in told} == {token}
    assert [message["value"]["kind"] for message in told] == ["begin", "end"]
