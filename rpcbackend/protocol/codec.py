"""Bytes of one line to JSON values and back; knows JSON, not JSON-RPC's rules."""

from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from rpcbackend.errors import ParseError

Json = Any
"""A value as JSON knows it: None, bool, int, float, str, list, dict."""


def decode(line: bytes) -> Json:
    """Read one line.

    Raises:
        ParseError: The line is not UTF-8 JSON (NaN, lone surrogates, NUL and nesting over 1,024
            count as not JSON).
    """
    try:
        return orjson.loads(line)
    except orjson.JSONDecodeError:
        # The parser's own words may quote the line, so they stay here.
        raise ParseError from None


def success(request_id: Json, result: bytes, meta: Mapping[str, Any] | None = None) -> bytes:
    """Write a response line.

    Args:
        request_id: Echoed as it came.
        result: A JSON object, already encoded.
        meta: Joins the result as its member `_meta`.
    """
    if meta:
        comma = b"" if result == b"{}" else b","
        result = result[:-1] + comma + b'"_meta":' + orjson.dumps(meta) + b"}"
    return b'{"jsonrpc":"2.0","id":' + _encode_id(request_id) + b',"result":' + result + b"}\n"


def failure(request_id: Json, error: Mapping[str, Any]) -> bytes:
    """Write an error response line."""
    return b'{"jsonrpc":"2.0","id":%b,"error":%b}\n' % (
        _encode_id(request_id),
        orjson.dumps(error),
    )


def request(request_id: Json, method: str, params: Mapping[str, Any]) -> bytes:
    """Write a request line."""
    return (
        orjson.dumps({"jsonrpc": "2.0", "id": request_id, "method": method, "params": params})
        + b"\n"
    )


def notification(method: str, params: Mapping[str, Any] | bytes) -> bytes:
    """Write a notification line; *params* may be a JSON object that is already encoded."""
    body = params if isinstance(params, bytes) else orjson.dumps(params)
    return b'{"jsonrpc":"2.0","method":' + orjson.dumps(method) + b',"params":' + body + b"}\n"


def batch(lines: Sequence[bytes]) -> bytes:
    """Join response lines to the one line that answers a batch."""
    return b"[" + b",".join(line[:-1] for line in lines) + b"]\n"


def encode(value: Json) -> bytes:
    """Write a JSON value, without a line end."""
    return orjson.dumps(value)


def canonical(value: Json) -> bytes:
    """Write a JSON value so that equal values give equal bytes: keys sorted, no white space."""
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)


def _encode_id(request_id: Json) -> bytes:
    # Nearly every client counts upwards; this skips a call into the encoder.
    if type(request_id) is int:
        return b"%d" % request_id
    return orjson.dumps(request_id)
