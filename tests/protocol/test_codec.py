"""What counts as JSON, and the exact bytes of every line out."""

from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rpcbackend.errors import ParseError
from rpcbackend.protocol import codec
from tests.clauses import clause

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(min_value=-(2**53) + 1, max_value=2**53 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=10,
)


@clause("bad-duplicate-keys")
@pytest.mark.parametrize(
    ("line", "value"),
    [
        (b"{}", {}),
        (b" \t{} \r", {}),
        (b"null", None),
        (b"[1,2.5,true,false,null]", [1, 2.5, True, False, None]),
        (b'{"a":1,"a":2}', {"a": 2}),
        (b'"\xe2\x80\xa8\xc2\x85"', "\u2028\x85"),
        (rb'"\ud83d\ude97"', "\U0001f697"),
        (b'"\\u0000"', "\0"),
        (b"9007199254740991", 2**53 - 1),
        (b"18446744073709551615", 2**64 - 1),
        (b"18446744073709551616", 18446744073709551616.0),
        (b"-0", 0),
        (b"1e308", 1e308),
        (b"[" * 1_024 + b"]" * 1_024, None),
    ],
    ids=[
        "object",
        "white-space",
        "null",
        "array",
        "duplicate-key-last-wins",
        "line-separators",
        "surrogate-pair",
        "escaped-nul",
        "2^53-1",
        "64-bit",
        "beyond-64-bit",
        "minus-zero",
        "great",
        "nesting-1024",
    ],
)
def test_json_is_read(line: bytes, value: Any) -> None:
    read = codec.decode(line)

    if value is None and read is not None:
        # The deepest nesting that is read; too deep to write down, or to compare.
        assert isinstance(read, list)
    else:
        assert read == value


@clause("bad-json", "bad-surrogate", "bad-utf8", "bad-bom", "bad-nesting-unreadable")
@clause("error-quotes-nothing")
@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"   ",
        b"{",
        b"{}{}",
        b"{'a':1}",
        b"{a:1}",
        b"[1,]",
        b'{"a":1,}',
        b"NaN",
        b"Infinity",
        b"-Infinity",
        b"1e400",
        b"01",
        b"+1",
        b".5",
        b"1.",
        b"0x1",
        b"tru",
        b"// comment\n{}",
        b'"\\ud800"',
        b'"\\udc00\\ud800"',
        b'"\xff"',
        b'"\xc0\xaf"',
        b'"\xed\xa0\x80"',
        b'"a\x00b"',
        b'"a\x1fb"',
        b'"\\x41"',
        b"\x00",
        b"{}\x00",
        b"\xef\xbb\xbf{}",
        '{"a":1}'.encode("utf-16"),
        b"[" * 1_025 + b"]" * 1_025,
        b"[" * 100_000,
    ],
    ids=repr,
)
def test_everything_else_is_a_parse_error_that_quotes_nothing(line: bytes) -> None:
    with pytest.raises(ParseError) as refused:
        codec.decode(line)

    assert str(refused.value) == "The line is not UTF-8 JSON."
    assert refused.value.__cause__ is None
    assert refused.value.details is None


@clause("line-per-message", "response-version", "meta-of-result")
@pytest.mark.parametrize(
    ("request_id", "result", "meta", "line"),
    [
        (1, b"{}", None, b'{"jsonrpc":"2.0","id":1,"result":{}}\n'),
        (1, b"{}", {}, b'{"jsonrpc":"2.0","id":1,"result":{}}\n'),
        (1, b"{}", {"seq": 7}, b'{"jsonrpc":"2.0","id":1,"result":{"_meta":{"seq":7}}}\n'),
        (
            1,
            b'{"a":1}',
            {"seq": 7},
            b'{"jsonrpc":"2.0","id":1,"result":{"a":1,"_meta":{"seq":7}}}\n',
        ),
        (-5, b"{}", None, b'{"jsonrpc":"2.0","id":-5,"result":{}}\n'),
        (1.5, b"{}", None, b'{"jsonrpc":"2.0","id":1.5,"result":{}}\n'),
        (None, b"{}", None, b'{"jsonrpc":"2.0","id":null,"result":{}}\n'),
        ("a", b"{}", None, b'{"jsonrpc":"2.0","id":"a","result":{}}\n'),
        ('"\n', b"{}", None, b'{"jsonrpc":"2.0","id":"\\"\\n","result":{}}\n'),
    ],
    ids=[
        "plain",
        "empty-meta",
        "meta-on-empty",
        "meta",
        "negative",
        "fraction",
        "null",
        "text",
        "escapes",
    ],
)
def test_a_response_is_one_line(
    request_id: Any, result: bytes, meta: dict[str, Any] | None, line: bytes
) -> None:
    assert codec.success(request_id, result, meta) == line


@clause("line-per-message", "response-result-or-error")
def test_an_error_response_is_one_line() -> None:
    assert (
        codec.failure("a", {"code": 1, "message": "line\nbreak"})
        == b'{"jsonrpc":"2.0","id":"a","error":{"code":1,"message":"line\\nbreak"}}\n'
    )


def test_a_request_is_one_line() -> None:
    assert (
        codec.request(1, "students.get", {"a": "ü"})
        == '{"jsonrpc":"2.0","id":1,"method":"students.get","params":{"a":"ü"}}\n'.encode()
    )


@pytest.mark.parametrize("params", [{"a": 1}, b'{"a":1}'], ids=["value", "encoded"])
def test_a_notification_is_one_line_without_id(params: Any) -> None:
    assert (
        codec.notification("event", params)
        == b'{"jsonrpc":"2.0","method":"event","params":{"a":1}}\n'
    )


def test_a_batch_is_one_line() -> None:
    lines = [codec.success(1, b"{}"), codec.success(2, b"{}")]

    assert (
        codec.batch(lines)
        == b'[{"jsonrpc":"2.0","id":1,"result":{}},{"jsonrpc":"2.0","id":2,"result":{}}]\n'
    )


def test_canonical_bytes_do_not_depend_on_the_order_of_members() -> None:
    assert codec.canonical({"b": 1, "a": {"d": 1, "c": 2}}) == b'{"a":{"c":2,"d":1},"b":1}'
    assert codec.canonical({"a": {"c": 2, "d": 1}, "b": 1}) == b'{"a":{"c":2,"d":1},"b":1}'


@given(JSON)
def test_what_is_written_is_read_again_and_has_no_line_end_inside(value: Any) -> None:
    line = codec.encode(value)

    assert b"\n" not in line
    assert codec.decode(line) == value
    assert orjson.loads(codec.canonical(value)) == value
