"""What one connection promises: bounds, order, cancellation, deadlines, and its end."""

import asyncio
from contextvars import ContextVar
from dataclasses import replace
from typing import Any

import pytest

from rpcbackend.context import Context
from rpcbackend.dispatch import server as server_module
from rpcbackend.dispatch.registry import method
from rpcbackend.dispatch.server import OutOfStepError
from rpcbackend.errors import (
    DeadlineExceededError,
    InvalidRequestError,
    MethodNotFoundError,
    OverloadedError,
    ParseError,
    RequestCancelledError,
    RequestTooLargeError,
    ResponseTooLargeError,
    ShuttingDownError,
)
from rpcbackend.middleware.deadline import deadline
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
    ping,
    request,
    said,
    say,
)

BATCH_REFUSED = "A batch holds 1 to 100 requests; nothing was run."


def narrow(monkeypatch: pytest.MonkeyPatch, **limits: int) -> None:
    for name, limit in limits.items():
        monkeypatch.setattr(server_module, name, limit)


# Order


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


# Cancellation


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
async def test_a_cancelled_queued_call_is_answered_at_once_and_never_begins(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    narrow(monkeypatch, MAX_IN_FLIGHT=1)
    waiting = Waiting()
    machine = Machine(waiting.method)
    machine.receive(request(1, "test.wait", label="a"), request(2, "test.wait", label="b"))

    machine.receive(cancel(2))

    assert machine.sent == [failed(2, RequestCancelledError)]
    assert machine.server.queued == 0
    waiting.let_all_end()
    assert await machine.finish() == [failed(2, RequestCancelledError), said(1, "a")]
    assert waiting.begun == ["a"]


@clause("cancel-in-batch")
async def test_a_cancelled_batch_element_has_its_error_in_the_batch() -> None:
    waiting = Waiting()
    machine = Machine(waiting.method, say)
    machine.receive([request(1, "test.wait", label="a"), request(2, "test.say", label="b")])

    machine.receive(cancel(1))

    assert await machine.until_sent(1) == [[failed(1, RequestCancelledError), said(2, "b")]]


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


# Deadlines


@clause("deadline-stops")
async def test_a_call_past_its_deadline_is_stopped_and_had_no_effect() -> None:
    waiting = Waiting()
    machine = Machine(waiting.method, rings=(deadline,))

    machine.receive(request(1, "test.wait", label="a", _meta={"timeoutMs": 1}))

    assert await machine.until_sent(1) == [failed(1, DeadlineExceededError)]
    assert waiting.ended == ["a"]


async def test_a_call_that_ends_in_time_is_not_stopped() -> None:
    waiting = Waiting()
    machine = Machine(waiting.method, rings=(deadline,))
    machine.receive(request(1, "test.wait", label="a", _meta={"timeoutMs": 100_000}))

    waiting.let_all_end()

    assert await machine.finish() == [said(1, "a")]


# Bounds


@clause("limit-in-flight", "limit-queue")
async def test_calls_over_the_limit_queue_and_over_the_queue_are_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    narrow(monkeypatch, MAX_IN_FLIGHT=2, MAX_QUEUED=1)
    waiting = Waiting()
    machine = Machine(waiting.method)

    machine.receive(*(request(label, "test.wait", label=label) for label in "abcd"))

    assert machine.sent == [failed("d", OverloadedError, retryAfterMs=100)]
    assert (machine.server.in_flight, machine.server.queued) == (2, 1)
    assert waiting.begun == ["a", "b"]
    waiting.let_end("a")
    assert (await machine.until_sent(2))[1:] == [said("a", "a")]
    assert waiting.begun == ["a", "b", "c"]
    waiting.let_all_end()
    assert (await machine.until_sent(4))[2:] == [said("b", "b"), said("c", "c")]


@clause("limit-queue-bytes")
async def test_the_queue_is_bounded_in_bytes_too(monkeypatch: pytest.MonkeyPatch) -> None:
    narrow(monkeypatch, MAX_IN_FLIGHT=1, MAX_QUEUED_BYTES=200)
    waiting = Waiting()
    machine = Machine(waiting.method)

    machine.receive(
        request(1, "test.wait", label="a"),
        request(2, "test.wait", label="b" * 150),
        request(3, "test.wait", label="c"),
        request(4, "test.wait", label=""),
    )

    assert machine.sent == [failed(2, OverloadedError, retryAfterMs=100)]
    waiting.let_all_end()
    assert (await machine.until_sent(4))[1:] == [said(1, "a"), said(3, "c"), said(4, "")]


@clause("control-overtakes")
async def test_a_control_call_overtakes_the_queue(monkeypatch: pytest.MonkeyPatch) -> None:
    narrow(monkeypatch, MAX_IN_FLIGHT=1, MAX_QUEUED=1)
    waiting = Waiting()
    machine = Machine(waiting.method, ping)
    machine.receive(request(1, "test.wait", label="a"), request(2, "test.wait", label="b"))

    machine.receive(request(3, "test.ping", label="pong"))

    assert machine.sent == [said(3, "pong")]
    waiting.let_all_end()
    assert (await machine.until_sent(3))[1:] == [said(1, "a"), said(2, "b")]


async def test_a_full_queue_of_quick_calls_is_worked_off(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each of them ends as soon as it begins and makes place for the next."""
    narrow(monkeypatch, MAX_IN_FLIGHT=1)
    waiting = Waiting()
    machine = Machine(waiting.method, say)
    machine.receive(request(0, "test.wait"))
    machine.receive(*(request(n, "test.say", label=str(n)) for n in range(1, 1_025)))
    assert machine.server.queued == 1_024

    waiting.let_all_end()

    assert await machine.until_sent(1_025) == [
        said(0, ""),
        *(said(n, str(n)) for n in range(1, 1_025)),
    ]


# Unreadable lines


@clause("bad-too-long")
async def test_a_line_too_long_to_keep_is_refused_and_the_next_one_served() -> None:
    machine = Machine(say)

    machine.server.receive(None)
    machine.receive(request(1, "test.say", label="next"))

    assert machine.sent == [failed(None, RequestTooLargeError), said(1, "next")]


@clause("out-of-step")
async def test_the_hundredth_unreadable_line_in_a_row_ends_the_stream() -> None:
    machine = Machine(say)
    machine.receive(*[b"{"] * 98)
    machine.server.receive(None)

    with pytest.raises(OutOfStepError):
        machine.receive(b"{")

    assert machine.sent == [
        *[failed(None, ParseError)] * 98,
        failed(None, RequestTooLargeError),
        failed(None, ParseError),
    ]


@clause("out-of-step-count")
async def test_a_readable_line_between_unreadable_ones_starts_the_count_again() -> None:
    machine = Machine(say)

    machine.receive(*[b"{"] * 99, b"1", *[b"{"] * 99)

    assert machine.sent == [
        *[failed(None, ParseError)] * 99,
        failed(None, InvalidRequestError),
        *[failed(None, ParseError)] * 99,
    ]


# Batches


@clause("batch-empty", "bad-batch-size")
@pytest.mark.parametrize("size", [0, 101])
async def test_a_batch_of_a_wrong_size_is_one_error_and_nothing_is_run(size: int) -> None:
    waiting = Waiting()
    machine = Machine(waiting.method)

    machine.receive([request(n, "test.wait") for n in range(size)])

    assert machine.sent == [failed(None, InvalidRequestError, BATCH_REFUSED)]
    assert waiting.begun == []


@clause("limit-batch-at-once", "bad-batch-mixed")
async def test_a_batch_runs_sixteen_at_once_and_answers_in_request_order() -> None:
    waiting = Waiting()
    machine = Machine(waiting.method)
    labels = [str(n) for n in range(100)]

    machine.receive([request(label, "test.wait", label=label) for label in labels])

    assert waiting.begun == labels[:16]
    waiting.let_end("15")
    assert await waiting.until_begun(17) == labels[:17]
    assert machine.sent == []
    waiting.let_all_end()
    assert await machine.until_sent(1) == [[said(label, label) for label in labels]]
    assert waiting.at_once == 16


@clause("batch-of-notifications")
async def test_a_batch_of_notifications_is_answered_by_silence() -> None:
    machine = Machine(say)

    machine.receive([notification("test.say"), notification("test.none"), cancel(1)])
    machine.receive(request(1, "test.say", label="next"))

    assert machine.sent == [said(1, "next")]


async def test_batch_elements_over_the_limits_are_refused_in_their_places(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    narrow(monkeypatch, MAX_IN_FLIGHT=1, MAX_QUEUED=1)
    waiting = Waiting()
    machine = Machine(waiting.method)

    machine.receive([request(label, "test.wait", label=label) for label in "abc"])
    waiting.let_all_end()

    assert await machine.until_sent(1) == [
        [said("a", "a"), said("b", "b"), failed("c", OverloadedError, retryAfterMs=100)]
    ]


# The end


@clause("shutdown-refuses-new", "shutdown-drains")
async def test_a_draining_connection_refuses_new_calls_and_ends_what_it_had_accepted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    narrow(monkeypatch, MAX_IN_FLIGHT=1)
    waiting = Waiting()
    machine = Machine(waiting.method, say, ping)
    machine.receive(request(1, "test.wait", label="a"), request(2, "test.wait", label="b"))

    drained = asyncio.ensure_future(machine.server.drain(5))
    await asyncio.sleep(0)
    machine.receive(request(3, "test.say"), request(4, "test.ping", label="pong"))
    waiting.let_all_end()

    async with asyncio.timeout(5):
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

    async with asyncio.timeout(5):
        assert await machine.server.drain(0) is False

    assert await machine.until_sent(1) == [failed(1, ShuttingDownError)]
    assert waiting.ended == ["a"]


async def test_a_call_may_drain_its_own_connection_when_nothing_else_runs() -> None:
    """So does shutdown: it is in flight itself, and begins outside of any task."""
    machines: list[Machine] = []

    @method("shutdown", permission=Permission.PUBLIC, needs_store=False, lane="control")
    async def shutdown(ctx: Context, params: Label) -> Said:  # noqa: ARG001 (a toy)
        """Drain."""
        return Said(text=str(await machines[0].server.drain(5)))

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
    drained = asyncio.ensure_future(machine.server.drain(5))
    await asyncio.sleep(0)

    assert not drained.done()
    gate.set()
    async with asyncio.timeout(5):
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


@clause("limit-shape", "bad-nesting")
@pytest.mark.parametrize(
    ("label", "rule"),
    [
        ("[" * 64 + "]" * 64, "nesting"),
        (f'"{"x" * (1024 * 1024 + 1)}"', "string_length"),
        ("[" + "0," * 10_000 + "0]", "array_length"),
    ],
    ids=["nesting", "string", "array"],
)
async def test_params_over_a_bound_are_refused_under_their_id(label: str, rule: str) -> None:
    """protocol.md section 7; a nesting over 1,024 is a parse error instead."""
    machine = Machine(say)
    line = b'{"jsonrpc":"2.0","id":1,"method":"test.say","params":{"label":%b}}' % label.encode()

    machine.receive(line, request(2, "test.say", label="next"))

    refused, served = machine.sent
    assert (refused["id"], refused["error"]["code"]) == (1, -32602)
    assert [error["rule"] for error in refused["error"]["data"]["details"]["errors"]] == [rule]
    assert served == said(2, "next")


@clause("calls-begin-in-arrival-order")
async def test_what_comes_behind_a_batch_begins_behind_it() -> None:
    waiting = Waiting()
    machine = Machine(waiting.method)
    labels = [str(number) for number in range(20)]

    machine.receive(
        [request(label, "test.wait", label=label) for label in labels],
        request("last", "test.wait", label="last"),
    )
    waiting.let_all_end()
    await machine.until_sent(2)

    assert waiting.begun == [*labels, "last"]


async def test_a_batch_element_that_waits_for_its_turn_can_be_cancelled() -> None:
    waiting = Waiting()
    machine = Machine(waiting.method)

    machine.receive([request(number, "test.wait", label=str(number)) for number in range(18)])
    machine.receive({"jsonrpc": "2.0", "method": "$/cancelRequest", "params": {"id": 17}})
    waiting.let_all_end()
    [replies] = await machine.until_sent(1)

    assert replies[17] == failed(17, RequestCancelledError)
    assert "17" not in waiting.begun


@clause("limit-reply-batch")
async def test_a_batch_never_answers_more_than_one_reply_may_hold(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    narrow(monkeypatch, MAX_RESPONSE_BYTES=120)
    machine = Machine(say)

    machine.receive([request(number, "test.say", label="x" * 40) for number in (1, 2)])

    assert machine.sent == [[said(1, "x" * 40), failed(2, ResponseTooLargeError)]]


@clause("control-overtakes")
async def test_control_calls_have_a_bound_of_their_own(monkeypatch: pytest.MonkeyPatch) -> None:
    narrow(monkeypatch, MAX_CONTROL=1)
    waiting = Waiting()
    machine = Machine(replace(waiting.method, lane="control"))

    machine.receive(request(1, "test.wait", label="a"), request(2, "test.wait", label="b"))
    waiting.let_all_end()

    assert await machine.until_sent(2) == [
        failed(2, OverloadedError, retryAfterMs=100),
        said(1, "a"),
    ]


@clause("out-of-step")
async def test_nothing_is_run_once_the_stream_is_out_of_step() -> None:
    machine = Machine(say)
    for _ in range(99):
        machine.server.receive(b"{")
    with pytest.raises(OutOfStepError):
        machine.server.receive(b"{")

    machine.receive(request(1, "test.say", label="late"))

    assert said(1, "late") not in machine.sent


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


async def test_a_new_feed_takes_the_place_of_the_old() -> None:
    machine = Machine(say)
    first, second = Feeding(), Feeding()

    machine.server.subscribe(first)
    machine.server.subscribe(second)

    assert (first.is_stopped, second.is_stopped) == (True, False)
    await machine.server.drain(5)
    assert second.is_stopped


class Feeding:
    """A feed that only notes whether it was stopped."""

    is_stopped = False

    async def run(self) -> None:
        """Send nothing."""

    def stop(self) -> None:
        """Note it."""
        self.is_stopped = True
