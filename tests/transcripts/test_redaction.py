"""Lines of the wire as they are kept: a canary in any place of any channel is kept nowhere."""

from typing import Any

import orjson
import pytest

from rpcbackend.contract.shipped import read_contract
from rpcbackend.methods import build_registry
from rpcbackend.transcripts.placeholders import Placeholders
from rpcbackend.transcripts.redaction import Redaction
from tests.clauses import clause
from tests.factories import an_id
from tests.properties.test_canaries import CHANNELS, SCHEMAS

CANARY = "Xanthippe-4711"
REGISTRY = build_registry()


def redaction() -> Redaction:
    return Redaction(REGISTRY, Placeholders())


def came(message: Any) -> Any:
    return redaction().came("con_1", orjson.dumps(message))


def answered(channel: str, result: Any, request_id: Any = 1) -> Any:
    one = redaction()
    one.came("con_1", orjson.dumps({"jsonrpc": "2.0", "id": request_id, "method": channel}))
    reply = {"jsonrpc": "2.0", "id": request_id, "result": result}
    return one.went("con_1", orjson.dumps(reply))["result"]


def marked(schema: dict[str, Any]) -> list[str]:
    return [
        name
        for name, field in schema.get("properties", {}).items()
        if field.get("x-secret") or field.get("x-personal")
    ]


@clause("transcript-no-secret")
@pytest.mark.parametrize("channel", CHANNELS)
def test_no_marked_or_unknown_param_of_any_channel_is_kept(channel: str) -> None:
    for name in [*marked(CHANNELS[channel]), "unknown", "pasword"]:
        for value in (CANARY, [CANARY], {"x": CANARY}):
            call = {"jsonrpc": "2.0", "id": 1, "method": channel, "params": {name: value}}
            assert CANARY not in str(came(call))
    by_position = {"jsonrpc": "2.0", "method": channel, "params": [[CANARY]] * 40}
    assert str(came(by_position)).count(CANARY) == 0


@clause("transcript-no-secret")
@pytest.mark.parametrize(
    "message",
    [
        CANARY,
        [CANARY],
        {"jsonrpc": "2.0", "id": 1, "method": CANARY, "params": {"a": CANARY}},
        {"jsonrpc": "2.0", "id": 1, "method": "ping", "params": CANARY},
        {"jsonrpc": CANARY, "id": 1, "method": "ping"},
        {"jsonrpc": "2.0", "id": {"a": CANARY}, "method": "ping"},
        {"jsonrpc": "2.0", "id": 1, "method": "ping", "more": CANARY},
        {"jsonrpc": "2.0", "id": 1, "method": ["ping", CANARY]},
        {"jsonrpc": "2.0", "method": "$/cancelRequest", "params": {"id": 1, "why": CANARY}},
        {"jsonrpc": "2.0", "method": "$/cancelRequest", "params": [CANARY]},
        {"jsonrpc": "2.0", "id": 1, "result": CANARY},
        {"jsonrpc": "2.0", "id": 1, "method": "ping", "params": {"_meta": {"token": CANARY}}},
    ],
    ids=str,
)
def test_no_part_of_a_request_that_may_hold_anything_is_kept(message: Any) -> None:
    assert CANARY not in str(came(message))


@clause("transcript-no-secret")
def test_a_line_that_nobody_can_read_is_kept_by_its_length_alone() -> None:
    assert redaction().came("con_1", b'{"name":"Xanthippe-4711"') == "<unreadable:24>"
    assert redaction().came("con_1", None) == "<unreadable:0>"


@clause("transcript-no-secret")
@pytest.mark.parametrize(
    "params",
    [
        {"studentId": CANARY},
        {"studentId": [CANARY]},
        {"to": f"archived {CANARY}"},
        [CANARY, CANARY],
        [an_id("stu"), CANARY, 1, CANARY],
    ],
    ids=str,
)
def test_what_slipped_into_another_field_is_not_kept(params: Any) -> None:
    call = {"jsonrpc": "2.0", "id": 1, "method": "students.transition", "params": params}

    assert CANARY not in str(came(call))


@clause("transcript-no-secret")
@pytest.mark.parametrize("value", [CANARY, "xanthippe"])
@pytest.mark.parametrize(
    ("channel", "name"),
    [
        *(("audit.list", name) for name in ("actor", "entityId", "channel", "cursor")),
        ("lessons.list", "cursor"),
        ("lessons.searchSlots", "cursor"),
        ("backups.restore", "confirmPhrase"),
        ("initialize", "protocolVersion"),
        *(
            ("ping", f"_meta.{name}")
            for name in ("idempotencyKey", "traceparent", "progressToken", "ifRev", "asOf")
        ),
    ],
)
def test_no_name_is_kept_in_a_field_of_any_text(channel: str, name: str, value: str) -> None:
    where, _, inner = name.partition(".")
    params = {where: {inner: value} if inner else value}

    kept = came({"jsonrpc": "2.0", "id": 1, "method": channel, "params": params})

    assert value not in str(kept)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("actor", "local"),
        ("actor", "key_abcd1234"),
        ("entityId", an_id("stu")),
        ("channel", "students.create"),
    ],
)
def test_what_the_program_itself_gives_out_is_kept(name: str, value: str) -> None:
    call = {"jsonrpc": "2.0", "id": 1, "method": "audit.list", "params": {name: value}}

    assert came(call) == call


@clause("transcript-no-secret")
def test_a_callers_word_for_progress_is_kept_neither_way() -> None:
    one = redaction()
    meta = {"_meta": {"progressToken": CANARY}}
    call = {"jsonrpc": "2.0", "id": 1, "method": "backups.create", "params": meta}
    value = {"token": CANARY, "value": {"kind": "begin"}}
    told = {"jsonrpc": "2.0", "method": "$/progress", "params": value}

    kept = one.came("con_1", orjson.dumps(call)), one.went("con_1", orjson.dumps(told))

    assert [message["params"] for message in kept] == [
        {"_meta": {"progressToken": "<secret:1>"}},
        {"token": "<secret:1>", "value": {"kind": "begin"}},
    ]


def test_a_call_keeps_what_makes_it_one() -> None:
    call = {
        "jsonrpc": "2.0",
        "id": "a-7",
        "method": "lessons.cancel",
        "params": {"lessonId": an_id("les"), "by": "school", "_meta": {"dryRun": True}},
    }
    cancel = {"jsonrpc": "2.0", "method": "$/cancelRequest", "params": {"id": "a-7"}}

    assert came(call) == call
    assert came([call, cancel]) == [call, cancel]


@clause("transcript-no-secret")
def test_no_marked_part_of_a_reply_is_kept() -> None:
    results = {method.channel: SCHEMAS.get(method.result.__name__, {}) for method in REGISTRY}

    for channel, schema in results.items():
        for name in marked(schema):
            assert CANARY not in str(answered(channel, {name: CANARY}))
    student = {"id": an_id("stu"), "givenName": CANARY, "state": "active"}
    assert answered("students.list", {"items": [student], "nextCursor": CANARY + CANARY}) == {
        "items": [{"id": an_id("stu"), "givenName": "<personal:1>", "state": "active"}],
        "nextCursor": "<personal:2>",
    }


@clause("transcript-no-secret")
def test_what_a_job_has_answered_is_taken_out_as_its_channel_says() -> None:
    job = {
        "id": an_id("job"),
        "channel": "backups.create",
        "result": {"path": CANARY, "sha256": "ab" * 32},
    }

    kept = answered("jobs.get", job)
    listed = answered("jobs.list", {"items": [job], "nextCursor": None})

    assert CANARY not in str(kept) + str(listed)
    assert kept["result"]["sha256"] == "<digest:1>"
    assert listed["items"][0]["channel"] == "backups.create"


@clause("transcript-no-secret")
def test_the_reply_to_a_request_that_is_not_known_is_not_kept() -> None:
    one = redaction()
    line = orjson.dumps({"jsonrpc": "2.0", "id": 1, "method": "students.get"})
    one.came("con_1", line)
    one.forget()

    reply = orjson.dumps({"jsonrpc": "2.0", "id": 1, "result": {"givenName": CANARY}})

    assert one.went("con_1", reply)["result"] == "<secret:1>"


@clause("transcript-no-secret")
@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
@pytest.mark.parametrize("other", ["rpc.discover", "nobody.knows", "branches.list"])
@pytest.mark.parametrize("is_batch", [True, False])
def test_of_two_requests_with_one_id_no_reply_is_kept(
    other: str, order: tuple[int, int], *, is_batch: bool
) -> None:
    one = redaction()
    calls = [{"jsonrpc": "2.0", "id": 1, "method": each} for each in ("students.get", other)]
    results = [{"givenName": CANARY, "info": {}}, {"info": {"title": CANARY}, "items": []}]
    replies = [{"jsonrpc": "2.0", "id": 1, "result": results[place]} for place in order]
    if is_batch:
        one.came("con_1", orjson.dumps(calls))
        kept = one.went("con_1", orjson.dumps(replies))
    else:
        for call in calls:
            one.came("con_1", orjson.dumps(call))
        kept = [one.went("con_1", orjson.dumps(reply)) for reply in replies]

    assert all(each["result"].startswith("<secret:") for each in kept)


def test_an_id_that_was_used_twice_is_known_again_when_both_are_answered() -> None:
    one = redaction()
    call = orjson.dumps({"jsonrpc": "2.0", "id": 1, "method": "auth.me"})
    reply = orjson.dumps({"jsonrpc": "2.0", "id": 1, "result": {"isLocal": True}})
    for _ in range(2):
        one.came("con_1", call)
    for _ in range(2):
        assert one.went("con_1", reply)["result"] == "<secret:1>"

    one.came("con_1", call)

    assert one.went("con_1", reply)["result"] == {"isLocal": True}


@clause("transcript-no-secret")
def test_of_the_contract_nothing_is_kept_that_is_not_in_it() -> None:
    contract = orjson.loads(read_contract())
    meta = {"_meta": {"seq": 1}}

    assert answered("rpc.discover", contract | meta) == contract | meta
    for spoilt in ({"info": {"title": CANARY}}, {"accessToken": CANARY}, {"methods": [CANARY]}):
        assert CANARY not in str(answered("rpc.discover", contract | spoilt))


@clause("transcript-no-secret")
def test_no_digest_is_kept_wherever_it_stands() -> None:
    digest = "ab" * 32
    one = redaction()
    asked = {"jsonrpc": "2.0", "id": 1, "method": "audit.verify", "params": {"anchor": digest}}
    error = {"jsonrpc": "2.0", "id": 1, "error": {"code": 1, "data": {"details": {"h": digest}}}}
    event = {"jsonrpc": "2.0", "method": "event", "params": {"seq": 1, "type": digest}}

    assert one.came("con_1", orjson.dumps(asked))["params"] == {"anchor": "<digest:1>"}
    assert one.went("con_1", orjson.dumps(error))["error"]["data"]["details"]["h"] == "<digest:1>"
    assert digest not in str(one.went("con_1", orjson.dumps(event)))


def test_errors_and_notifications_are_kept() -> None:
    error = {"jsonrpc": "2.0", "id": 1, "error": {"code": -32700, "message": "m", "data": {}}}
    ready = {"jsonrpc": "2.0", "method": "system.ready", "params": {"pid": 7, "locked": False}}
    event = {
        "jsonrpc": "2.0",
        "method": "event",
        "params": {"seq": 1, "type": "lessons.booked", "data": {"lessonId": an_id("les")}},
    }

    for line in (error, ready, event, [error, error]):
        assert redaction().went("con_1", orjson.dumps(line)) == line


def test_the_hash_of_the_contract_is_nobodys_secret() -> None:
    assert answered("initialize", {"contractHash": "ab" * 32}) == {"contractHash": "ab" * 32}


def test_replies_find_their_requests_on_each_connection() -> None:
    one = redaction()
    for connection, channel in (("con_1", "auth.login"), ("con_2", "auth.me")):
        one.came(connection, orjson.dumps({"jsonrpc": "2.0", "id": 1, "method": channel}))
    reply = orjson.dumps({"jsonrpc": "2.0", "id": 1, "result": {"isLocal": True}})

    assert one.went("con_2", reply)["result"] == {"isLocal": True}
    assert one.went("con_1", reply)["result"] == {"isLocal": True}


def test_of_what_stands_in_a_template_the_places_are_kept() -> None:
    def kept(values: Any) -> Any:
        call = {"jsonrpc": "2.0", "id": 1, "method": "notifications.send"}
        return came(call | {"params": {"values": values}})["params"]["values"]

    assert kept({"text": CANARY, "subject": ""}) == {
        "text": "<personal:1>",
        "subject": "<personal:2>",
    }
    assert kept({CANARY: "x"}) == kept([CANARY])[0] == "<personal:1>"


@clause("transcript-no-secret")
def test_a_step_of_the_process_tells_no_more_than_its_facts_may() -> None:
    facts = {"paymentId": an_id("pay"), "providerRef": CANARY, "url": f"https://{CANARY}/"}
    begun = {"name": "link", "number": 1, "facts": facts}
    ended = {"number": 1, "seq": 7}

    one = redaction()

    assert one.step(orjson.dumps(begun)) == {
        "name": "link",
        "number": 1,
        "facts": {"paymentId": an_id("pay"), "providerRef": "<personal:1>", "url": "<personal:2>"},
    }
    assert one.step(orjson.dumps(ended)) == ended
