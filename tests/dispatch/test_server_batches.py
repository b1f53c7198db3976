"""Batches: at most so many, so many at a time, answered in one line in request order."""

from dataclasses import replace

import orjson
import pytest

from rpcbackend.dispatch.registry import Kind
from rpcbackend.errors import (
    InvalidRequestError,
    OverloadedError,
    RequestCancelledError,
    ResponseTooLargeError,
)
from rpcbackend.schema.limits import Limits
from rpcbackend.testing import Client, running_app
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


@clause("calls-begin-in-arrival-order", "writes-in-arrival-order")
async def test_a_command_behind_a_batch_of_commands_begins_behind_it() -> None:
    waiting = Waiting()
    machine = Machine(replace(waiting.method, kind="command"))
    labels = [str(number) for number in range(20)]

    machine.receive(
        [request(label, "test.wait", label=label) for label in labels],
        request("last", "test.wait", label="last"),
    )
    waiting.let_all_end()
    await machine.until_sent(2)

    assert waiting.begun == [*labels, "last"]


@clause("batch-starves-nobody")
@pytest.mark.parametrize("kind", ["query", "command"])
async def test_a_query_behind_a_batch_does_not_wait_for_it(kind: Kind) -> None:
    waiting = Waiting()
    machine = Machine(replace(waiting.method, kind=kind), say)

    machine.receive(
        [request(number, "test.wait", label=str(number)) for number in range(100)],
        request("quick", "test.say", label="quick"),
    )

    assert await machine.until_sent(1) == [said("quick", "quick")]
    waiting.let_all_end()
    _, replies = await machine.finish()
    assert [reply["id"] for reply in replies] == [*range(100)]
    assert waiting.at_once == 16


async def test_when_the_waiting_elements_are_cancelled_those_behind_them_begin() -> None:
    waiting = Waiting()
    machine = Machine(replace(waiting.method, kind="command"))
    machine.receive(
        [request(number, "test.wait", label=str(number)) for number in range(20)],
        request("last", "test.wait", label="last"),
    )

    machine.receive(*(cancel(number) for number in range(16, 20)))

    assert waiting.begun[16:] == ["last"]
    waiting.let_all_end()
    assert len(await machine.finish()) == 2


async def test_held_queries_begin_though_those_that_ran_were_cancelled_with_others() -> None:
    waiting = Waiting()
    machine = Machine(waiting.method)
    machine.receive([request(number, "test.wait", label=str(number)) for number in range(40)])

    machine.receive(*(cancel(number) for number in range(30)))
    waiting.let_all_end()

    [replies] = await machine.finish()
    assert [reply["id"] for reply in replies if "result" in reply] == [*range(30, 40)]


@clause("error-outcome")
async def test_a_write_whose_reply_no_longer_fits_says_that_it_took_effect() -> None:
    branch = {"zone": "Europe/Berlin", "currency": "EUR", "name": "x" * 200}
    limits = Limits.model_construct(response_bytes=700)
    async with running_app(limits=limits) as app:
        client = Client(app)
        client.server.receive(
            orjson.dumps([request(number, "branches.save", **branch) for number in range(3)])
        )
        replies = await client.next_line()

        refused = [reply["error"]["data"] for reply in replies if "error" in reply]
        assert [(data["code"], data["outcome"]) for data in refused] == [
            ("RESPONSE_TOO_LARGE", "committed"),
            ("RESPONSE_TOO_LARGE", "committed"),
        ]


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
