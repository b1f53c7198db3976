"""The document of every channel is valid OpenRPC 1.3 by the official meta-schema."""

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft7Validator
from referencing import Registry
from referencing.jsonschema import DRAFT7

from rpcbackend.contract.openrpc import build_openrpc, errors_of
from rpcbackend.errors import (
    DeadlineExceededError,
    ForbiddenError,
    IdempotencyKeyReusedError,
    InvalidParamsError,
    NotFoundError,
    NotInitializedError,
    OverloadedError,
    PasswordRequiredError,
    RateLimitedError,
    ReadOnlyModeError,
    RequestCancelledError,
    ScopeMissingError,
    SessionExpiredError,
    ShuttingDownError,
    UnauthenticatedError,
)
from rpcbackend.methods import build_registry
from rpcbackend.rpc_error import RpcError, default_message
from rpcbackend.schema.base import BLANKS
from rpcbackend.schema.events import PROCESS_EVENTS
from tests.dispatch.test_registry import list_page
from tests.machine import make_registry, say

DATA = Path(__file__).parent.parent / "data"


def load(name: str) -> dict[str, Any]:
    schema: dict[str, Any] = json.loads((DATA / name).read_text(encoding="utf-8"))
    # Both name the second as their dialect; it is draft 7 with nothing of its own.
    return schema | {"$schema": "http://json-schema.org/draft-07/schema#"}


@pytest.fixture(scope="module")
def validator() -> Draft7Validator:
    """The official meta-schema, with what it refers to at hand instead of on the web."""
    json_schema = DRAFT7.create_resource(load("json-schema-tools-meta-schema-1.8.0.json"))
    address = "https://meta.json-schema.tools"
    known: Registry[Any] = Registry().with_resources(
        [(address, json_schema), (address + "/", json_schema)]
    )
    return Draft7Validator(load("openrpc-meta-schema-1.14.9.json"), registry=known)


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    return build_openrpc(build_registry())


def test_the_document_is_valid_openrpc(
    validator: Draft7Validator, document: dict[str, Any]
) -> None:
    assert [error.message for error in validator.iter_errors(document)] == []


@pytest.mark.parametrize(
    "break_it",
    [
        lambda document: document.pop("info"),
        lambda document: document.update(openrpc="3.0.0"),
        lambda document: document.update(extra=1),
        lambda document: document["methods"][0].pop("name"),
        lambda document: document["methods"][0]["params"].append({"name": "x"}),
        lambda document: document["components"]["schemas"].update(Broken={"type": "nonsense"}),
    ],
    ids=["no-info", "version", "extra", "no-name", "no-schema", "no-json-schema"],
)
def test_what_is_not_openrpc_is_not_valid(
    validator: Draft7Validator, document: dict[str, Any], break_it: Any
) -> None:
    broken = json.loads(json.dumps(document))

    break_it(broken)

    assert not validator.is_valid(broken)


def test_every_schema_of_the_document_is_a_schema_and_every_reference_leads_somewhere(
    document: dict[str, Any],
) -> None:
    schemas = document["components"]["schemas"]

    for schema in schemas.values():
        Draft7Validator.check_schema(schema)
    references = set(_references(document))
    assert references
    assert references <= {f"#/components/schemas/{name}" for name in schemas}


def test_a_pattern_means_the_same_to_every_language(document: dict[str, Any]) -> None:
    r"""Of `\d`, `\w` and `\s` Python, Rust and JavaScript have different characters in mind."""
    patterns = set(_patterns(document))

    assert any(BLANKS in pattern for pattern in patterns)
    classes = re.compile(r"\\[bdswBDSW]")
    assert [each for each in patterns if classes.search(each.replace(BLANKS, ""))] == []


def _patterns(value: Any) -> Iterator[str]:
    match value:
        case {"pattern": str(pattern)}:
            yield pattern
        case dict():
            for inner in value.values():
                yield from _patterns(inner)
        case list():
            for inner in value:
                yield from _patterns(inner)


def test_every_channel_is_in_the_document(document: dict[str, Any]) -> None:
    assert [method["name"] for method in document["methods"]] == [
        method.channel for method in build_registry()
    ]


def test_the_document_says_all_of_a_channel() -> None:
    document = build_openrpc(make_registry(list_page))

    (method,) = document["methods"]
    errors = method.pop("errors")
    assert method == {
        "name": "test.list",
        "summary": "Return a page.",
        "description": "Return a page.\n\nMore is said here.",
        "paramStructure": "either",
        "params": [
            {"name": "label", "required": False, "schema": {"default": "", "type": "string"}}
        ],
        "result": {"name": "Said", "schema": {"$ref": "#/components/schemas/Said"}},
        "x-params": "Label",
        "x-kind": "command",
        "x-cost": "light",
        "x-idempotency": "key",
        "x-permission": "students:read",
        "x-events": ["students.created"],
        "x-main-only": False,
        "x-step-up": False,
        "x-rev": False,
    }
    assert errors[-2] == {
        "code": 1104,
        "message": default_message(IdempotencyKeyReusedError),
        "data": {"code": "IDEMPOTENCY_KEY_REUSED", "type": "business", "retryable": False},
    }
    assert document["x-events"] == sorted({"students.created", *PROCESS_EVENTS})


ALWAYS = [
    RequestCancelledError,
    InvalidParamsError,
    DeadlineExceededError,
    ShuttingDownError,
    OverloadedError,
    RateLimitedError,
]
SIGNED_IN = [UnauthenticatedError, SessionExpiredError, ForbiddenError, ScopeMissingError]


@pytest.mark.parametrize(
    ("method", "errors"),
    [
        (say, ALWAYS),
        (replace(say, main_only=True), [*ALWAYS, ForbiddenError]),
        (
            list_page,
            [
                *(*ALWAYS, *SIGNED_IN),
                *(NotInitializedError, NotFoundError, IdempotencyKeyReusedError),
                ReadOnlyModeError,
            ],
        ),
        (
            replace(list_page, idempotency="none", step_up=True),
            [
                *(*ALWAYS, *SIGNED_IN),
                *(NotInitializedError, NotFoundError, PasswordRequiredError, ReadOnlyModeError),
            ],
        ),
    ],
    ids=["without-store", "main-only", "command", "never-stored"],
)
def test_a_channel_lists_its_errors_by_code(method: Any, errors: list[type[RpcError]]) -> None:
    assert errors_of(method) == sorted(errors, key=lambda error: error.code)


def test_equal_registries_give_equal_documents(document: dict[str, Any]) -> None:
    assert build_openrpc(build_registry()) == document


def _references(value: Any) -> list[str]:
    if isinstance(value, dict):
        found = [value["$ref"]] if "$ref" in value else []
        return found + [ref for inner in value.values() for ref in _references(inner)]
    if isinstance(value, list):
        return [ref for inner in value for ref in _references(inner)]
    return []
