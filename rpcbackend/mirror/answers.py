"""From a reply line to an HTTP answer: APIResponse, problem details, status, headers."""

import math
import re
from typing import Any

from starlette.responses import Response

from rpcbackend.errors import ParseError
from rpcbackend.mirror.statuses import status_of
from rpcbackend.mirror.wire import REQUEST_ID
from rpcbackend.protocol import codec

JSON, PROBLEM = "application/json", "application/problem+json"

_BEFORE_RESULT = codec.success(REQUEST_ID, b"")[:-2]
_BEFORE_CURSOR = b'"nextCursor":'
_CURSOR = re.compile(_BEFORE_CURSOR + rb'"([A-Za-z0-9_=.~-]+)"')
_META = b'"_meta":'


class Refused(Exception):  # noqa: N818 (it is an answer, not a fault)
    """The request comes to no call: what it is answered, in place of what the route returns."""

    def __init__(self, response: Response) -> None:
        self.response = response
        super().__init__()


def answer_of(
    line: bytes,
    *,
    next_page: str | None = None,
    wants_problem: bool = False,
    status: int | None = None,
) -> Response:
    """Return the answer to one call, from its reply line.

    Args:
        line: The reply.
        next_page: Where the next page is asked for, if the answer is one of several.
        wants_problem: Whether an error is told by problem details.
        status: Of an error, in the place of the table's.
    """
    if is_error(line):
        error = codec.decode(line)["error"]
        return failure_of(error, wants_problem=wants_problem, status=status)
    headers, meta = {}, meta_of(line)
    if "rev" in meta:
        headers["ETag"] = f'W/"{meta["rev"]}"'
        # A proxy must not keep what one caller may see, and a browser may keep it and ask.
        headers["Cache-Control"] = "private, no-cache"
    if meta.get("notModified"):
        return Response(status_code=304, headers=headers)
    if meta.get("replayed"):
        headers["Idempotency-Replayed"] = "true"
    if next_page is not None and (cursor := _cursor_of(line)):
        headers["Link"] = f'<{next_page}>; rel="next"; method="POST"; cursor="{cursor}"'
    body = b'{"status":"ok","data":' + result_of(line) + b',"error":null}'
    return Response(body, media_type=JSON, headers=headers)


def failure_of(
    error: dict[str, Any], *, wants_problem: bool = False, status: int | None = None
) -> Response:
    """Return the answer that tells of an error, from the `error` member of a reply."""
    told = error["data"]
    status = status or status_of(error["code"], told["code"])
    headers = {}
    if "retryAfterMs" in told:
        headers["Retry-After"] = str(math.ceil(told["retryAfterMs"] / 1_000))
    if wants_problem:
        return Response(_problem(status, told), status, headers, PROBLEM)
    body = codec.encode({"status": "error", "data": None, "error": told})
    return Response(body, status, headers, JSON)


def _problem(status: int, told: dict[str, Any]) -> bytes:
    """Write the problem details of RFC 9457, with the whole ErrorResponse in them."""
    title = told["code"].replace("_", " ").capitalize()
    return codec.encode(
        {
            "type": f"urn:rpcbackend:error:{told['code']}",
            "title": title,
            "status": status,
            "detail": told["message"],
            "instance": f"urn:rpcbackend:correlation:{told['correlationId']}",
            "error": told,
        }
    )


def is_error(line: bytes) -> bool:
    """Tell whether a reply line is an error."""
    return not line.startswith(_BEFORE_RESULT)


def result_of(line: bytes) -> bytes:
    """Return the result of a reply line as it was written."""
    return line[len(_BEFORE_RESULT) : -2]


def _cursor_of(line: bytes) -> str | None:
    """Return the cursor of the page after this one: a member of the result, and of none in it."""
    found = _CURSOR.search(line, line.rfind(_BEFORE_CURSOR))
    return found[1].decode() if found else None


def meta_of(line: bytes) -> dict[str, Any]:
    """Return the `_meta` of the result of a reply line; it is the result's last member."""
    start = line.rfind(_META)
    if start < 0:
        return {}
    try:
        # Without the ends of result and message. A deeper `_meta` leaves more of them.
        found = codec.decode(line[start + len(_META) : -3])
    except ParseError:
        return {}
    return found if isinstance(found, dict) else {}
