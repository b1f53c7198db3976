"""What must come back, whatever was sent: one reply to each request, and only valid frames."""

import asyncio
from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable, Iterator
from functools import cache
from typing import Any, TypeVar

import orjson
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from rpcbackend.app import Application
from rpcbackend.dispatch.server import Server
from rpcbackend.rpc_error import RpcError
from rpcbackend.schema.limits import Limits
from rpcbackend.surroundings import Surroundings
from rpcbackend.testing import Client, FrozenClock, running_app
from rpcbackend.transport.lines import Line, LineSplitter
from tests.factories import Caller, School
from tests.properties.fitting import CONTRACT, KNOWN, LESSON_AT, METHODS
from tests.properties.tally import TALLY

ExampleT = TypeVar("ExampleT")

NEXT = {"jsonrpc": "2.0", "id": "the next good line", "method": "ping", "params": {}}
"""Sent behind every stream, and not counted."""
NEXT_LINE = orjson.dumps(NEXT)
NEXT_REPLY = {"jsonrpc": "2.0", "id": NEXT["id"], "result": {}}

RESPONSE = {
    "type": "object",
    "properties": {
        "jsonrpc": {"const": "2.0"},
        "id": {"type": ["string", "number", "null"]},
        "result": {"type": "object"},
        "error": {
            "type": "object",
            "properties": {
                "code": {"type": "integer"},
                "message": {"type": "string", "pattern": r"\.$"},
                "data": {
                    "type": "object",
                    "properties": {
                        "code": {"type": "string"},
                        "message": {"type": "string"},
                        "type": {"enum": ["network", "validation", "business", "system"]},
                        "details": {"type": "object"},
                        "timestamp": {"type": "integer"},
                        "retryable": {"type": "boolean"},
                        "retryAfterMs": {"type": "integer"},
                        "outcome": {"enum": ["none", "committed", "unknown"]},
                        "correlationId": {"type": "string", "pattern": "^cor_"},
                    },
                    "required": [
                        *("code", "message", "type", "timestamp", "retryable", "outcome"),
                        "correlationId",
                    ],
                    "additionalProperties": False,
                },
            },
            "required": ["code", "message", "data"],
            "additionalProperties": False,
        },
    },
    "required": ["jsonrpc", "id"],
    "oneOf": [{"required": ["result"]}, {"required": ["error"]}],
    "additionalProperties": False,
}
"""JSON-RPC 2.0 section 5 with the error data of protocol.md section 5."""

NOTIFICATIONS = {one["name"]: one["params"] for one in CONTRACT["x-notifications"]}

RESULT_META = {"seq", "rev", "replayed", "notModified", "warnings"}

EXAMPLES_PER_STORE = 200
"""A store that has grown for longer makes every list of all branches slow."""


class Due:
    """What lines must be answered with; checks every line out."""

    def __init__(self) -> None:
        self._wanted: Counter[str] = Counter()
        self._channels: defaultdict[str, set[str]] = defaultdict(set)

    def owe(self, line: Line) -> bytes:
        """Take a line that is about to be sent, and return it."""
        assert isinstance(line, bytes), "no property sends a line that is too long"
        TALLY.add(int(line != NEXT_LINE), ())
        self._wanted.update(due(line))
        for label, channel in asked(line):
            self._channels[label].add(channel)
        return line

    def settle(self, line: bytes) -> list[dict[str, Any]]:
        """Check a line out and return the replies in it, none where it is an event."""
        assert line.endswith(b"\n")
        assert line.count(b"\n") == 1
        message = orjson.loads(line)
        if isinstance(message, dict) and "method" in message:
            notification(message["method"]).validate(message)
            return []
        replies: list[dict[str, Any]] = message if isinstance(message, list) else [message]
        TALLY.add(0, [reply for reply in replies if reply != NEXT_REPLY])
        for reply in replies:
            check_reply(reply, self._channels[id_label(reply)])
        assert self._wanted[label(message)] > 0, f"nobody asked for {message}"
        self._wanted[label(message)] -= 1
        return replies

    @property
    def unpaid(self) -> list[str]:
        """The labels of the replies that have not come."""
        return list(self._wanted.elements())


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


def asked(line: bytes) -> Iterator[tuple[str, str]]:
    """Yield the labels and channels of the requests of a line that may have a result."""
    try:
        message = orjson.loads(line)
    except orjson.JSONDecodeError:
        return
    for element in message if isinstance(message, list) else [message]:
        if isinstance(element, dict) and element.get("method") in [*METHODS]:
            yield id_label(element), element["method"]


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
        return ",".join(["batch", *map(id_label, reply)])
    return id_label(reply)


def check_reply(reply: dict[str, Any], channels: set[str]) -> None:
    """Check one reply to one of *channels* against the specification and the contract."""
    validator("response").validate(reply)
    if "error" in reply:
        error = reply["error"]
        assert error["code"] != RpcError.code, error
        data, known = error["data"], RpcError.by_code[error["code"]]
        assert (data["code"], data["type"]) == (known.symbol, known.error_type)
        assert (data["retryable"], data["message"]) == (known.retryable, error["message"])
        return
    result = dict(reply["result"])
    assert result.pop("_meta", {}).keys() <= RESULT_META
    assert any(validator(channel).is_valid(result) for channel in channels), (channels, reply)


@cache
def validator(what: str) -> Any:
    """Return the validator of responses, or of a channel's result."""
    return _validator(RESPONSE if what == "response" else METHODS[what]["result"]["schema"])


@cache
def notification(name: str) -> Any:
    """Return the validator of notifications of this name, which a channel may have too."""
    return _validator(
        {
            "type": "object",
            "properties": {
                "jsonrpc": {"const": "2.0"},
                "method": {"const": name},
                "params": NOTIFICATIONS[name],
            },
            "required": ["jsonrpc", "method", "params"],
            "additionalProperties": False,
        }
    )


def _validator(schema: dict[str, Any]) -> Any:
    return Draft202012Validator(schema | {"components": CONTRACT["components"]})


class Wire:
    """A connection to an application in memory; sees every line out."""

    def __init__(self, app: Application, known: dict[bytes, bytes]) -> None:
        self._known = known
        self._splitter = LineSplitter(Limits().request_bytes)
        self._due = Due()
        self._sent: list[bytes] = []
        self.server: Server = app.connect(self)

    def send(self, line: bytes) -> None:
        """Take a line out (the server's side)."""
        self._sent.append(line)

    is_writable = True
    is_backed_up = False

    async def writable(self) -> None:
        """Read everything at once (the server's side)."""

    def receive(self, stream: bytes) -> None:
        """Send whole lines."""
        for line in self._splitter.feed(substitute(stream, self._known) + b"\n"):
            self.server.receive(self._due.owe(line))

    async def settled(self) -> list[dict[str, Any]]:
        """Wait until nothing runs, check all lines out, and return all replies."""
        async with asyncio.timeout(30):
            while self.server.in_flight or self.server.queued:  # noqa: ASYNC110 (a notification ends unseen)
                await asyncio.sleep(0)
        replies = [reply for line in self._sent for reply in self._due.settle(line)]
        self._sent.clear()
        assert self._due.unpaid == []
        return replies

    async def answers(self, stream: bytes) -> list[dict[str, Any]]:
        """Send *stream* and a good line, and return the replies to the stream."""
        # What a failed example has left behind is not this one's.
        self._due = Due()
        self._sent.clear()
        self.receive(stream)
        self.receive(NEXT_LINE)
        replies = await self.settled()
        replies.remove(NEXT_REPLY)
        return replies


def substitute(stream: bytes, known: dict[bytes, bytes]) -> bytes:
    """Put the ids of records that are there in the place of what stands for them."""
    for stands_for, record_id in known.items():
        stream = stream.replace(stands_for, record_id)
    return stream


async def settle_in(client: Caller) -> dict[bytes, bytes]:
    """Make a school and return what stands for its records, with their ids."""
    school = await School(client).open()
    lesson = await school.book(startsAt=LESSON_AT)
    records = (school.branch, school.instructor, lesson, school.student, school.vehicle)
    return {KNOWN[record["id"][:3]].encode(): record["id"].encode() for record in records}


def share_of(share: float) -> settings:
    """Return the settings that make a share of the profile's examples."""
    return settings(max_examples=round(settings().max_examples * share))


def stints(share: float) -> Iterator[settings]:
    """Cut a share of the profile's examples into as many as one store should see."""
    left = share_of(share).max_examples
    while left > 0:
        yield settings(max_examples=min(left, EXAMPLES_PER_STORE))
        left -= EXAMPLES_PER_STORE


def serve(streams: st.SearchStrategy[bytes], share: float) -> None:
    """Send every stream to an application and check what comes back; see `examine`."""
    examine(streams, Wire.answers, share=share)


def examine(
    examples: st.SearchStrategy[ExampleT],
    check: Callable[[Wire, ExampleT], Awaitable[Any]],
    *,
    share: float,
) -> None:
    """Check every example on a connection to an application with a school in it.

    Args:
        examples: What to check.
        check: Sends it and looks at the replies, beyond what the connection sees to itself.
        share: Of the examples that the profile wants.
    """
    for stint in stints(share):
        _examine(examples, check, stint)


def _examine(
    examples: st.SearchStrategy[ExampleT],
    check: Callable[[Wire, ExampleT], Awaitable[Any]],
    stint: settings,
) -> None:
    bugs: list[Exception] = []
    surroundings = Surroundings(clock=FrozenClock(), report_bug=lambda bug, _: bugs.append(bug))

    async def holds(wire: Wire, example: ExampleT) -> None:
        await check(wire, example)
        assert bugs == []

    with asyncio.Runner() as runner:
        opening = running_app(surroundings=surroundings)
        app = runner.run(opening.__aenter__())
        wire = Wire(app, runner.run(settle_in(Client(app))))

        @stint
        @given(examples)
        def one(example: ExampleT) -> None:
            runner.run(holds(wire, example))

        try:
            one()
        finally:
            runner.run(opening.__aexit__(None, None, None))
