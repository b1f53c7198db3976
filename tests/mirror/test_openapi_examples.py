"""Examples that are what their schemas say, made of what the package has."""

from typing import Any

import pytest
from jsonschema import Draft202012Validator

from rpcbackend.contract.shipped import read_examples
from rpcbackend.mirror.openapi_examples import NoSampleError, example_of
from tests.clauses import clause
from tests.mirror.test_openapi import DOCUMENT, OPERATIONS, SERVED, at
from tests.mirror.web import Web


def fits(schema: dict[str, Any], value: Any) -> None:
    """Check a value by a schema of the document, formats too."""
    whole = schema | {"components": DOCUMENT["components"]}
    checker = Draft202012Validator.FORMAT_CHECKER
    Draft202012Validator(whole, format_checker=checker).validate(value)


def resolved(node: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = at(node["$ref"]) if "$ref" in node else node
    return found


@clause("mirror-contract")
@pytest.mark.parametrize("name", OPERATIONS)
def test_every_example_of_an_operation_is_what_its_schema_says(name: str) -> None:
    operation = OPERATIONS[name]
    bodies = [operation.get("requestBody", {}), *operation["responses"].values()]
    for body in map(resolved, bodies):
        for content in body.get("content", {}).values():
            for example in content.get("examples", {}).values():
                fits(content["schema"], resolved(example)["value"])


@pytest.mark.parametrize("method", SERVED, ids=lambda method: method.channel)
def test_every_channel_has_examples_of_its_params_answers_and_errors(method: Any) -> None:
    operation = OPERATIONS[method.channel]
    asked = operation["requestBody"]["content"]["application/json"]
    answered = operation["responses"]["200"]["content"]["application/json"]
    failures = [
        resolved(answer) for status, answer in operation["responses"].items() if status >= "400"
    ]

    assert len(asked["examples"]) == len(answered["examples"]) > 0
    assert all(failure["content"]["application/json"]["examples"] for failure in failures)


def test_a_case_of_the_contract_is_an_example_and_what_failed_is_one_of_its_error() -> None:
    booked = OPERATIONS["lessons.book"]["responses"]["200"]["content"]["application/json"]
    cases = {case["name"]: case for case in read_examples()["lessons.book"]}

    assert booked["examples"].keys() == {"ok", "dry_run"}
    assert booked["examples"]["ok"]["value"]["data"] == cases["ok"]["result"]
    conflict = DOCUMENT["components"]["examples"]["CONFLICT_INSTRUCTOR"]["value"]["error"]
    assert conflict == cases["conflict"]["error"]["data"]
    assert at("#/components/responses/409")["content"]["application/json"]["examples"][
        "CONFLICT_INSTRUCTOR"
    ] == {"$ref": "#/components/examples/CONFLICT_INSTRUCTOR"}


def test_no_example_of_an_answer_shows_a_secret() -> None:
    signed_in = OPERATIONS["auth.bootstrap"]["responses"]["200"]["content"]["application/json"]
    shown = signed_in["examples"]["ok"]["value"]["data"]

    assert (shown["accessToken"], shown["refreshToken"]) == ("…", "…")
    assert shown["user"]["login"] == "ada@fs.example"


async def test_the_smallest_params_of_a_query_are_taken(web: Web, token: str) -> None:
    content = OPERATIONS["branches.list"]["requestBody"]["content"]["application/json"]
    answer = await web.call("branches.list", token, **content["examples"]["smallest"]["value"])

    assert answer.status_code == 200


def test_a_pattern_that_no_sample_fits_is_told() -> None:
    with pytest.raises(NoSampleError, match="zebra"):
        example_of({"type": "string", "pattern": "^zebra$"}, {})
