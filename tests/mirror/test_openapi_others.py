"""JSON-RPC, calendars and figures are what the document says of them."""

from typing import Any

import pytest

from rpcbackend.testing import Client
from tests.factories import School
from tests.mirror.test_openapi import DOCUMENT, OPERATIONS
from tests.mirror.test_openapi_examples import fits
from tests.mirror.web import Web

PING = {"jsonrpc": "2.0", "id": 1, "method": "ping"}


def answered(operation: str, kind: str) -> dict[str, Any]:
    schema: dict[str, Any] = OPERATIONS[operation]["responses"]["200"]["content"][kind]["schema"]
    return schema


@pytest.mark.parametrize(
    "message",
    [
        PING,
        [PING, PING | {"id": "a"}],
        PING | {"method": "nothing", "id": None},
        PING | {"method": "students.get", "params": {"studentId": "x"}},
        PING | {"method": "students.list", "params": []},
        PING | {"method": "students.list", "params": [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]},
        PING | {"id": 1.5},
        [PING, PING | {"method": "students.list", "params": [0] * 20}],
    ],
    ids=str,
)
async def test_a_message_and_its_reply_are_what_the_document_says(
    web: Web, token: str, message: Any
) -> None:
    body = OPERATIONS["rpc"]["requestBody"]["content"]["application/json"]["schema"]
    fits(body, message)

    answer = await web.post("/rpc", message, token)

    assert answer.status_code == 200
    fits(answered("rpc", "application/json"), answer.json())


async def test_a_notification_is_answered_by_nothing(web: Web, token: str) -> None:
    answer = await web.post("/rpc", {"jsonrpc": "2.0", "method": "ping"}, token)

    assert (answer.status_code, answer.content) == (204, b"")
    assert "204" in OPERATIONS["rpc"]["responses"]


async def test_the_examples_of_json_rpc_are_answered_as_they_say(web: Web, token: str) -> None:
    asked = OPERATIONS["rpc"]["requestBody"]["content"]["application/json"]["examples"]
    told = OPERATIONS["rpc"]["responses"]["200"]["content"]["application/json"]["examples"]

    for name, example in asked.items():
        answer = await web.post("/rpc", example["value"], token)
        assert answer.json() == told[name]["value"]


@pytest.mark.parametrize("more", [{"extra": 1}, {"jsonrpc": "1.0"}, {"method": 1}, {"params": 1}])
async def test_what_the_document_does_not_allow_is_told_to_be_no_request(
    web: Web, token: str, more: dict[str, Any]
) -> None:
    answer = await web.post("/rpc", PING | more, token)

    assert answer.json()["error"]["data"]["code"] == "INVALID_REQUEST"


async def test_a_calendar_comes_as_the_document_says(client: Client, web: Web) -> None:
    school = await School(client).open()
    feed = await client.call("feeds.create", kind="branch", ownerId=school.branch["id"])

    calendar = await web.get(feed["path"])
    none = await web.get("/feeds/nothing.ics")

    answers = OPERATIONS["feed"]["responses"]
    assert calendar.headers["content-type"].partition(";")[0] in answers["200"]["content"]
    assert str(none.status_code) in answers
    fits({"$ref": "#/components/schemas/Failure"}, none.json())


async def test_figures_come_as_the_document_says(web: Web, token: str) -> None:
    figures = await web.get("/metrics", token)

    assert (
        figures.headers["content-type"].partition(";")[0]
        in (OPERATIONS["metrics"]["responses"]["200"]["content"])
    )


def test_what_needs_no_proof_says_so() -> None:
    open_to_all = {name for name, each in OPERATIONS.items() if each.get("security") == []}

    assert {"feed", "health"} <= open_to_all
    assert not open_to_all & {"rpc", "metrics", "events"}
    assert DOCUMENT["security"] == [{"bearer": []}, {"apiKey": []}]
