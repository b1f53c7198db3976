"""What one connection promises: order, cancellation, and deadlines."""

import asyncio
from contextvars import ContextVar
from dataclasses import replace
from typing import Any

import pytest

from rpcbackend.context import Context
from rpcbackend.dispatch.flight import LATE
from rpcbackend.dispatch.registry import method
from rpcbackend.errors import (
    DeadlineExceededError,
    InvalidParamsError,
    InvalidRequestError,
    MethodNotFoundError,
    RequestCancelledError,
)
from rpcbackend.middleware.deadline import Deadline
from rpcbackend.schema.limits import Limits
from rpcbackend.security.roles import Permission
from tests.clauses import clause
from tests.machine import (
    Label,
    Machine,
    Said,
    Waiting,
    cancel,
    failed,
    notification,
    request,
    said,
    say,
)


@clause("replies-in-any-order")
async def test_replies_come_as_calls_end_whatever_the_order_of_the_requests() -> None:
    waiting = Waiting()
    machine = Machine(waiting.method, say)

    machine.receive(request(1, "test.wait", label="slow"), request(2, "test.say", label="quick"))
    waiting.let_end("slow")

    assert await machine.until_sent(2) == [said(2, "quick"), said(1, "slow")]
    assert waiting.begun == ["slow"]


@clause("calls-begin-in-arrival-order")
async def test_calls_begin_in_the_order_of_their_arrival() -> None:
    waiting = Waiting()
    machine = Machine(waiting.method)

    machine.receive(*(request(label, "test.wait", label=label) for label in "abc"))

    assert waiting.begun == ["a", "b", "c"]
    assert machine.server.in_flight == 3
    waiting.let_all_end()
    assert await machine.finish() == [said("a", "a"), said("b", "b"), said("c", "c")]


@clause("id-twice")
async def test_two_requests_with_one_id_are_both_answered() -> None:
    machine = Machine(say)

    machine.receive(request(1, "test.say", label="a"), request(1, "test.say", label="b"))

    assert machine.sent == [said(1, "a"), said(1, "b")]


@clause("notification-silent")
async def test_a_notification_runs_and_is_not_answered() -> None:
    waiting = Waiting()
    machine = Machine(waiting.method)

    machine.receive(notification("test.wait", label="a"))
    waiting.let_all_end()

    assert await machine.finish() == []
    assert waiting.ended == ["a"]


@clause("answer-ignored")
@pytest.mark.parametrize(
    "answer",
    [
        {"jsonrpc": "2.0", "id": 1, "result": {}},
        {"jsonrpc": "2.0", "id": 1, "error": {"code": 1, "message": "no"}},
    ],
    ids=["result", "error"],
)
async def test_an_answer_that_arrives_is_never_answered(answer: Any) -> None:
    machine = Machine(say)

    machine.receive(answer, [answer], request(2, "test.say", label="next"))

    assert machine.sent == [said(2, "next")]


@clause("cancel-running")
async def test_a_cancelled_running_call_is_answered_once_with_cancelled() -> None:
    waiting = Waiting()
    machine = Machine(waiting.method, say)
    machine.receive(request(1, "test.wait", label="a"))
    await asyncio.sleep(0)

    machine.receive(cancel(1))

    assert await machine.until_sent(1) == [failed(1, RequestCancelledError)]
    assert waiting.ended == ["a"]
    assert await machine.finish() == [failed(1, RequestCancelledError)]


@clause("cancel-running")
async def test_a_call_cancelled_by_the_very_next_line_is_answered_once_with_cancelled() -> None:
    """Both lines arrive in one read, so the call's task has not begun when it is cancelled."""
    waiting = Waiting()
    machine = Machine(waiting.method)

    machine.receive(request(1, "test.wait", label="a"), cancel(1), cancel(1))

    assert await machine.until_sent(1) == [failed(1, RequestCancelledError)]
    assert waiting.ended == ["a"]
    assert await machine.finish() == [failed(1, RequestCancelledError)]
    assert machine.server.in_flight == 0


@clause("cancel-queued")
async def test_a_cancelled_queued_call_is_answered_at_once_and_never_begins() -> None:
    waiting = Waiting()
    machine = Machine(waiting.method, in_flight=1)
    machine.receive(request(1, "test.wait", label="a"), request(2, "test.wait", label="b"))

    machine.receive(cancel(2))

    assert machine.sent == [failed(2, RequestCancelledError)]
    assert machine.server.queued == 0
    waiting.let_all_end()
    assert await machine.finish() == [failed(2, RequestCancelledError), said(1, "a")]
    assert waiting.begun == ["a"]


@clause("cancel-all-of-an-id")
async def test_a_cancellation_hits_every_call_with_its_id() -> None:
    waiting = Waiting()
    machine = Machine(waiting.method)
    machine.receive(request("x", "test.wait", label="a"), request("x", "test.wait", label="b"))

    machine.receive(cancel("x"))

    assert await machine.until_sent(2) == [failed("x", RequestCancelledError)] * 2


@clause("cancel-nobody")
@pytest.mark.parametrize(
    "message",
    [
        cancel(404),
        cancel("1"),
        cancel(True),
        cancel(None),
        cancel([1]),
        notification("$/cancelRequest"),
        {"jsonrpc": "2.0", "method": "$/cancelRequest"},
        {"jsonrpc": "2.0", "method": "$/cancelRequest", "params": [1]},
    ],
    ids=["unknown", "text", "true", "null", "list", "empty", "no-params", "positional"],
)
async def test_a_cancellation_of_nobody_is_ignored(message: Any) -> None:
    waiting = Waiting()
    machine = Machine(waiting.method)
    machine.receive(request(1, "test.wait", label="a"), notification("test.wait", label="b"))

    machine.receive(message)
    waiting.let_all_end()

    assert await machine.finish() == [said(1, "a")]
    assert waiting.ended == ["a", "b"]


async def test_a_cancellation_that_wants_an_answer_is_no_cancellation() -> None:
    machine = Machine(say)

    machine.receive({**cancel(1), "id": 2})

    assert machine.sent == [failed(2, MethodNotFoundError)]


@clause("bad-version", "envelope-no-extra-members", "notification-error-silent")
@pytest.mark.parametrize(
    ("wrong", "answers"),
    [
        ({"method": "$/cancelRequest", "params": {"id": 1}}, [failed(None, InvalidRequestError)]),
        ({**cancel(1), "jsonrpc": "1.0"}, [failed(None, InvalidRequestError)]),
        ({**cancel(1), "extra": 1}, []),
    ],
    ids=["no-version", "other-version", "extra-member"],
)
async def test_a_cancellation_that_is_no_request_cancels_nobody_and_is_refused_as_any_other(
    wrong: Any, answers: list[Any]
) -> None:
    waiting = Waiting()
    machine = Machine(waiting.method)
    machine.receive(request(1, "test.wait", label="a"))

    machine.receive(wrong)
    waiting.let_all_end()

    assert await machine.finish() == [*answers, said(1, "a")]


@clause("cancel-too-late")
async def test_a_cancellation_that_comes_too_late_changes_nothing() -> None:
    machine = Machine(say)

    machine.receive(request(1, "test.say", label="a"), cancel(1))

    assert await machine.finish() == [said(1, "a")]


@clause("deadline-stops")
async def test_a_call_past_its_deadline_is_stopped_and_had_no_effect() -> None:
    waiting = Waiting()
    machine = Machine(waiting.method, guards=(Deadline(Limits()),))

    machine.receive(request(1, "test.wait", label="a", _meta={"timeoutMs": 1}))

    assert await machine.until_sent(1) == [failed(1, DeadlineExceededError)]
    assert waiting.ended == ["a"]


async def test_a_call_that_ends_in_time_is_not_stopped() -> None:
    waiting = Waiting()
    machine = Machine(waiting.method, guards=(Deadline(Limits()),))
    machine.receive(request(1, "test.wait", label="a", _meta={"timeoutMs": 100_000}))

    waiting.let_all_end()

    assert await machine.finish() == [said(1, "a")]


async def test_what_a_call_sets_in_its_context_ends_with_it() -> None:
    mark: ContextVar[str] = ContextVar("mark", default="none")
    seen: list[str] = []

    @method("test.mark", permission=Permission.PUBLIC, needs_store=False)
    async def leave_mark(ctx: Context, params: Label) -> Said:  # noqa: ARG001 (a toy)
        """Set the mark around a wait."""
        seen.append(mark.get())
        token = mark.set(params.label)
        await asyncio.sleep(0)
        mark.reset(token)
        return Said(text=params.label)

    machine = Machine(leave_mark)
    machine.receive(request(1, "test.mark", label="a"), request(2, "test.mark", label="b"))

    assert await machine.until_sent(2) == [said(1, "a"), said(2, "b")]
    assert seen == ["none", "none"]


@clause("deadline-in-queue")
async def test_a_call_whose_time_passes_in_the_queue_is_answered_then_and_never_runs() -> None:
    waiting = Waiting()
    machine = Machine(waiting.method, guards=(Deadline(Limits()),), in_flight=1)
    machine.receive(
        request(1, "test.wait", label="a"),
        request(2, "test.wait", label="b", _meta={"timeoutMs": 1}),
        request(3, "test.wait", label="c"),
    )

    assert await machine.until_sent(1) == [failed(2, DeadlineExceededError, LATE)]
    assert machine.server.queued == 1
    waiting.let_all_end()
    await machine.finish()
    assert waiting.begun == ["a", "c"]


@pytest.mark.parametrize("timeout_ms", [0, -1, 1.5, "1", True, None, [], 120_001])
async def test_a_time_that_is_none_is_refused_when_its_turn_comes(timeout_ms: Any) -> None:
    waiting = Waiting()
    machine = Machine(waiting.method, say, in_flight=1)
    machine.receive(
        request(1, "test.wait", label="a"),
        request(2, "test.say", label="b", _meta={"timeoutMs": timeout_ms}),
    )

    waiting.let_all_end()
    _, late = await machine.finish()

    if timeout_ms is None:
        assert late == said(2, "b")
    else:
        assert late["error"]["code"] == InvalidParamsError.code


@clause("cancel-too-late")
async def test_a_control_command_goes_to_its_end() -> None:
    """Half an initialize would have set a key that nobody was told of."""
    waiting = Waiting()
    machine = Machine(replace(waiting.method, lane="control", kind="command"))
    machine.receive(request(1, "test.wait", label="a"))

    machine.receive(cancel(1))
    waiting.let_all_end()

    assert await machine.finish() == [said(1, "a")]
