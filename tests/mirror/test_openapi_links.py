"""Where the answer of one operation leads to the next."""

import pytest

from rpcbackend.schema.apikeys import SCOPE_NAMES
from rpcbackend.security.roles import SCOPES
from tests.mirror.test_openapi import DOCUMENT, OPERATIONS, at


def links(channel: str) -> dict[str, dict[str, str]]:
    """Return what the links of an operation put into the next one's params."""
    found = OPERATIONS[channel]["responses"]["200"].get("links", {})
    for name, link in found.items():
        assert name in (link["operationId"], "next")
    return {name: link["requestBody"] for name, link in found.items()}


@pytest.mark.parametrize(
    ("channel", "leads_to", "params"),
    [
        ("students.list", "next", {"cursor": "$response.body#/data/nextCursor"}),
        ("students.list", "students.get", {"studentId": "$response.body#/data/items/0/id"}),
        ("students.create", "students.get", {"studentId": "$response.body#/data/student/id"}),
        ("lessons.book", "lessons.get", {"lessonId": "$response.body#/data/lesson/id"}),
        (
            "lessons.book",
            "lessons.cancel",
            {
                "lessonId": "$response.body#/data/lesson/id",
                "expectedVersion": "$response.body#/data/lesson/version",
            },
        ),
        ("backups.create", "jobs.get", {"jobId": "$response.body#/data/jobId"}),
        ("backups.create", "jobs.cancel", {"jobId": "$response.body#/data/jobId"}),
        ("branches.list", "students.create", {"branchId": "$response.body#/data/items/0/id"}),
    ],
)
def test_an_answer_leads_to_what_can_be_done_with_it(
    channel: str, leads_to: str, params: dict[str, str]
) -> None:
    assert links(channel)[leads_to] == params


def test_every_link_leads_from_what_is_there_to_what_is_taken() -> None:
    for operation in OPERATIONS.values():
        success = operation["responses"]["200"]
        for link in success.get("links", {}).values():
            body = OPERATIONS[link["operationId"]]["requestBody"]["content"]["application/json"]
            for param, pointer in link["requestBody"].items():
                assert param in at(body["schema"]["$ref"])["properties"]
                node = success["content"]["application/json"]["schema"]
                for name in pointer.removeprefix("$response.body#/").split("/"):
                    node = at(node["$ref"]) if "$ref" in node else node
                    node = node["items"] if name == "0" else node["properties"][name]


def test_a_time_in_params_is_told_by_its_pattern_alone() -> None:
    """Generators make a type of their own of a format, and write it in other ways than ours."""
    params, result = (DOCUMENT["components"]["schemas"][name] for name in ("BookLesson", "Lesson"))

    assert "format" not in params["properties"]["startsAt"]
    assert params["properties"]["startsAt"]["pattern"].endswith("Z$")
    assert result["properties"]["startsAt"]["format"] == "date-time"


def test_the_scopes_of_the_contract_are_those_that_there_are() -> None:
    assert set(SCOPE_NAMES) == set(SCOPES)


def test_what_holds_no_record_leads_nowhere() -> None:
    assert links("system.health") == {}
