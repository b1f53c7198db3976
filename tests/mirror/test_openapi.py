"""The OpenAPI document: whole, and made of the channels that are served."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from rpcbackend.errors import ConsentMissingError
from rpcbackend.methods import build_registry
from rpcbackend.mirror.openapi import build_openapi
from rpcbackend.mirror.routes import OPEN, serves
from rpcbackend.mirror.statuses import STATUSES, status_of_error
from rpcbackend.rpc_error import RpcError
from tests.clauses import clause
from tests.mirror.web import Web

REGISTRY = build_registry()
SERVED = [method for method in REGISTRY if serves(method)]
DOCUMENT = build_openapi(REGISTRY)
OPERATIONS = {
    operation["operationId"]: operation
    for path in DOCUMENT["paths"].values()
    for operation in path.values()
}


def refs_in(node: Any) -> Iterator[str]:
    """Go through all references in a part of the document."""
    if isinstance(node, dict):
        if "$ref" in node:
            yield node["$ref"]
        for value in node.values():
            yield from refs_in(value)
    elif isinstance(node, list):
        for value in node:
            yield from refs_in(value)


def at(ref: str) -> Any:
    """Return what a reference leads to."""
    node: Any = DOCUMENT
    for name in ref.removeprefix("#/").split("/"):
        node = node[name]
    return node


def test_equal_registries_give_equal_documents() -> None:
    assert build_openapi(build_registry()) == DOCUMENT


def test_every_reference_leads_somewhere() -> None:
    assert [ref for ref in set(refs_in(DOCUMENT)) if not at(ref)] == []


def test_every_schema_is_one() -> None:
    for schema in DOCUMENT["components"]["schemas"].values():
        Draft202012Validator.check_schema(schema)


@clause("mirror-contract")
def test_every_channel_that_is_served_is_one_operation_named_as_it_is() -> None:
    channels = {method.channel for method in SERVED}

    assert channels <= OPERATIONS.keys()
    assert OPERATIONS.keys() - channels == {
        *("health", "events", "rpc", "feed", "webhook", "metrics")
    }
    assert len(OPERATIONS) == sum(len(path) for path in DOCUMENT["paths"].values())


@pytest.mark.parametrize("method", SERVED, ids=lambda method: method.channel)
def test_an_operation_tells_all_that_the_channel_does(method: Any) -> None:
    operation = OPERATIONS[method.channel]

    assert operation["summary"].endswith(".")
    assert operation["responses"].keys() >= {"200", "422", "429", "500", "503"}
    body = operation["requestBody"]["content"]["application/json"]["schema"]
    assert body == {"$ref": f"#/components/schemas/{method.params.__name__}"}
    assert ("security" in operation) == (method.channel in OPEN)
    headers = {parameter["$ref"] for parameter in operation.get("parameters", ())}
    key = "IdempotencyKeyRequired" if method.idempotency == "once" else "IdempotencyKey"
    assert (f"#/components/parameters/{key}" in headers) == method.may_repeat


def test_pages_are_linked_to_the_next_ones() -> None:
    link = OPERATIONS["students.list"]["responses"]["200"]["links"]["next"]

    assert link["operationId"] == "students.list"
    assert link["requestBody"] == {"cursor": "$response.body#/data/nextCursor"}


def test_every_error_has_a_status_that_tells_of_a_failure() -> None:
    statuses = {error.symbol: status_of_error(error) for error in RpcError.by_code.values()}

    assert {symbol for symbol, status in statuses.items() if status < 400} == set()
    assert set(STATUSES) <= {*statuses}, "the table names errors that there are"
    # What the table does not name goes by its hundred.
    assert status_of_error(ConsentMissingError) == 409


def test_no_body_may_hold_what_only_a_header_may() -> None:
    meta = DOCUMENT["components"]["schemas"]["CallMeta"]["properties"]

    assert meta.keys() == {"dryRun", "timeoutMs"}


@pytest.mark.parametrize(
    "channel", ["students.list", "branches.list", "auth.me", "system.health", "system.metrics"]
)
async def test_answers_are_what_the_document_says(web: Web, token: str, channel: str) -> None:
    answer = (await web.call(channel, token)).json()

    schema = OPERATIONS[channel]["responses"]["200"]["content"]["application/json"]["schema"]
    Draft202012Validator(schema | {"components": DOCUMENT["components"]}).validate(answer)


def test_areas_are_tags() -> None:
    tags = [tag["name"] for tag in DOCUMENT["tags"]]

    assert tags == sorted(tags)
    assert all(re.fullmatch(r"[a-z]+", tag) for tag in tags)
