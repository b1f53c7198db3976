"""What one message becomes: an answer or an error, never more than the caller may know."""

import asyncio
from typing import Annotated, Any

import pytest
from pydantic import Field

from rpcbackend.context import Context
from rpcbackend.dispatch.call import Call, Exchange, Proceed
from rpcbackend.dispatch.registry import Result, method
from rpcbackend.errors import (
    InvalidParamsError,
    InvalidRequestError,
    MethodNotFoundError,
    NotFoundError,
    ParseError,
    ResponseTooLargeError,
)
from rpcbackend.rpc_error import RpcError
from rpcbackend.schema.base import Encoded, Integer, Params
from rpcbackend.security.roles import Permission
from tests.clauses import clause
from tests.machine import (
    CORRELATION_ID,
    Label,
    Machine,
    Said,
    Waiting,
    failed,
    notification,
    request,
    said,
    say,
)

SECRET = "4929-1234-5678-9012"  # noqa: S105 (what must not come back)


class Nested(Params):
    """Something to get wrong."""

    count: Annotated[Integer, Field(ge=1)]
    tags: tuple[str, ...] = ()


class Order(Params):
    """Params with everything that can be wrong."""

    nested: Nested
    full_name: Annotated[str, Field(max_length=10)] = ""


@method("test.order", permission=Permission.PUBLIC, needs_store=False)
async def order(ctx: Context, params: Order) -> Said:  # noqa: ARG001 (a toy)
    """Take an order."""
    return Said(text=str(params.nested.count))


@method("test.meta", permission=Permission.PUBLIC, needs_store=False)
async def tell_meta(ctx: Context, params: Label) -> Said:  # noqa: ARG001 (a toy)
    """Answer what came beside the params."""
    ctx.result_meta["rev"] = "7"
    return Said(text=ctx.meta.model_dump_json(exclude_defaults=True))


@method("test.encoded", permission=Permission.PUBLIC, needs_store=False)
async def encoded(ctx: Context, params: Label) -> Encoded[Said]:  # noqa: ARG001 (a toy)
    """Answer JSON from elsewhere."""
    return Encoded(b'{"text":"from the database"}')


@method("test.break", permission=Permission.PUBLIC, needs_store=False)
async def break_down(ctx: Context, params: Label) -> Said:  # noqa: ARG001 (a toy)
    """Fail in a way that nobody expected."""
    raise RuntimeError(f"card {params.label} refused at /home/ada/school.db")


@method("test.refuse", permission=Permission.PUBLIC, needs_store=False)
async def refuse(ctx: Context, params: Label) -> Said:  # noqa: ARG001 (a toy)
    """Refuse for a reason."""
    raise NotFoundError.of("student", params.label)


@method("test.confuse", permission=Permission.PUBLIC, needs_store=False)
async def confuse(ctx: Context, params: Label) -> Said:  # noqa: ARG001 (a toy)
    """Refuse with details that JSON cannot hold."""
    raise NotFoundError(details={"key": object()})


def violation(path: str, rule: str, message: str) -> dict[str, str]:
    return {"path": path, "rule": rule, "message": message}


def refused(request_id: Any, *violations: dict[str, str]) -> dict[str, Any]:
    return failed(request_id, InvalidParamsError, details={"errors": list(violations)})


async def test_an_answer_that_is_already_json_goes_out_as_it_is() -> None:
    machine = Machine(encoded)

    machine.receive(request(1, "test.encoded"))

    assert machine.sent == [said(1, "from the database")]


@clause("response-id-echoed", "request-id-fraction", "id-null-is-an-id")
@pytest.mark.parametrize("request_id", [1, 0, -7, 1.5, "a", "", None, 2**53 - 1], ids=repr)
async def test_the_id_comes_back_as_it_went(request_id: Any) -> None:
    machine = Machine(say)

    machine.receive(request(request_id, "test.say", label="x"))

    assert machine.sent == [said(request_id, "x")]


@clause("error-invalid-params", "params-unknown-name", "bad-integer", "names-camel-case")
@clause("error-quotes-nothing")
@pytest.mark.parametrize(
    ("params", "violations"),
    [
        ({}, [violation("nested", "missing", "Field required")]),
        (
            {"nested": {"count": 0}, "fullName": SECRET},
            [
                violation(
                    "nested.count",
                    "greater_than_equal",
                    "Input should be greater than or equal to 1",
                ),
                violation(
                    "fullName", "string_too_long", "String should have at most 10 characters"
                ),
            ],
        ),
        (
            {"nested": {"count": SECRET, "tags": [SECRET, 5]}},
            [
                violation("nested.count", "int_type", "Input should be a valid integer"),
                violation("nested.tags.1", "string_type", "Input should be a valid string"),
            ],
        ),
        (
            {"nested": {"count": 1}, "unknown": SECRET},
            [violation("unknown", "extra_forbidden", "Extra inputs are not permitted")],
        ),
        (
            {"nested": {"count": 1}, "full_name": "x"},
            [violation("full_name", "extra_forbidden", "Extra inputs are not permitted")],
        ),
        (
            {"nested": {"count": 2**53}},
            [
                violation(
                    "nested.count",
                    "less_than_equal",
                    "Input should be less than or equal to 9007199254740991",
                )
            ],
        ),
        (
            {"nested": {"count": True}},
            [violation("nested.count", "int_type", "Input should be a valid integer")],
        ),
    ],
    ids=["missing", "two", "deep", "unknown", "python-name", "beyond-2^53", "bool"],
)
async def test_refused_params_are_named_by_path_and_rule_and_never_by_value(
    params: dict[str, Any], violations: list[dict[str, str]]
) -> None:
    machine = Machine(order, say)

    machine.receive(request(1, "test.order", **params), request(2, "test.say", label="next"))

    assert machine.sent == [refused(1, *violations), said(2, "next")]
    assert SECRET not in str(machine.sent)


@clause("params-by-position", "params-too-many")
@pytest.mark.parametrize(
    ("positional", "reply"),
    [
        ([{"count": 3}, "Ada"], said(1, "3")),
        ([{"count": 3}], said(1, "3")),
        ([], refused(1, violation("nested", "missing", "Field required"))),
        (
            [{"count": 3}, "Ada", 1],
            failed(
                1,
                InvalidParamsError,
                details={"errors": [{"path": "", "rule": "too_many_positional"}]},
            ),
        ),
    ],
    ids=["all", "some", "none", "too-many"],
)
async def test_params_by_position_follow_the_fields(positional: list[Any], reply: Any) -> None:
    machine = Machine(order)

    machine.receive({"jsonrpc": "2.0", "id": 1, "method": "test.order", "params": positional})

    assert machine.sent == [reply]


@clause("request-params-optional")
async def test_params_may_be_left_out() -> None:
    machine = Machine(say)

    machine.receive({"jsonrpc": "2.0", "id": 1, "method": "test.say"})

    assert machine.sent == [said(1, "")]


@clause("meta-in-params", "meta-of-result")
async def test_meta_reaches_the_handler_and_its_meta_the_result() -> None:
    machine = Machine(tell_meta)

    machine.receive(request(1, "test.meta", _meta={"timeoutMs": 9, "dryRun": True}))

    assert machine.sent == [
        {
            "jsonrpc": "2.0",
            "id": 1,
            "result": {"text": '{"timeoutMs":9,"dryRun":true}', "_meta": {"rev": "7"}},
        }
    ]


@clause("meta-bounded")
@pytest.mark.parametrize(
    ("meta", "path", "rule"),
    [
        ({"timeoutMs": 0}, "_meta.timeoutMs", "greater_than_equal"),
        ({"timeoutMs": 120_001}, "_meta.timeoutMs", "less_than_equal"),
        ({"idempotencyKey": "x" * 129}, "_meta.idempotencyKey", "string_too_long"),
        ({"idempotencyKey": ""}, "_meta.idempotencyKey", "string_too_short"),
        ({"unknown": 1}, "_meta.unknown", "extra_forbidden"),
        ({"dryRun": "yes"}, "_meta.dryRun", "bool_type"),
        (None, "_meta", "model_type"),
        ([], "_meta", "model_type"),
    ],
    ids=[
        "no-time",
        "too-much-time",
        "long-key",
        "empty-key",
        "unknown",
        "no-flag",
        "null",
        "list",
    ],
)
async def test_meta_that_does_not_fit_is_refused(meta: Any, path: str, rule: str) -> None:
    machine = Machine(say)

    machine.receive(request(1, "test.say", _meta=meta))

    (reply,) = machine.sent
    (found,) = reply["error"]["data"]["details"]["errors"]
    assert (found["path"], found["rule"]) == (path, rule)
    assert reply == refused(1, found)


@clause("error-members-exact")
async def test_a_refusal_of_the_handler_carries_its_details() -> None:
    machine = Machine(refuse)

    machine.receive(request(1, "test.refuse", label="stu_404"))

    assert machine.sent == [
        failed(
            1,
            NotFoundError,
            "There is no student with this id.",
            details={"entity": "student", "id": "stu_404"},
        )
    ]
    assert machine.bugs == []


@clause("error-internal", "error-internal-hidden", "error-quotes-nothing")
async def test_what_nobody_expected_is_hidden_and_reported_under_the_same_correlation_id() -> None:
    machine = Machine(break_down, say)

    machine.receive(request(1, "test.break", label=SECRET), request(2, "test.say", label="next"))

    assert machine.sent == [failed(1, RpcError), said(2, "next")]
    told = machine.sent[0]["error"]["data"]["correlationId"]
    assert [(type(bug), correlation_id) for bug, correlation_id in machine.bugs] == [
        (RuntimeError, str(told))
    ]
    assert SECRET not in str(machine.sent)


@clause("notification-error-silent")
async def test_a_broken_notification_is_reported_and_not_answered() -> None:
    machine = Machine(break_down)

    machine.receive(notification("test.break"))

    assert machine.sent == []
    assert len(machine.bugs) == 1


@clause("bad-result")
async def test_an_error_that_json_cannot_hold_is_a_bug_with_an_answer() -> None:
    machine = Machine(confuse, say)

    machine.receive(request(1, "test.confuse"), request(2, "test.say", label="next"))

    assert machine.sent == [failed(1, RpcError), said(2, "next")]
    assert [type(bug) for bug, _ in machine.bugs] == [TypeError]
    assert machine.server.in_flight == 0


@clause("limit-reply")
async def test_a_reply_over_the_limit_is_refused() -> None:
    whole = len(b'{"jsonrpc":"2.0","id":1,"result":{"text":"xxxx"}}\n')
    machine = Machine(say, response_bytes=whole)

    machine.receive(request(1, "test.say", label="xxxx"), request(2, "test.say", label="xxxxx"))

    assert machine.sent == [said(1, "xxxx"), failed(2, ResponseTooLargeError)]


async def test_a_call_that_is_cancelled_with_its_loop_is_not_answered() -> None:
    waiting = Waiting()
    machine = Machine(waiting.method)
    machine.receive(request(1, "test.wait", label="a"))
    await asyncio.sleep(0)

    (task,) = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
    task.cancel()
    async with asyncio.timeout(30):
        await asyncio.wait([task])

    assert machine.sent == []
    assert waiting.ended == ["a"]


async def test_rings_run_outermost_first_and_may_answer_themselves() -> None:
    passed: list[str] = []

    async def outer(call: Call, proceed: Proceed) -> Result:
        passed.append("outer")
        result = await proceed(call)
        passed.append("outer again")
        return result

    async def inner(call: Call, proceed: Proceed) -> Result:
        passed.append("inner")
        assert isinstance(call.params, Label)
        return Said(text="stopped") if call.params.label == "stop" else await proceed(call)

    machine = Machine(say, rings=(outer, inner))

    machine.receive(request(1, "test.say", label="go"), request(2, "test.say", label="stop"))

    assert machine.sent == [said(1, "go"), said(2, "stopped")]
    assert passed == ["outer", "inner", "outer again"] * 2


async def test_rings_never_see_a_call_that_does_not_exist_or_fit() -> None:
    async def ring(call: Call, proceed: Proceed) -> Result:  # noqa: ARG001 (never called)
        raise AssertionError

    machine = Machine(order, rings=(ring,))

    machine.receive(request(1, "test.order"), request(2, "test.none"), b"{", [1])

    assert len(machine.sent) == 4
    assert machine.bugs == []


async def test_observers_look_once_at_every_finished_line() -> None:
    waiting = Waiting()
    machine = Machine(say, refuse, waiting.method)

    machine.receive(
        request(1, "test.say"),
        request(2, "test.refuse"),
        notification("test.say"),
        notification("test.none"),
        request(3, "test.none"),
        b"{",
        {"foo": "boo"},
        request(4, "test.wait"),
    )
    machine.clock.advance(2)
    waiting.let_all_end()
    await machine.finish()

    assert [_summary(exchange) for exchange in machine.exchanges] == [
        ("test.say", 1, None, None, 0.0),
        ("test.refuse", 2, NotFoundError, CORRELATION_ID, 0.0),
        ("test.say", None, None, None, 0.0),
        (None, None, MethodNotFoundError, CORRELATION_ID, 0.0),
        (None, 3, MethodNotFoundError, CORRELATION_ID, 0.0),
        (None, None, ParseError, CORRELATION_ID, 0.0),
        (None, None, InvalidRequestError, CORRELATION_ID, 0.0),
        ("test.wait", 4, None, None, 2.0),
    ]
    assert {exchange.connection_id for exchange in machine.exchanges} == {"con_1"}


def _summary(exchange: Exchange) -> tuple[Any, ...]:
    return (
        exchange.channel,
        exchange.request_id,
        type(exchange.error) if exchange.error else None,
        exchange.correlation_id,
        exchange.seconds,
    )


@method("test.abandon", permission=Permission.PUBLIC, needs_store=False)
async def abandon(ctx: Context, params: Label) -> Said:  # noqa: ARG001 (a toy)
    """Wait for something that somebody else gives up, now or later."""
    future: asyncio.Future[Said] = asyncio.get_running_loop().create_future()
    if params.label == "later":
        asyncio.get_running_loop().call_soon(future.cancel)
    else:
        future.cancel()
    return await future


@pytest.mark.parametrize("label", ["now", "later"])
async def test_a_call_whose_future_somebody_else_cancelled_is_a_bug_with_an_answer(
    label: str,
) -> None:
    machine = Machine(abandon, say)

    machine.receive(request(1, "test.abandon", label=label))
    sent = await machine.until_sent(1)
    machine.receive(request(2, "test.say", label="next"))

    assert sent == [failed(1, RpcError), said(2, "next")]
    assert [str(bug) for bug, _ in machine.bugs] == ["something the call waited for was cancelled"]
    assert machine.server.in_flight == 0


async def test_all_that_a_call_does_is_found_by_the_id_of_its_reply() -> None:
    """Two calls take turns, so each must be told apart after every wait."""
    seen: dict[str, list[str | None]] = {"a": [], "b": []}
    turns = {name: asyncio.Event() for name in seen}

    @method("test.take_turns", permission=Permission.PUBLIC, needs_store=False)
    async def take_turns(ctx: Context, params: Label) -> Said:  # noqa: ARG001 (a toy)
        """Look before and after a wait, and beside the call."""

        async def look() -> None:
            seen[params.label].append(machine.dispatcher.correlation_id())

        await look()
        await turns[params.label].wait()
        await look()
        await asyncio.create_task(look())
        raise NotFoundError.of("toy", params.label)

    machine = Machine(take_turns)
    machine.receive(
        request("a", "test.take_turns", label="a"), request("b", "test.take_turns", label="b")
    )
    for name in ("b", "a"):
        turns[name].set()

    replies = {reply["id"]: reply for reply in await machine.until_sent(2)}
    told = {name: replies[name]["error"]["data"]["correlationId"] for name in seen}
    assert seen == {name: [told[name]] * 3 for name in seen}
    assert told["a"] != told["b"]
    assert machine.dispatcher.correlation_id() is None
