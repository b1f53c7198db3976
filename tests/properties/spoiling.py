"""Requests that are wrong somewhere: any JSON, changed members, damaged bytes, one wrong param."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import orjson
from hypothesis import strategies as st

from tests.properties.fitting import (
    CHANNELS,
    fitting_params,
    params_of,
    requests,
    resolve,
    schema_of,
)

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
def wronged(draw: st.DrawFn, channels: Sequence[str] = CHANNELS) -> Any:
    """Build a request that fits, and change one or two things in it."""
    message = draw(st.sampled_from(channels).flatmap(requests))
    for _ in range(draw(st.integers(1, 2))):
        place = message["params"] if draw(st.booleans()) and "params" in message else message
        if not isinstance(place, dict):
            continue
        names = st.sampled_from([*sorted(place), "extra", "_meta"])
        if draw(st.booleans()):
            place.pop(draw(names), None)
        else:
            place[draw(names)] = draw(JUNK | st.just({"asOf": "2026-11-23T08:00:00Z"}))
    return message


@st.composite
def broken(draw: st.DrawFn, channels: Sequence[str] = CHANNELS) -> bytes:
    """Build the bytes of a message, and cut them or put others into them."""
    line = orjson.dumps(draw(wronged(channels) | st.lists(wronged(channels), max_size=3)))
    start = draw(st.integers(0, len(line)))
    end = draw(st.integers(start, min(len(line), start + 8)))
    return line[:start] + draw(st.binary(max_size=4)) + line[end:]


# One wrong param

CANARY, CANARY_NUMBER = "Kanarienvogel", 86_753_090_417
"""What a wrong param says, and what must not come back."""

Path = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Wrong:
    """Params of which one is wrong, and where."""

    params: dict[str, Any]
    path: str

    @property
    def canaries(self) -> set[bytes]:
        """What the params say that would be recognised."""
        return set(re.findall(rb"Kanarienvogel|\d{9,}", orjson.dumps(self.params)))


@st.composite
def one_wrong(draw: st.DrawFn, channel: str) -> Wrong:
    """Build params of *channel* that fit, and make one wrong: by value, by name, or missing."""
    params = draw(fitting_params(channel))
    path, value = draw(_faults(channel))
    *parents, last = path
    place: Any = params
    for parent in parents:
        if last == 0:
            # A list for the wrong element alone: then its index is known.
            place[parent] = [None]
        elif not isinstance(place.get(parent), dict):
            place[parent] = {}
        place = place[parent]
    if value is MISSING:
        place.pop(last, None)
    else:
        place[last] = value
    return Wrong(params, ".".join(map(str, path)))


MISSING = object()

Fault = tuple[Path, dict[str, Any] | None]
"""Where, and the schema that must not be met there; None asks for an absence."""


@cache
def _faults(channel: str) -> st.SearchStrategy[tuple[Path, Any]]:
    found = [
        *_faults_in(params_of(channel), ()),
        *_faults_in(schema_of("CallMeta"), ("_meta",)),
    ]
    return st.one_of(
        [
            st.tuples(st.just(path), st.just(MISSING) if schema is None else unfit(schema))
            for path, schema in found
        ]
    )


def _faults_in(schema: dict[str, Any], path: Path) -> Iterator[Fault]:
    for found in _choices(schema):
        if found["type"] == "object":
            yield from (((*path, name), None) for name in found.get("required", ()))
            yield from (((*path, name), {"enum": []}) for name in ("unknownName", "unknown_name"))
        for name, field in found.get("properties", {}).items():
            yield (*path, name), field
            yield from _faults_in(field, (*path, name))
        if found["type"] == "array":
            yield (*path, 0), found["items"]
            yield from _faults_in(found["items"], (*path, 0))


def _choices(schema: dict[str, Any]) -> list[dict[str, Any]]:
    resolved = resolve(schema)
    if "anyOf" not in resolved:
        return [resolved]
    return [choice for part in resolved["anyOf"] for choice in _choices(part)]


def unfit(schema: dict[str, Any]) -> st.SearchStrategy[Any]:
    """Build values that do not fit a schema: of another type, or out of its bounds."""
    choices = _choices(schema)
    types = {choice.get("type", "nothing") for choice in choices}
    wrong = [value for kind, values in _OF_TYPE.items() if kind not in types for value in values]
    possible = [choice for choice in choices if choice.get("type") != "null"]
    if len(possible) == 1:
        wrong += _out_of_bounds(possible[0])
    return st.sampled_from(wrong)


_OF_TYPE: dict[str, list[Any]] = {
    "string": [CANARY],
    "integer": [CANARY_NUMBER],
    "boolean": [True],
    "null": [None],
    "array": [[CANARY], [CANARY_NUMBER, [CANARY]]],
    "object": [{CANARY: CANARY}, {"a": CANARY_NUMBER}],
}


def _out_of_bounds(schema: dict[str, Any]) -> Iterator[Any]:
    if schema.get("type") == "string":
        if "enum" in schema or "format" in schema:
            yield from (CANARY, "", f"2026-13-40{CANARY}")
        if "maxLength" in schema:
            yield CANARY * schema["maxLength"]
        pattern = schema.get("pattern", "")
        texts = (CANARY, f"\x00{CANARY}", f"{CANARY}\u202e\x1b[2J\x7f", f"{CANARY}@{CANARY}@")
        yield from (text for text in texts if not re.search(pattern, text))
    if schema.get("type") == "integer":
        yield from (CANARY_NUMBER + 0.5, 2**53 + CANARY_NUMBER, -(2**53) - CANARY_NUMBER)
        yield from (schema["maximum"] + CANARY_NUMBER, schema["minimum"] - CANARY_NUMBER)
    if "maxItems" in schema:
        yield [CANARY] * (schema["maxItems"] + 1)
