"""The examples of the JSON-RPC 2.0 specification, section 7, and what our planner makes of them.

https://www.jsonrpc.org/specification#examples. Two things differ by our own contract: a result is
always an object, so 19 becomes {"value": 19}, and an error carries our `data` and our words.
"""

from typing import Any

import pytest

from rpcbackend.context import Context
from rpcbackend.dispatch.planner import Planner, wire_names
from rpcbackend.dispatch.registry import Method, method
from rpcbackend.errors import (
    InvalidParamsError,
    InvalidRequestError,
    MethodNotFoundError,
    ParseError,
)
from rpcbackend.rpc_error import RpcError
from rpcbackend.schema.base import NoParams, Params, WireModel
from rpcbackend.security.roles import Permission
from tests.clauses import clause
from tests.machine import Label, Machine, Said, failed, make_registry, request, said, say

SIZE = "A batch holds 1 to 100 requests; nothing was run."


class Subtract(Params):
    """By position: [minuend, subtrahend]."""

    minuend: int
    subtrahend: int


class Numbers(Params):
    """Some numbers; the last ones may be missing."""

    a: int = 0
    b: int = 0
    c: int = 0
    d: int = 0
    e: int = 0


class Value(WireModel):
    """A number."""

    value: int


class Items(WireModel):
    """Some values."""

    items: list[Any]


def toy(channel: str, handler: Any) -> Method:
    return method(channel, permission=Permission.PUBLIC, needs_store=False)(handler)


async def subtract(ctx: Context, params: Subtract) -> Value:  # noqa: ARG001 (a toy)
    """Subtract."""
    return Value(value=params.minuend - params.subtrahend)


async def add(ctx: Context, params: Numbers) -> Value:  # noqa: ARG001 (a toy)
    """Add."""
    return Value(value=params.a + params.b + params.c + params.d + params.e)


async def get_data(ctx: Context, params: NoParams) -> Items:  # noqa: ARG001 (a toy)
    """Return some data."""
    return Items(items=["hello", 5])


METHODS = (
    toy("subtract", subtract),
    toy("sum", add),
    toy("update", add),
    toy("notify_hello", add),
    toy("notify_sum", add),
    toy("get_data", get_data),
)


def result(request_id: Any, **members: Any) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": request_id, "result": members}


EXAMPLES = [
    (
        "positional",
        b'{"jsonrpc": "2.0", "method": "subtract", "params": [42, 23], "id": 1}',
        [result(1, value=19)],
    ),
    (
        "positional-reversed",
        b'{"jsonrpc": "2.0", "method": "subtract", "params": [23, 42], "id": 2}',
        [result(2, value=-19)],
    ),
    (
        "named",
        (
            b'{"jsonrpc": "2.0", "method": "subtract", "params": {"subtrahend": 23, "minuend": 42},'
            b' "id": 3}'
        ),
        [result(3, value=19)],
    ),
    (
        "named-reversed",
        (
            b'{"jsonrpc": "2.0", "method": "subtract", "params": {"minuend": 42, "subtrahend": 23},'
            b' "id": 4}'
        ),
        [result(4, value=19)],
    ),
    ("notification", b'{"jsonrpc": "2.0", "method": "update", "params": [1,2,3,4,5]}', []),
    ("notification-unknown", b'{"jsonrpc": "2.0", "method": "foobar"}', []),
    (
        "unknown-method",
        b'{"jsonrpc": "2.0", "method": "foobar", "id": "1"}',
        [failed("1", MethodNotFoundError)],
    ),
    (
        "invalid-json",
        b'{"jsonrpc": "2.0", "method": "foobar, "params": "bar", "baz]',
        [failed(None, ParseError)],
    ),
    (
        "invalid-request",
        b'{"jsonrpc": "2.0", "method": 1, "params": "bar"}',
        [failed(None, InvalidRequestError)],
    ),
    (
        "batch-invalid-json",
        (
            b'[ {"jsonrpc": "2.0", "method": "sum", "params": [1,2,4], "id": "1"},'
            b' {"jsonrpc": "2.0", "method" ]'
        ),
        [failed(None, ParseError)],
    ),
    ("batch-empty", b"[]", [failed(None, InvalidRequestError, SIZE)]),
    ("batch-invalid-element", b"[1]", [[failed(None, InvalidRequestError)]]),
    ("batch-invalid", b"[1,2,3]", [[failed(None, InvalidRequestError)] * 3]),
    (
        "batch",
        (
            b'[ {"jsonrpc": "2.0", "method": "sum", "params": [1,2,4], "id": "1"},'
            b' {"jsonrpc": "2.0", "method": "notify_hello", "params": [7]},'
            b' {"jsonrpc": "2.0", "method": "subtract", "params": [42,23], "id": "2"},'
            b' {"foo": "boo"},'
            b' {"jsonrpc": "2.0", "method": "foo.get", "params": {"name": "myself"}, "id": "5"},'
            b' {"jsonrpc": "2.0", "method": "get_data", "id": "9"} ]'
        ),
        [
            [
                result("1", value=7),
                result("2", value=19),
                failed(None, InvalidRequestError),
                failed("5", MethodNotFoundError),
                result("9", items=["hello", 5]),
            ]
        ],
    ),
    (
        "batch-of-notifications",
        (
            b'[ {"jsonrpc": "2.0", "method": "notify_sum", "params": [1,2,4]},'
            b' {"jsonrpc": "2.0", "method": "notify_hello", "params": [7]} ]'
        ),
        [],
    ),
]


@clause("specification-examples", "error-parse", "error-invalid-request", "error-method-not-found")
@clause("batch-array", "batch-matched-by-id")
@clause("batch-empty", "batch-invalid-json", "batch-invalid-elements", "bad-batch-elements")
@clause("bad-batch-mixed", "bad-no-request")
@clause("notification-silent", "notification-silent-in-batch", "batch-of-notifications")
@clause("params-by-name")
@pytest.mark.parametrize(
    ("line", "replies"),
    [(line, replies) for _, line, replies in EXAMPLES],
    ids=[name for name, _, _ in EXAMPLES],
)
async def test_the_specification_s_examples_are_answered_as_it_says_alone_and_with_a_line_behind(
    line: bytes, replies: list[Any]
) -> None:
    alone, followed = Machine(*METHODS, area=""), Machine(*METHODS, area="")

    alone.receive(line)
    followed.receive(line, request("behind", "sum", a=1))

    assert alone.sent == replies
    assert followed.sent == [*replies, result("behind", value=1)]
    assert alone.bugs == []


@clause("request-rpc-reserved")
@pytest.mark.parametrize(
    ("message", "error"),
    [
        (None, InvalidRequestError),
        ([], InvalidRequestError),
        ({"foo": "boo"}, InvalidRequestError),
        ({"jsonrpc": "2.0", "id": 1, "method": "none"}, MethodNotFoundError),
        ({"jsonrpc": "2.0", "method": "none"}, MethodNotFoundError),
        ({"jsonrpc": "2.0", "id": 1, "method": "rpc.none"}, MethodNotFoundError),
        ({"jsonrpc": "2.0", "id": 1, "method": "__class__"}, MethodNotFoundError),
        ({"jsonrpc": "2.0", "id": 1, "method": "test.say", "params": None}, InvalidRequestError),
        ({"jsonrpc": "2.0", "id": True, "method": "test.say"}, InvalidRequestError),
        ({"jsonrpc": "2.0", "id": 1, "method": "test.say", "params": [1, 2]}, InvalidParamsError),
    ],
    ids=repr,
)
async def test_what_cannot_be_planned_is_refused_for_its_reason(
    message: Any, error: type[RpcError]
) -> None:
    with pytest.raises(RpcError) as refused:
        Planner(make_registry(say)).plan(message)

    assert type(refused.value) is error


@pytest.mark.parametrize(
    ("params", "named"),
    [
        ({"label": "a"}, {"label": "a"}),
        ({"slot": 1, "self": 2, "": 3}, {"slot": 1, "self": 2, "": 3}),
        ({"_meta": {"dryRun": True}}, {"_meta": {"dryRun": True}}),
        (["a"], {"label": "a"}),
        ([], {}),
        ({}, {}),
    ],
    ids=repr,
)
async def test_a_plan_is_the_method_and_its_params_by_name(
    params: Any, named: dict[str, Any]
) -> None:
    message = {"jsonrpc": "2.0", "id": 1, "method": "test.say", "params": params}

    assert Planner(make_registry(say)).plan(message) == (say, named)


async def test_positions_follow_the_fields_by_their_wire_names() -> None:
    class Renamed(Params):
        full_name: str
        born_on: str

    async def handler(ctx: Context, params: Label) -> Said:  # noqa: ARG001 (a toy)
        """Take a name."""
        return Said(text="")

    renamed = toy("test.renamed", handler)
    object.__setattr__(renamed, "params", Renamed)

    assert wire_names(renamed) == ["fullName", "bornOn"]


async def test_a_planned_call_with_any_label_is_answered() -> None:
    machine = Machine(say)

    machine.receive({"jsonrpc": "2.0", "id": 1.5, "method": "test.say", "params": ["by position"]})

    assert machine.sent == [said(1.5, "by position")]
