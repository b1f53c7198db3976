"""Examples in the OpenAPI document: calls that were made, and else what the schemas allow.

The calls are the cases of the contract (`contract/examples.json`, which tests/contract keeps
true). A channel without one has the smallest params that it takes, and a result of its form.
"""

import math
import re
from typing import Any

from rpcbackend.contract.shipped import read_examples
from rpcbackend.dispatch.registry import Method
from rpcbackend.rpc_error import RpcError, default_message

SAMPLES = (
    "Text",
    "Ada Lovelace",
    "2026-11-24T12:00:00Z",
    "2026-11-24",
    "2026-11-24T13:00",
    "13:00",
    "Europe/Berlin",
    "EUR",
    "B",
    "ada@fs.example",
    "+4915112345678",
    "0 3 * * *",
    "lessons.booked",
    "students:read",
    "https://fs.example/calendar",
    "smtp.fs.example",
    "000000",
    "2026-11-24T03-00-00Z-daily",
    "0" * 8,
    "0" * 32,
    "0" * 43,
    "0" * 64,
)
"""The first that fits is the example of a text."""

_FORMATS = {
    "date-time": "2026-11-24T12:00:00Z",
    "date": "2026-11-24",
    "time": "13:00:00",
    "uri": "https://fs.example/calendar",
    "email": "ada@fs.example",
}
_ID = re.compile(r"\^\(?([a-z]{3})[_|]")
_UUID = "_00000000-0000-7000-8000-000000000001"

_DEEPEST = 8
"""Where models hold themselves, an example ends here."""

_AT, _CORRELATION = 1_795_420_800_000, "cor_0000000000000001"


class NoSampleError(Exception):
    """No sample fits the pattern of a text."""


def params_examples(method: Method, schemas: dict[str, Any]) -> dict[str, Any]:
    """Return the params of the cases that went well, or the smallest that there can be."""
    told = {one["name"]: one["params"] for one in _cases(method) if "result" in one}
    if not told:
        told = {"smallest": example_of(schemas[method.params.__name__], schemas)}
    return {name: {"value": params} for name, params in told.items()}


def answer_examples(method: Method, schemas: dict[str, Any]) -> dict[str, Any]:
    """Return the answers of the cases that went well, or one of its form."""
    told = {one["name"]: one["result"] for one in _cases(method) if "result" in one}
    if not told:
        told = {"form": example_of(schemas[method.result.__name__], schemas)}
    return {
        name: {"value": {"status": "ok", "data": result, "error": None}}
        for name, result in told.items()
    }


def _cases(method: Method) -> list[dict[str, Any]]:
    cases: list[dict[str, Any]] = read_examples().get(method.channel, [])
    return cases


def error_example(error: type[RpcError]) -> dict[str, Any]:
    """Return the answer that tells of an error: the first case of it, or its form."""
    told = next(
        (
            one["error"]["data"]
            for cases in read_examples().values()
            for one in cases
            if "error" in one and one["error"]["data"]["code"] == error.symbol
        ),
        {
            "code": error.symbol,
            "message": default_message(error),
            "type": error.error_type,
            "timestamp": _AT,
            "retryable": error.retryable,
            "outcome": "none",
            "correlationId": _CORRELATION,
        },
    )
    return {"value": {"status": "error", "data": None, "error": told}}


def example_of(schema: dict[str, Any], schemas: dict[str, Any], depth: int = 0) -> Any:
    """Return the smallest value that fits a schema; where there is a choice, something, not null.

    Raises:
        NoSampleError: A text has a pattern that no sample fits.
    """
    if "$ref" in schema:
        return example_of(schemas[schema["$ref"].rpartition("/")[2]], schemas, depth + 1)
    if options := schema.get("anyOf") or schema.get("oneOf"):
        is_deep = depth > _DEEPEST and {"type": "null"} in options
        return None if is_deep else example_of(options[0], schemas, depth)
    if schema.get("type") == "object":
        fields = schema.get("properties", {})
        wanted = schema.get("required", ())
        return {name: example_of(fields[name], schemas, depth) for name in wanted}
    if schema.get("type") == "array":
        few = schema.get("minItems", 0 if depth > _DEEPEST else 1)
        return [example_of(schema.get("items", {}), schemas, depth + 1)] * few
    return _simple(schema)


def _simple(schema: dict[str, Any]) -> Any:
    if "const" in schema or "enum" in schema:
        return schema.get("const", schema.get("enum", [None])[0])
    match schema.get("type"):
        case "string":
            return _text(schema)
        case "integer" | "number":
            return _number(schema)
        case "boolean":
            return bool(schema.get("default", False))
    return None


def _text(schema: dict[str, Any]) -> str:
    pattern = schema.get("pattern", "")
    if found := _ID.match(pattern):
        return found[1] + _UUID
    if not pattern and "format" in schema:
        return _FORMATS[schema["format"]]
    least, most = schema.get("minLength", 0), schema.get("maxLength", math.inf)
    for sample in SAMPLES:
        text = sample if pattern else sample.ljust(least, "x")
        if least <= len(text) <= most and re.search(pattern, text):
            return text
    raise NoSampleError(pattern)


def _number(schema: dict[str, Any]) -> int:
    least = schema.get("minimum", schema.get("exclusiveMinimum", 0) + 1)
    return int(min(max(least, 1), schema.get("maximum", math.inf)))
