"""What a JSON-RPC 2.0 message must look like; knows the specification, not the channels."""

from collections.abc import Sequence
from typing import Any, TypeGuard

from rpcbackend.errors import InvalidRequestError
from rpcbackend.protocol.codec import Json
from rpcbackend.schema.base import MAX_SAFE_INTEGER

RequestId = str | int | float | None

MAX_ID_LENGTH = 256
"""Ids are the client's labels; a longer one is a mistake or an attack."""

_MEMBERS = frozenset({"jsonrpc", "method", "params", "id"})


def check_request(message: Json) -> None:
    """Check the shape of one request or notification.

    Raises:
        InvalidRequestError: It is not a JSON-RPC 2.0 request object (section 4).
    """
    if not is_request(message):
        raise InvalidRequestError


def is_request(message: Json) -> bool:
    """Tell whether a message is a request or a notification, by its shape."""
    return (
        isinstance(message, dict)
        and message.get("jsonrpc") == "2.0"
        and isinstance(message.get("method"), str)
        and isinstance(message.get("params", _NO_PARAMS), dict | list)
        and is_request_id(message.get("id"))
        and message.keys() <= _MEMBERS
    )


def is_request_id(value: object) -> TypeGuard[RequestId]:
    """Tell whether *value* may label a request (section 4; I-JSON bounds the numbers)."""
    # bool is an int in Python: `true` would answer request 1.
    if isinstance(value, bool):
        return False
    if isinstance(value, str):
        return len(value) <= MAX_ID_LENGTH
    if isinstance(value, int | float):
        return abs(value) <= MAX_SAFE_INTEGER
    return value is None


def is_response(message: Json) -> bool:
    """Tell whether a peer's *message* is an answer: those are never answered."""
    return (
        isinstance(message, dict)
        and "method" not in message
        and "id" in message
        and ("result" in message or "error" in message)
    )


def is_notification(message: Json) -> bool:
    """Tell whether a valid request wants no answer."""
    return "id" not in message


def echo_id(message: Json) -> RequestId:
    """Return the id to answer an invalid request with: its own if that is readable, else null."""
    wanted = message.get("id") if isinstance(message, dict) else None
    return wanted if is_request_id(wanted) else None


def split_positional(params: Sequence[Any], names: Sequence[str]) -> dict[str, Any] | None:
    """Map params by position to names, or return None when there are too many."""
    return dict(zip(names, params, strict=False)) if len(params) <= len(names) else None


_NO_PARAMS: dict[str, Json] = {}
