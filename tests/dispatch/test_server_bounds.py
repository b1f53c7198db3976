"""What one connection takes at once, and what it makes of more."""

from dataclasses import replace

import pytest

from rpcbackend.dispatch.server import OutOfStepError
from rpcbackend.errors import InvalidRequestError, OverloadedError, ParseError, RequestTooLargeError
from tests.clauses import clause
from tests.machine import (
    Machine,
    Waiting,
    cancel,
    failed,
    ping,
    request,
    said,
    say,
)


@clause("limit-in-flight", "limit-queue")
async def test_calls_over_the_limit_queue_and_over_the_queue_are_refused() -> None:
    waiting = Waiting()
    machine = Machine(waiting.method, in_flight=2, queued=1)

    machine.receive(*(request(label, "test.wait", label=label) for label in "abcd"))

    assert machine.sent == [failed("d", OverloadedError, retryAfterMs=100)]
    assert (machine.server.in_flight, machine.server.queued) == (2, 1)
    assert waiting.begun == ["a", "b"]
    waiting.let_end("a")
    assert (await machine.until_sent(2))[1:] == [said("a", "a")]
    assert waiting.begun == ["a", "b", "c"]
    waiting.let_all_end()
    assert (await machine.until_sent(4))[2:] == [said("b", "b"), said("c", "c")]


async def test_a_call_that_is_refused_belongs_to_its_channel_and_took_as_long_as_it_waited() -> (
    None
):
    waiting = Waiting()
    machine = Machine(waiting.method, in_flight=1, queued=1)
    machine.receive(*(request(label, "test.wait", label=label) for label in "abc"))
    machine.clock.advance(2)
    machine.receive(cancel("b"), b"{")
    waiting.let_all_end()
    await machine.until_sent(4)

    told = [(one.request_id, one.channel, one.seconds, one.fits) for one in machine.exchanges]
    assert told == [
        ("c", "test.wait", 0, False),
        ("b", "test.wait", 2, False),
        (None, None, 0, False),
        ("a", "test.wait", 2, True),
    ]


@clause("limit-queue-bytes")
async def test_the_queue_is_bounded_in_bytes_too() -> None:
    waiting = Waiting()
    machine = Machine(waiting.method, in_flight=1, queued_bytes=200)

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
async def test_a_control_call_overtakes_the_queue() -> None:
    waiting = Waiting()
    machine = Machine(waiting.method, ping, in_flight=1, queued=1)
    machine.receive(request(1, "test.wait", label="a"), request(2, "test.wait", label="b"))

    machine.receive(request(3, "test.ping", label="pong"))

    assert machine.sent == [said(3, "pong")]
    waiting.let_all_end()
    assert (await machine.until_sent(3))[1:] == [said(1, "a"), said(2, "b")]


async def test_a_full_queue_of_quick_calls_is_worked_off() -> None:
    """Each of them ends as soon as it begins and makes place for the next."""
    waiting = Waiting()
    machine = Machine(waiting.method, say, in_flight=1)
    machine.receive(request(0, "test.wait"))
    machine.receive(*(request(n, "test.say", label=str(n)) for n in range(1, 1_025)))
    assert machine.server.queued == 1_024

    waiting.let_all_end()

    assert await machine.until_sent(1_025) == [
        said(0, ""),
        *(said(n, str(n)) for n in range(1, 1_025)),
    ]


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


@clause("control-overtakes")
async def test_control_calls_have_a_bound_of_their_own() -> None:
    waiting = Waiting()
    machine = Machine(replace(waiting.method, lane="control"), control_in_flight=1)

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
