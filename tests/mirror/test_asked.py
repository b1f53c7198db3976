"""What the headers of a request say."""

from typing import Any

import pytest
from starlette.requests import Request

from rpcbackend.errors import InvalidParamsError, InvalidRequestError, UnauthenticatedError
from rpcbackend.mirror.asked import HAVE_HEADERS, Asked, read_asked, with_meta


def request(*headers: tuple[str, str]) -> Request:
    """Make a request of these headers."""
    pairs = [(name.encode(), value.encode("latin-1")) for name, value in headers]
    return Request({"type": "http", "headers": pairs, "state": {"source": "192.0.2.1"}})


@pytest.mark.parametrize(
    ("header", "token", "basic"),
    [
        (("authorization", "Bearer a.b.c"), "a.b.c", None),
        (("authorization", "bearer  a.b.c "), "a.b.c", None),
        (("authorization", "Basic YTpi"), None, "YTpi"),
        (("x-api-key", "rpk_x"), "rpk_x", None),
    ],
)
def test_a_proof_is_read(header: tuple[str, str], token: str | None, basic: str | None) -> None:
    asked = read_asked(request(header))

    assert (asked.token, asked.basic, asked.has_proof) == (token, basic, True)
    assert asked.source == "192.0.2.1"


@pytest.mark.parametrize(
    "headers",
    [
        [("authorization", "Bearer a"), ("authorization", "Bearer b")],
        [("authorization", "Bearer a"), ("x-api-key", "b")],
        [("x-api-key", "a"), ("x-api-key", "b")],
        [("authorization", "")],
        [("authorization", "Token a")],
        [("authorization", "Bearer \xe4")],
        [("authorization", "Bearer " + "a" * 4_097)],
    ],
    ids=str,
)
def test_what_is_no_one_proof_is_refused(headers: list[tuple[str, str]]) -> None:
    with pytest.raises(UnauthenticatedError):
        read_asked(request(*headers))


def test_a_proof_is_not_shown() -> None:
    assert "secret" not in repr(read_asked(request(("authorization", "Bearer secret"))))


@pytest.mark.parametrize(
    ("written", "rev"), [('W/"a"', "a"), ('"a"', "a"), ("a", "a"), (' W/"a" ', "a"), ("*", "*")]
)
def test_a_tag_is_a_revision(written: str, rev: str) -> None:
    assert read_asked(request(("if-none-match", written))).meta == {"ifRev": rev}


@pytest.mark.parametrize("written", ["", '""', "W/", "x" * 129])
def test_a_tag_that_is_none_of_ours_is_as_good_as_none(written: str) -> None:
    assert read_asked(request(("if-none-match", written))).meta == {}


@pytest.mark.parametrize(
    ("written", "key"), [('"a"', "a"), ("a", "a"), ('"', '"'), ('""', '""'), ("", "")]
)
def test_a_key_may_be_quoted(written: str, key: str) -> None:
    assert read_asked(request(("idempotency-key", written))).meta == {"idempotencyKey": key}


@pytest.mark.parametrize("second", ["a", "b", ""])
def test_two_keys_are_one_too_many(second: str) -> None:
    with pytest.raises(InvalidRequestError):
        read_asked(request(("idempotency-key", "a"), ("idempotency-key", second)))


def test_what_the_headers_say_goes_beside_the_params() -> None:
    asked = Asked(source="x", token="t", meta={"traceparent": "00"})  # noqa: S106 (none)

    assert with_meta({"a": 1}, asked, is_open=False) == {
        "a": 1,
        "_meta": {"traceparent": "00", "token": "t"},
    }
    assert with_meta({}, asked, is_open=True) == {"_meta": {"traceparent": "00"}}
    assert with_meta({}, Asked(source="x"), is_open=False) == {}


@pytest.mark.parametrize(
    ("meta", "path"),
    [
        ({"token": None}, "_meta.token"),
        ({"capability": "x"}, "_meta.capability"),
        ({"traceparent": "00"}, "_meta.traceparent"),
        ({"ifRev": "x"}, "_meta.ifRev"),
    ],
)
def test_what_a_body_may_not_say_is_refused(meta: dict[str, Any], path: str) -> None:
    asked = Asked(source="x", meta={"traceparent": "00"})

    with pytest.raises(InvalidParamsError) as refused:
        with_meta({"_meta": meta}, asked, is_open=False, of_headers=HAVE_HEADERS)

    assert refused.value.details is not None
    assert refused.value.details["errors"][0]["path"] == path
