"""Requests that fit the contract, built from what rpc.discover says."""

import re
from collections.abc import Callable
from functools import cache
from typing import Any

import orjson
from hypothesis import strategies as st

from rpcbackend import PROTOCOL_VERSION
from rpcbackend.contract.shipped import read_contract

CONTRACT = orjson.loads(read_contract())
METHODS: dict[str, dict[str, Any]] = {method["name"]: method for method in CONTRACT["methods"]}

# A shutdown ends the application that the examples share; it has tests of its own.
CHANNELS = sorted(METHODS.keys() - {"shutdown"})

KNOWN = {
    prefix: f"{prefix}_01930000-0000-7000-8000-00000000000a"
    for prefix in ("bra", "ins", "les", "stu", "veh")
}
"""Each stands for a record that is there: its id is put in its place when the line is sent."""

LESSON_AT = "2035-11-26T09:00:00Z"
"""When the lesson that is there begins: a real process has the real time, and books no past."""

INSTANTS = [
    *("1000-01-01T00:00:00Z", "2026-11-23T07:59:00Z", LESSON_AT, "2035-11-26T10:30:00Z"),
    *("2035-11-26T09:00:30.5Z", "2035-12-24T23:59:59.999999Z", "2999-12-31T23:59:59Z"),
]
TEXTS = [
    *("a", "Europe/Berlin", "EUR", "B", PROTOCOL_VERSION),
    *("\U0001f697", "' OR 1=1 --", "é" * 20, "x" * 200),
]
IDS = st.integers(-(2**53) + 1, 2**53 - 1) | st.text(max_size=9) | st.none() | st.just(1.5)

METAS = st.fixed_dictionaries(
    {},
    optional={
        "idempotencyKey": st.sampled_from(["k", "l", "x" * 128]),
        "timeoutMs": st.sampled_from([1, 60_000, 120_000]),
        "dryRun": st.booleans(),
        "progressToken": st.sampled_from([0, "p"]),
        "traceparent": st.just("00-1-2-03"),
    },
)


def schema_of(model: str) -> dict[str, Any]:
    """Return the JSON Schema of a model."""
    found: dict[str, Any] = CONTRACT["components"]["schemas"][model]
    return found


def params_of(channel: str) -> dict[str, Any]:
    """Return the JSON Schema of a channel's params."""
    return schema_of(METHODS[channel]["x-params"])


def resolve(schema: dict[str, Any]) -> dict[str, Any]:
    """Return what a schema stands for, if it refers to another."""
    return schema_of(schema["$ref"].rpartition("/")[2]) if "$ref" in schema else schema


@cache
def requests(channel: str, ids: st.SearchStrategy[Any] = IDS) -> st.SearchStrategy[dict[str, Any]]:
    """Build requests of *channel* whose params fit its model, by name or by position."""
    params = fitting_params(channel)
    return st.fixed_dictionaries(
        {
            "jsonrpc": st.just("2.0"),
            "id": ids,
            "method": st.just(channel),
            "params": params
            | st.builds(lambda params, meta: params | {"_meta": meta}, params, METAS)
            | params.map(lambda params: by_position(channel, params)),
        }
    )


@cache
def fitting_params(channel: str) -> st.SearchStrategy[dict[str, Any]]:
    """Build params by name that fit the model of a channel."""
    return fitting(params_of(channel))


def by_position(channel: str, params: dict[str, Any]) -> Any:
    """Give params by position, or as they are where one is left out before another."""
    names = [param["name"] for param in METHODS[channel]["params"]]
    leading = names[: len(params)]
    return [params[name] for name in leading] if params.keys() == {*leading} else params


def fitting(schema: dict[str, Any]) -> st.SearchStrategy[Any]:
    """Build values that fit a JSON Schema of the contract."""
    schema = resolve(schema)
    if "anyOf" in schema:
        return st.one_of([fitting(choice) for choice in schema["anyOf"]])
    if "enum" in schema or "const" in schema:
        return st.sampled_from(schema.get("enum") or [schema["const"]])
    return _BY_TYPE[schema["type"]](schema)


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

    def fits(text: str) -> bool:
        return least <= len(text) <= most and re.search(pattern, text) is not None

    telling = [*filter(fits, TEXTS)]
    return texts.filter(fits) | (st.sampled_from(telling) if telling else st.nothing())


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


_BY_TYPE: dict[str, Callable[[dict[str, Any]], st.SearchStrategy[Any]]] = {
    "string": _text,
    "integer": _integer,
    "array": _array,
    "object": _object,
    "boolean": lambda _: st.booleans(),
    "null": lambda _: st.none(),
}
