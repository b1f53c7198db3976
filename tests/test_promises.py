"""Promises of the wire that no single module keeps: codes, names, the contract, the truth."""

import asyncio
import hashlib
import re
from typing import Any

import pytest

from rpcbackend.app import Application
from rpcbackend.errors import InvalidParamsError, InvalidRequestError, ParseError
from rpcbackend.methods import build_registry
from rpcbackend.protocol import codec
from rpcbackend.rpc_error import RpcError
from rpcbackend.schema.base import MAX_SAFE_INTEGER
from rpcbackend.testing import CallFailedError, Client
from tests.clauses import clause
from tests.factories import School, save_branch
from tests.machine import Machine, failed, notification, request, said, say

UUID7 = r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"
MEGA = 1024 * 1024
RESERVED, OURS = range(-32768, -31999), range(-32099, -31999)
PREDEFINED = {-32700, -32600, -32601, -32602, -32603}
SCHOOL = range(1001, 1800)

TABLE = {
    -32700: ("PARSE_ERROR", "validation"),
    -32600: ("INVALID_REQUEST", "validation"),
    -32601: ("METHOD_NOT_FOUND", "validation"),
    -32602: ("INVALID_PARAMS", "validation"),
    -32603: ("INTERNAL_ERROR", "system"),
    -32010: ("REQUEST_TOO_LARGE", "validation"),
    -32011: ("RESPONSE_TOO_LARGE", "validation"),
    -32012: ("NOT_INITIALIZED", "system"),
    -32029: ("RATE_LIMITED", "validation"),
    -32030: ("OVERLOADED", "system"),
    -32031: ("SHUTTING_DOWN", "system"),
    -32032: ("DEADLINE_EXCEEDED", "system"),
    -32033: ("UNAVAILABLE", "network"),
    -32034: ("OUTCOME_UNKNOWN", "system"),
    -32800: ("REQUEST_CANCELLED", "validation"),
}
"""protocol.md section 5."""


# Errors


@clause("error-codes-table")
def test_every_code_has_the_symbol_and_type_of_the_table() -> None:
    known = {code: (error.symbol, error.error_type) for code, error in RpcError.by_code.items()}

    assert {code: known[code] for code in TABLE} == TABLE
    # Errors that a test has made are not ours.
    ours = {
        code for code, error in RpcError.by_code.items() if error.__module__[:10] == "rpcbackend"
    }
    assert {code for code in ours - TABLE.keys() if code not in SCHOOL} == set()


@clause("error-codes-never-used", "error-codes-reserved")
def test_no_code_has_a_meaning_elsewhere() -> None:
    codes = RpcError.by_code.keys()

    assert codes & {-32001, -32002, *range(-32099, -32095)} == set()
    assert {code for code in codes if code in RESERVED and code not in OURS} == PREDEFINED


# Rows of reliability.md section 2 that no other test has


@clause("bad-batch-nested", "bad-method", "bad-scalar", "bad-version", "bad-id", "bad-params")
@clause("bad-no-request", "bad-nesting-unreadable", "meta-not-by-position", "response-id-null")
@pytest.mark.parametrize(
    ("line", "reply"),
    [
        (b"[[]]", [failed(None, InvalidRequestError)]),
        (b'[[{"jsonrpc":"2.0","id":1,"method":"test.say"}]]', [failed(None, InvalidRequestError)]),
        (b'{"jsonrpc":"2.0","id":1,"method":7}', failed(1, InvalidRequestError)),
        (b'{"jsonrpc":"2.0","id":1,"method":null}', failed(1, InvalidRequestError)),
        (b'{"jsonrpc":"2.0","id":1}', failed(1, InvalidRequestError)),
        (b"null", failed(None, InvalidRequestError)),
        (b"true", failed(None, InvalidRequestError)),
        (b'{"id":1,"method":"test.say"}', failed(1, InvalidRequestError)),
        (b'{"jsonrpc":"1.0","id":"a","method":"test.say"}', failed("a", InvalidRequestError)),
        (b'{"jsonrpc":2.0,"id":1,"method":"test.say"}', failed(1, InvalidRequestError)),
        (b'{"jsonrpc":"2.0","id":[1],"method":"test.say"}', failed(None, InvalidRequestError)),
        (b'{"jsonrpc":"2.0","id":true,"method":"test.say"}', failed(None, InvalidRequestError)),
        (
            b'{"jsonrpc":"2.0","id":9007199254740993,"method":"test.say"}',
            failed(None, InvalidRequestError),
        ),
        (
            b'{"jsonrpc":"2.0","id":"%b","method":"test.say"}' % (b"x" * 257),
            failed(None, InvalidRequestError),
        ),
        (
            b'{"jsonrpc":"2.0","id":1,"method":"test.say","params":null}',
            failed(1, InvalidRequestError),
        ),
        (
            b'{"jsonrpc":"2.0","id":1,"method":"test.say","params":"a"}',
            failed(1, InvalidRequestError),
        ),
        (b'{"foo":"boo"}', failed(None, InvalidRequestError)),
        (
            b'{"jsonrpc":"2.0","params":%b}' % (b"[" * 1_025 + b"]" * 1_025),
            failed(None, ParseError),
        ),
        (
            b'{"jsonrpc":"2.0","id":1,"method":"test.say","params":["a",{"_meta":{}}]}',
            failed(
                1,
                InvalidParamsError,
                details={"errors": [{"path": "", "rule": "too_many_positional"}]},
            ),
        ),
    ],
    ids=lambda value: repr(value)[2:50] if isinstance(value, bytes) else "",
)
async def test_a_bad_line_is_answered_by_its_rule_alone_and_with_a_line_behind(
    line: bytes, reply: Any
) -> None:
    machine = Machine(say)

    machine.receive(line, request("behind", "test.say", label="served"))

    assert machine.sent == [reply, said("behind", "served")]


@clause("notification-error-silent", "notification-silent-in-batch")
async def test_no_error_of_a_notification_is_answered_alone_or_in_a_batch() -> None:
    machine = Machine(say)
    unanswered = [
        notification("test.none"),
        notification("test.say", unknown=1),
        {"jsonrpc": "2.0", "method": "test.say", "params": "text"},
        {"jsonrpc": "2.0", "method": "test.say", "extra": 1},
    ]

    machine.receive(*unanswered, unanswered, [*unanswered, request(1, "test.say", label="a")])

    assert machine.sent == [[said(1, "a")]]
    assert len(machine.exchanges) == 3 * len(unanswered) + 1


# The contract


@clause("discover-every-channel", "channel-names", "result-is-an-object")
async def test_discover_lists_every_channel_by_name_with_an_object_as_result(
    client: Client,
) -> None:
    document = await client.call("rpc.discover")

    assert [found["name"] for found in document["methods"]] == [
        method.channel for method in build_registry()
    ]
    schemas = document["components"]["schemas"]
    for found in document["methods"]:
        assert re.fullmatch(r"([a-z]+\.)?[a-z]+([A-Z][a-z]+)*", found["name"])
        result = schemas[found["result"]["schema"]["$ref"].rpartition("/")[2]]
        assert result["type"] == "object"
        if found["name"].endswith(".list"):
            assert {"items"} <= result["properties"].keys() <= {"items", "nextCursor"}


@clause("contract-hash")
async def test_the_contract_hash_is_that_of_the_canonical_document(
    app: Application, client: Client
) -> None:
    document = await client.call("rpc.discover")

    assert app.ready().contract_hash == hashlib.sha256(codec.canonical(document)).hexdigest()


@clause("ping-empty")
async def test_a_ping_is_answered_with_nothing_but_that_it_was_heard(client: Client) -> None:
    assert await client.raw(b'{"jsonrpc":"2.0","id":"p","method":"ping"}') == {
        "jsonrpc": "2.0",
        "id": "p",
        "result": {},
    }


@clause("ids-prefixed-uuid7")
async def test_ids_of_records_are_prefixed_and_in_order_of_time(client: Client) -> None:
    school = await School(client).open()
    lesson = await school.book()

    for prefix, record in {
        "bra": school.branch,
        "ins": school.instructor,
        "veh": school.vehicle,
        "stu": school.student,
        "les": lesson,
    }.items():
        assert re.fullmatch(f"{prefix}_{UUID7}", record["id"])


@clause("instants-rfc-3339", "dates-civil")
async def test_instants_and_dates_have_one_form_each(client: Client) -> None:
    school = await School(client).open()
    lesson = await school.book()

    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{3})?Z", lesson["startsAt"])
    assert re.fullmatch(r"\d{4}-\d\d-\d\d", school.student["bornOn"])
    for wrong in ("2099-06-01T09:00:00+02:00", "2099-06-01T09:00:00", "2099-06-01 09:00Z", 4e9):
        with pytest.raises(CallFailedError) as refused:
            await school.book(startsAt=wrong)
        assert refused.value.symbol == "INVALID_PARAMS"


@clause("channel-described")
async def test_discover_tells_all_of_a_channel(client: Client) -> None:
    described = {found["name"]: found for found in (await client.call("rpc.discover"))["methods"]}

    for method in build_registry():
        found = described[method.channel]
        assert (found["x-kind"], found["x-permission"]) == (method.kind, method.permission)
        assert (found["x-params"], found["result"]["name"]) == (
            method.params.__name__,
            method.result.__name__,
        )
        assert {error.code for error in method.errors} <= {e["code"] for e in found["errors"]}
        assert found["x-events"] == list(method.events)


@clause("limit-numbers")
async def test_the_limits_are_those_of_the_table(client: Client) -> None:
    answer = await client.call(
        "initialize", protocolVersion="1", client={"name": "test", "version": "1"}
    )

    assert answer["limits"] == {
        "requestBytes": 4 * MEGA,
        "responseBytes": 16 * MEGA,
        "nesting": 64,
        "stringLength": MEGA,
        "arrayLength": 10_000,
        "batchElements": 100,
        "batchAtOnce": 16,
        "inFlight": 256,
        "controlInFlight": 64,
        "queued": 1_024,
        "queuedBytes": 32 * MEGA,
        "unreadBytes": 64 * MEGA,
        "unreadResumeBytes": 32 * MEGA,
        "queryMs": 5_000,
        "commandMs": 10_000,
        "queryPerSecond": 1_000,
        "commandPerSecond": 200,
        "heavyPerSecond": 5,
        "authPerMinute": 5,
    }
    assert MAX_SAFE_INTEGER == 2**53 - 1


# The truth


@clause("meta-dry-run")
async def test_a_dry_run_answers_and_keeps_nothing(client: Client) -> None:
    branch = await save_branch(client, _meta={"dryRun": True})

    assert branch["name"]
    assert await client.call("branches.list") == {"items": []}


@clause("cancel-tells-the-truth")
@pytest.mark.parametrize("turns", range(8))
async def test_a_cancelled_write_has_one_reply_that_says_whether_it_took_effect(
    client: Client, turns: int
) -> None:
    """Cancelled after so many turns of the loop: before, while and after the write begins."""
    reply = client.start(
        "branches.save", {"name": "Mitte", "zone": "Europe/Berlin", "currency": "EUR"}
    )
    for _ in range(turns):
        await asyncio.sleep(0)

    client.server.receive(
        b'{"jsonrpc":"2.0","method":"$/cancelRequest","params":{"id":%d}}' % client.last_id
    )

    async with asyncio.timeout(30):
        answer = await reply
    took_effect = (await client.call("branches.list"))["items"] != []
    assert ("result" in answer) is took_effect
    assert took_effect or answer["error"]["data"]["outcome"] == "none"
    assert client.lines.empty()
