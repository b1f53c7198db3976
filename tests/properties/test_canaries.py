"""What a peer sends never comes back in an error: a canary in every place of every channel."""

from collections.abc import Iterator
from typing import Any

import orjson
import pytest

from rpcbackend import PROTOCOL_VERSION
from rpcbackend.contract.shipped import read_contract
from rpcbackend.testing import Client
from tests.clauses import clause
from tests.factories import School

CONTRACT = orjson.loads(read_contract())
SCHEMAS = CONTRACT["components"]["schemas"]
# A shutdown would refuse what comes after it.
CHANNELS = {
    found["name"]: SCHEMAS[found["x-params"]]
    for found in CONTRACT["methods"]
    if found["name"] != "shutdown"
}
CANARY, NUMBER = "Xanthippe-4711", 4_711_471_147_114_711
WRONG: list[Any] = [
    CANARY,
    f"{CANARY}\n\x1b[31m{{0.__class__}}",
    CANARY * 100_000,
    f"stu_{CANARY}",
    f"2026-11-23T08:00:00Z{CANARY}",
    [CANARY],
    [[CANARY]],
    {"name": CANARY},
    {"name": {"name": CANARY}},
    NUMBER,
    -NUMBER,
    NUMBER + 0.5,
    [NUMBER],
]
META = ("idempotencyKey", "timeoutMs", "progressToken", "dryRun", "asOf", "traceparent", "other")
FITTING = {
    "protocolVersion": PROTOCOL_VERSION,
    "client": {"name": "test", "version": "1"},
    "durationMinutes": 45,
    "zone": "Europe/Berlin",
    "currency": "EUR",
}


def places(schema: dict[str, Any]) -> Iterator[tuple[str, ...]]:
    """List where a value may stand, nested ones included."""
    for name, field in schema.get("properties", {}).items():
        yield (name,)
        for choice in (field, *field.get("anyOf", ()), field.get("items", {})):
            if "$ref" in choice:
                nested = SCHEMAS[choice["$ref"].rpartition("/")[2]]
                yield from ((name, *rest) for rest in places(nested))
    yield ("unknown",)


def put(value: Any, place: tuple[str, ...]) -> dict[str, Any]:
    """Make an object with *value* in its place."""
    for name in reversed(place):
        value = {name: value}
    assert isinstance(value, dict)
    return value


def messages(channel: str) -> Iterator[Any]:
    """Make the params of every call."""
    for wrong in WRONG:
        yield [wrong]
        yield [wrong] * 30
        for place in places(CHANNELS[channel]):
            yield put(wrong, place)
            yield {**FITTING, **put(wrong, place)}
        for name in META:
            yield {"_meta": {name: wrong}}


@clause("error-quotes-nothing")
@pytest.mark.parametrize("channel", CHANNELS)
async def test_no_error_of_a_channel_quotes_what_it_was_given(client: Client, channel: str) -> None:
    await School(client).open()
    refused = 0

    for params in messages(channel):
        reply = await client.start(channel, params)
        if "error" in reply:
            refused += 1
            told = orjson.dumps(reply["error"]).decode()
            assert CANARY not in told
            assert str(NUMBER) not in told
            assert "Traceback" not in told
            assert "/" not in reply["error"]["message"]

    assert refused > len(WRONG)
