"""Where the answer of one operation leads to the next."""

import pytest

from tests.mirror.test_openapi import OPERATIONS


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
        ("lessons.book", "lessons.cancel", {"lessonId": "$response.body#/data/lesson/id"}),
        ("branches.list", "students.create", {"branchId": "$response.body#/data/items/0/id"}),
    ],
)
def test_an_answer_leads_to_what_can_be_done_with_it(
    channel: str, leads_to: str, params: dict[str, str]
) -> None:
    assert links(channel)[leads_to] == params


def test_what_holds_no_record_leads_nowhere() -> None:
    assert links("system.health") == {}
