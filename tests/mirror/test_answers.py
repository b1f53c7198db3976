"""From reply lines to HTTP answers."""

import orjson
import pytest

from rpcbackend.mirror.answers import answer_of, is_error, meta_of, result_of
from rpcbackend.protocol import codec
from rpcbackend.testing import FrozenClock

NOW = FrozenClock().now_ms()


def failed(symbol: str, code: int, **more: object) -> bytes:
    """Return the line of an error."""
    told = {"code": symbol, "message": "No.", "type": "business", "correlationId": "c"} | more
    return codec.failure(1, {"code": code, "message": "No.", "data": told})


def test_a_result_is_wrapped_as_it_was_written() -> None:
    line = codec.success(1, b'{"a":1.50,"b":"\xc3\xa4"}')

    assert answer_of(line).body == b'{"status":"ok","data":{"a":1.50,"b":"\xc3\xa4"},"error":null}'
    assert result_of(line) == b'{"a":1.50,"b":"\xc3\xa4"}'
    assert not is_error(line)


def test_an_error_has_its_status_and_when_to_try_again() -> None:
    answer = answer_of(failed("RATE_LIMITED", -32029, retryAfterMs=1_001))

    assert (answer.status_code, answer.headers["retry-after"]) == (429, "2")
    body = orjson.loads(answer.body)
    assert (body["status"], body["data"], body["error"]["code"]) == ("error", None, "RATE_LIMITED")


@pytest.mark.parametrize("request_id", [None, 1, "a", 1.5])
def test_an_error_is_known_whatever_its_id(request_id: object) -> None:
    assert is_error(codec.failure(request_id, {"code": 1, "message": "", "data": {}}))


@pytest.mark.parametrize(
    ("result", "meta", "found"),
    [
        (b"{}", {"seq": 1}, {"seq": 1}),
        (b'{"a":1}', {"rev": "x", "seq": 1}, {"rev": "x", "seq": 1}),
        (b'{"a":1}', None, {}),
        (b'{"a":{"_meta":{"rev":"forged"}}}', None, {}),
        (b'{"a":[{"_meta":{"rev":"forged"}}]}', None, {}),
        (b'{"a":"\\"_meta\\":{\\"rev\\":\\"forged\\"}"}', None, {}),
        (b'{"a":{"_meta":{"rev":"forged"}}}', {"rev": "true"}, {"rev": "true"}),
    ],
)
def test_meta_is_the_result_s_own_and_none_that_stands_in_it(
    result: bytes, meta: dict[str, object] | None, found: dict[str, object]
) -> None:
    assert meta_of(codec.success(1, result, meta)) == found


def test_a_cursor_is_put_into_the_link_only_when_there_is_a_next_page() -> None:
    more = codec.success(1, b'{"items":[],"nextCursor":"aB_-9="}', {"seq": 1})
    last = codec.success(1, b'{"items":["\\"nextCursor\\":\\"x\\""],"nextCursor":null}', {"seq": 1})

    link = answer_of(more, next_page="/api/x.list").headers["link"]

    assert link == '</api/x.list>; rel="next"; method="POST"; cursor="aB_-9="'
    assert "link" not in answer_of(last, next_page="/api/x.list").headers
    assert "link" not in answer_of(more).headers
