"""Whatever a peer sends: one reply to each request, nothing but valid lines out, and no bug.

Through the whole application in memory: the real codec, validation, rings and store.
"""

import asyncio
from collections import Counter
from collections.abc import Callable
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rpcbackend import PROTOCOL_VERSION
from rpcbackend.app import Application, Outside
from rpcbackend.contract.shipped import read_contract
from rpcbackend.dispatch.plain import plan_plain
from rpcbackend.dispatch.planner import Planner
from rpcbackend.dispatch.server import Server
from rpcbackend.errors import RpcError
from rpcbackend.methods import build_registry
from rpcbackend.schema.limits import Limits
from rpcbackend.testing import Client, FrozenClock, running_app
from rpcbackend.transport.lines import LineSplitter, Oversize
from tests.clauses import clause
from tests.factories import School

CONTRACT = orjson.loads(read_contract())
REGISTRY = build_registry()
PLANNER = Planner(REGISTRY)

# A shutdown ends the application that the examples share; it has tests of its own.
CHANNELS = sorted(method["name"] for method in CONTRACT["methods"] if method["name"] != "shutdown")

KNOWN = {
    prefix: f"{prefix}_01930000-0000-7000-8000-00000000000a"
    for prefix in ("bra", "ins", "les", "stu", "veh")
}
"""Each stands for a record that is there: its id is put in its place when the line is sent."""

ALWAYS = {
    *("code", "message", "type", "timestamp", "retryable", "outcome", "correlationId"),
}
SOMETIMES = {"details", "retryAfterMs"}

NEXT = {"jsonrpc": "2.0", "id": "the next good line", "method": "ping", "params": {}}
NEXT_REPLY = {"jsonrpc": "2.0", "id": NEXT["id"], "result": {}}


# Requests from the contract


def fitting(schema: dict[str, Any]) -> st.SearchStrategy[Any]:
    """Build values that fit a JSON Schema of the contract."""
    if "$ref" in schema:
        return fitting(CONTRACT["components"]["schemas"][schema["$ref"].rpartition("/")[2]])
    if "anyOf" in schema:
        return st.one_of([fitting(choice) for choice in schema["anyOf"]])
    if "enum" in schema or "const" in schema:
        return st.sampled_from(schema.get("enum") or [schema["const"]])
    return BY_TYPE[schema["type"]](schema)


def _text(schema: dict[str, Any]) -> st.SearchStrategy[str]:
    pattern = schema.get("pattern", "")
    if (prefix := pattern[1:4]) in KNOWN:
        return st.sampled_from([KNOWN[prefix], KNOWN[prefix].replace("a", "b")])
    if schema.get("format") == "date":
        return st.dates().map(str)
    if schema.get("format") == "date-time":
        return st.sampled_from(INSTANTS)
    texts = st.from_regex(pattern, fullmatch=True) if pattern else st.text(max_size=20)
    least, most = schema.get("minLength", 0), schema.get("maxLength", 1_000)
    return texts.filter(lambda text: least <= len(text) <= most) | st.sampled_from(
        [text for text in TEXTS if least <= len(text) <= most]
    )


def _integer(schema: dict[str, Any]) -> st.SearchStrategy[int]:
    least, most = schema.get("minimum", -5), schema.get("maximum", 2**53 - 1)
    return st.integers(least, min(most, least + 200)) | st.integers(least, most)


def _array(schema: dict[str, Any]) -> st.SearchStrategy[list[Any]]:
    least = schema.get("minItems", 0)
    return st.lists(fitting(schema["items"]), min_size=least, max_size=least + 2)


def _object(schema: dict[str, Any]) -> st.SearchStrategy[dict[str, Any]]:
    fields = {name: fitting(field) for name, field in schema.get("properties", {}).items()}
    required = set(schema.get("required", ()))
    return st.fixed_dictionaries(
        {name: field for name, field in fields.items() if name in required},
        optional={name: field for name, field in fields.items() if name not in required},
    )


INSTANTS = [
    *("1000-01-01T00:00:00Z", "2026-11-23T07:59:00Z", "2026-11-24T09:00:00Z"),
    *("2026-11-24T09:00:30.5Z", "2026-12-24T23:59:59.999999Z", "2999-12-31T23:59:59Z"),
]
TEXTS = [
    "a",
    "Europe/Berlin",
    "EUR",
    "B",
    PROTOCOL_VERSION,
    "\U0001f697",
    "' OR 1=1 --",
    "é" * 20,
    "x" * 200,
]
BY_TYPE: dict[str, Callable[[dict[str, Any]], st.SearchStrategy[Any]]] = {
    "string": _text,
    "integer": _integer,
    "array": _array,
    "object": _object,
    "boolean": lambda _: st.booleans(),
    "null": lambda _: st.none(),
}
METAS = st.fixed_dictionaries(
    {},
    optional={
        "_meta": st.sampled_from(
            [
                {},
                {"dryRun": True},
                {"idempotencyKey": "k"},
                {"timeoutMs": 120_000, "progressToken": 1, "traceparent": "00-1-2-03"},
                {"asOf": "2026-11-23T08:00:00Z"},
            ]
        )
    },
)
IDS = st.integers(-(2**53) + 1, 2**53 - 1) | st.text(max_size=9) | st.none() | st.just(1.5)


def requests(channel: str) -> st.SearchStrategy[dict[str, Any]]:
    """Build requests of *channel* whose params fit its model, as rpc.discover describes it."""
    (found,) = [method for method in CONTRACT["methods"] if method["name"] == channel]
    params = fitting(CONTRACT["components"]["schemas"][found["x-params"]])
    return st.fixed_dictionaries(
        {
            "jsonrpc": st.just("2.0"),
            "id": IDS,
            "method": st.just(channel),
            "params": st.builds(lambda params, meta: params | meta, params, METAS),
        }
    )


# Requests that are wrong somewhere

JUNK: st.SearchStrategy[Any] = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=9)
    | st.sampled_from(["2.0", "ping", "$/cancelRequest", "rpc.discover", "result", *CHANNELS]),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.text(max_size=5)
            | st.sampled_from(["jsonrpc", "id", "method", "params", "result", "error", "_meta"]),
            inner,
            max_size=5,
        )
    ),
    max_leaves=12,
)


@st.composite
def wronged(draw: st.DrawFn) -> Any:
    """Build a request that fits, and change one or two things in it."""
    message = draw(st.sampled_from(CHANNELS).flatmap(requests))
    for _ in range(draw(st.integers(1, 2))):
        place = message["params"] if draw(st.booleans()) and "params" in message else message
        if not isinstance(place, dict):
            continue
        names = st.sampled_from([*sorted(place), "extra"])
        if draw(st.booleans()):
            place.pop(draw(names), None)
        else:
            place[draw(names)] = draw(JUNK)
    return message


@st.composite
def broken(draw: st.DrawFn) -> bytes:
    """Build the bytes of a message, and cut them or put others into them."""
    line = orjson.dumps(draw(wronged() | st.lists(wronged(), max_size=3)))
    start = draw(st.integers(0, len(line)))
    end = draw(st.integers(start, min(len(line), start + 8)))
    return line[:start] + draw(st.binary(max_size=4)) + line[end:]


# What must hold


class Wire:
    """A connection to an application, with a school in it; sees every line out."""

    def __init__(self, app: Application, known: dict[str, str]) -> None:
        self._known = known
        self._sent: list[bytes] = []
        self._splitter = LineSplitter(Limits().request_bytes)
        self._server: Server = app.connect(self)

    def send(self, line: bytes) -> None:
        """Take a line out (the server's side)."""
        self._sent.append(line)

    is_writable = True

    async def writable(self) -> None:
        """Read everything at once (the server's side)."""

    async def answers(self, stream: bytes) -> None:
        """Send *stream* and a good line, and check all that comes back."""
        for stands_for, record_id in self._known.items():
            stream = stream.replace(stands_for.encode(), record_id.encode())
        self._sent.clear()
        wanted: Counter[str] = Counter()
        for line in self._splitter.feed(stream + b"\n" + orjson.dumps(NEXT) + b"\n"):
            assert not isinstance(line, Oversize)
            wanted.update(due(line))
            self._server.receive(line)
        async with asyncio.timeout(10):
            while self._server.in_flight or self._server.queued:  # noqa: ASYNC110 (a notification ends unseen)
                await asyncio.sleep(0)

        messages = [self._read(line) for line in self._sent]
        replies = [message for message in messages if not is_event(message)]
        assert Counter(map(label, replies)) == wanted
        assert NEXT_REPLY in replies

    def _read(self, line: bytes) -> Any:
        assert line.endswith(b"\n")
        assert line.count(b"\n") == 1
        message = orjson.loads(line)
        if is_event(message):
            return message
        for reply in message if isinstance(message, list) else [message]:
            check_reply(reply)
        return message


def due(line: bytes) -> list[str]:
    """Return the labels of the replies that a line must get, as the specification has it."""
    try:
        message = orjson.loads(line)
    except orjson.JSONDecodeError:
        return ["null"]
    if not isinstance(message, list):
        return [] if is_silent(message) else [id_label(message)]
    if not 0 < len(message) <= 100:
        return ["null"]
    labels = [id_label(element) for element in message if not is_silent(element)]
    return [",".join(["batch", *labels])] if labels else []


def is_silent(message: Any) -> bool:
    """Tell whether nothing is due: to a notification, or to an answer."""
    if not isinstance(message, dict):
        return False
    if "method" not in message and "id" in message:
        return "result" in message or "error" in message
    return (
        "id" not in message
        and message.get("jsonrpc") == "2.0"
        and isinstance(message.get("method"), str)
    )


def id_label(message: Any) -> str:
    """Return the id with which a message must be answered, as JSON."""
    wanted = message.get("id") if isinstance(message, dict) else None
    match wanted:
        case bool():
            is_readable = False
        case int() | float():
            is_readable = abs(wanted) < 2**53
        case _:
            is_readable = isinstance(wanted, str) and len(wanted) <= 256
    return orjson.dumps(wanted if is_readable else None).decode()


def label(reply: Any) -> str:
    """Return how `due` names a reply."""
    if isinstance(reply, list):
        return ",".join(["batch", *(orjson.dumps(element["id"]).decode() for element in reply)])
    return orjson.dumps(reply["id"]).decode()


def is_event(message: Any) -> bool:
    """Tell whether a line out is an event."""
    return isinstance(message, dict) and message.keys() == {"jsonrpc", "method", "params"}


def check_reply(reply: dict[str, Any]) -> None:
    """Check one reply against JSON-RPC 2.0 section 5 and protocol.md section 5."""
    assert reply["jsonrpc"] == "2.0"
    if "error" not in reply:
        assert reply.keys() == {"jsonrpc", "id", "result"}
        assert isinstance(reply["result"], dict)
        return
    assert reply.keys() == {"jsonrpc", "id", "error"}
    error = reply["error"]
    assert error.keys() == {"code", "message", "data"}
    assert type(error["code"]) is int
    assert error["code"] != RpcError.code, error
    data, known = error["data"], RpcError.by_code[error["code"]]
    assert ALWAYS <= data.keys() <= ALWAYS | SOMETIMES
    assert (data["code"], data["type"]) == (known.symbol, known.error_type)
    assert (data["retryable"], data["message"]) == (known.retryable, error["message"])
    assert error["message"].endswith(".")
    assert data["outcome"] in ("none", "committed", "unknown")
    assert type(data["timestamp"]) is int
    assert data["correlationId"].startswith("cor_")


def serve(streams: st.SearchStrategy[bytes], examples: int) -> None:
    """Send every stream to one application and check what comes back."""
    bugs: list[Exception] = []
    outside = Outside(clock=FrozenClock(), report_bug=lambda bug, _: bugs.append(bug))

    with asyncio.Runner() as runner:
        opening = running_app(outside=outside)
        app = runner.run(opening.__aenter__())
        wire = runner.run(_open_wire(app))

        @settings(max_examples=examples)
        @given(streams)
        def answer(stream: bytes) -> None:
            runner.run(wire.answers(stream))
            assert bugs == []

        try:
            answer()
        finally:
            runner.run(opening.__aexit__(None, None, None))


async def _open_wire(app: Application) -> Wire:
    school = await School(Client(app)).open()
    lesson = await school.book()
    records = (school.branch, school.instructor, lesson, school.student, school.vehicle)
    return Wire(app, {KNOWN[record["id"][:3]]: record["id"] for record in records})


def one_line(message: Any) -> bytes:
    return orjson.dumps(message)


@clause("one-reply-per-request", "no-line-stops-the-process")
def test_any_bytes_are_answered_line_by_line() -> None:
    serve(st.binary(max_size=200), 150)


@clause("one-reply-per-request", "no-line-stops-the-process")
def test_any_json_is_answered_as_the_specification_has_it() -> None:
    serve(
        st.lists(JUNK, min_size=1, max_size=5).map(lambda some: b"\n".join(map(one_line, some))),
        150,
    )


@clause("one-reply-per-request", "no-line-stops-the-process", "response-always")
@clause("response-version", "response-result-or-error")
@clause("error-members-exact", "error-code-integer", "error-message-text")
def test_requests_that_are_wrong_somewhere_are_answered_once() -> None:
    serve((wronged() | st.lists(wronged(), max_size=4)).map(one_line), 150)


@clause("one-reply-per-request", "no-line-stops-the-process")
def test_requests_that_were_damaged_on_the_way_are_answered_once() -> None:
    serve(broken(), 150)


@clause("one-reply-per-request", "result-is-an-object")
@pytest.mark.parametrize("channel", CHANNELS)
def test_requests_built_from_the_contract_are_answered_without_a_bug(channel: str) -> None:
    serve(requests(channel).map(one_line), 25)


@settings(max_examples=200)
@given(wronged() | st.sampled_from(CHANNELS).flatmap(requests))
def test_the_short_path_agrees_with_the_planner_on_every_real_channel(message: Any) -> None:
    plain = plan_plain(message, REGISTRY)

    assert plain is None or plain == PLANNER.plan(message)
