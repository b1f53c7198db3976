"""Batches: at most so many, so many at a time, answered in one line in request order."""

import pytest

from rpcbackend.errors import (
    InvalidRequestError,
    OverloadedError,
    RequestCancelledError,
    ResponseTooLargeError,
)
from tests.clauses import clause
from tests.machine import (
    Machine,
    Waiting,
    cancel,
    failed,
    notification,
    request,
    said,
    say,
)

BATCH_REFUSED = "A batch holds 1 to 100 requests; nothing was run."


@clause("cancel-in-batch")
async def test_a_cancelled_batch_element_has_its_error_in_the_batch() -> None:
    waiting = Waiting()
    machine = Machine(waiting.method, say)
    machine.receive([request(1, "test.wait", label="a"), request(2, "test.say", label="b")])

    machine.receive(cancel(1))

    assert await machine.until_sent(1) == [[failed(1, RequestCancelledError), said(2, "b")]]


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


async def test_batch_elements_over_the_limits_are_refused_in_their_places() -> None:
    waiting = Waiting()
    machine = Machine(waiting.method, in_flight=1, queued=1)

    machine.receive([request(label, "test.wait", label=label) for label in "abc"])
    waiting.let_all_end()

    assert await machine.until_sent(1) == [
        [said("a", "a"), said("b", "b"), failed("c", OverloadedError, retryAfterMs=100)]
    ]


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
async def test_a_batch_never_answers_more_than_one_reply_may_hold() -> None:
    machine = Machine(say, response_bytes=120)

    machine.receive([request(number, "test.say", label="x" * 40) for number in (1, 2)])

    assert machine.sent == [[said(1, "x" * 40), failed(2, ResponseTooLargeError)]]
