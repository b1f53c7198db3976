"""What a JSON-RPC 2.0 message must look like (section 4 of the specification)."""

from typing import Any

import pytest

from rpcbackend.errors import InvalidRequestError
from rpcbackend.protocol.envelope import (
    check_request,
    echo_id,
    is_notification,
    is_request_id,
    is_response,
    split_positional,
)
from tests.clauses import clause

VALID = {"jsonrpc": "2.0", "method": "ping", "id": 1}


@clause("request-id-type", "bad-id")
@pytest.mark.parametrize(
    ("value", "may_be"),
    [
        (0, True),
        (1, True),
        (-1, True),
        (2**53 - 1, True),
        (-(2**53) + 1, True),
        (2**53, False),
        (-(2**53), False),
        (1.5, True),
        (1e300, False),
        ("", True),
        ("x" * 256, True),
        ("x" * 257, False),
        ("ü" * 128, True),
        ("ü" * 129, False),
        (None, True),
        (True, False),
        (False, False),
        ([], False),
        ({}, False),
    ],
    ids=lambda value: repr(value)[:20],
)
def test_an_id_is_a_number_a_short_text_or_null(value: Any, may_be: bool) -> None:
    assert is_request_id(value) is may_be
    assert echo_id({"id": value}) == (value if may_be else None)


@pytest.mark.parametrize(
    "message",
    [
        VALID,
        {"jsonrpc": "2.0", "method": "ping"},
        {**VALID, "id": None},
        {**VALID, "params": {}},
        {**VALID, "params": []},
        {**VALID, "method": ""},
    ],
    ids=["request", "notification", "null-id", "by-name", "by-position", "empty-method"],
)
def test_a_request_passes(message: Any) -> None:
    check_request(message)


@clause("request-version", "request-method-text", "request-params-structured")
@clause("envelope-no-extra-members", "bad-params")
@pytest.mark.parametrize(
    "message",
    [
        None,
        1,
        "text",
        True,
        [],
        [VALID],
        {},
        {"foo": "boo"},
        {"method": "ping", "id": 1},
        {**VALID, "jsonrpc": "1.0"},
        {**VALID, "jsonrpc": 2},
        {**VALID, "jsonrpc": 2.0},
        {**VALID, "jsonrpc": None},
        {"jsonrpc": "2.0", "id": 1},
        {**VALID, "method": 1},
        {**VALID, "method": None},
        {**VALID, "params": None},
        {**VALID, "params": "text"},
        {**VALID, "params": 1},
        {**VALID, "id": True},
        {**VALID, "id": {}},
        {**VALID, "id": 2**53},
        {**VALID, "extra": 1},
        {**VALID, "result": {}},
    ],
    ids=repr,
)
def test_anything_else_is_an_invalid_request(message: Any) -> None:
    with pytest.raises(InvalidRequestError):
        check_request(message)


@clause("answer-ignored")
@pytest.mark.parametrize(
    ("message", "is_answer"),
    [
        ({"jsonrpc": "2.0", "id": 1, "result": {}}, True),
        ({"jsonrpc": "2.0", "id": None, "error": {}}, True),
        ({"id": 1, "result": {}}, True),
        ({"jsonrpc": "2.0", "result": {}}, False),
        ({"jsonrpc": "2.0", "id": 1}, False),
        ({**VALID, "result": {}}, False),
        (VALID, False),
        ([], False),
        (None, False),
    ],
    ids=repr,
)
def test_an_answer_is_known_by_its_id_and_outcome(message: Any, is_answer: bool) -> None:
    assert is_response(message) is is_answer


@clause("notification-no-id")
def test_a_notification_has_no_id_not_even_null() -> None:
    assert is_notification({"jsonrpc": "2.0", "method": "ping"})
    assert not is_notification({**VALID, "id": None})


@clause("response-id-null")
@pytest.mark.parametrize("message", [None, 1, [], "text", {}, {"id": []}], ids=repr)
def test_what_has_no_readable_id_is_answered_under_null(message: Any) -> None:
    assert echo_id(message) is None


@clause("params-by-position")
@pytest.mark.parametrize(
    ("params", "named"),
    [
        ([], {}),
        ([1], {"a": 1}),
        ([1, None], {"a": 1, "b": None}),
        ([1, 2, 3], None),
    ],
    ids=["none", "one", "all", "too-many"],
)
def test_params_by_position_get_the_names_in_order(
    params: list[Any], named: dict[str, Any] | None
) -> None:
    assert split_positional(params, ["a", "b"]) == named
