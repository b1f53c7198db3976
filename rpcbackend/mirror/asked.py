"""What a request says about itself in its headers, read once."""

from dataclasses import dataclass, field
from typing import Any

from starlette.requests import Request

from rpcbackend.errors import InvalidParamsError, InvalidRequestError, UnauthenticatedError
from rpcbackend.mirror.accepted import wants_problem
from rpcbackend.protocol.codec import Json
from rpcbackend.security.tokens import MAX_CHARS

IN_HEADERS_ALONE = frozenset({"token", "capability"})
"""What no body may carry: logs of proxies and programs hold bodies more often than credentials."""

HAVE_HEADERS = IN_HEADERS_ALONE | {"idempotencyKey", "ifRev", "traceparent"}
"""What is said once: of one call that is a request of its own, in its header."""

MOST_OF_REV = 128
"""Characters of `_meta.ifRev`; a longer tag is none of ours."""

NOT_VALID = "The token is not valid."
"""What is said of any proof that is none: the same as is said of a forged one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A request's headers, as far as they concern its call."""

    source: str
    """The address that it came from."""
    token: str | None = field(default=None, repr=False)
    """An access token or API key."""
    basic: str | None = field(default=None, repr=False)
    """The credentials of HTTP Basic, encoded."""
    wants_problem: bool = False
    meta: dict[str, Any] = field(default_factory=dict)
    """What goes into `_meta`."""

    @property
    def has_proof(self) -> bool:
        """Whether it says who calls."""
        return self.token is not None or self.basic is not None


def source_of(request: Request) -> str:
    """Return the address that a request came from, as the guards found it."""
    source: str = request.scope["state"]["source"]
    return source


def read_asked(request: Request) -> Asked:
    """Read the headers.

    Raises:
        UnauthenticatedError: They hold two proofs, or one of no form that we know.
        InvalidRequestError: They hold two keys of idempotency: which of them is meant?
    """
    headers = request.headers
    if len(headers.getlist("idempotency-key")) > 1:
        raise InvalidRequestError("A request has one Idempotency-Key.")
    token, basic = _proof_of(request)
    meta = {
        "idempotencyKey": _unquoted(headers.get("idempotency-key")),
        "ifRev": _rev_of(headers.get("if-none-match")),
        "traceparent": headers.get("traceparent"),
    }
    return Asked(
        source=source_of(request),
        token=token,
        basic=basic,
        wants_problem=wants_problem(headers.getlist("accept")),
        meta={name: value for name, value in meta.items() if value is not None},
    )


def _proof_of(request: Request) -> tuple[str | None, str | None]:
    given = request.headers.getlist("authorization")
    keys = request.headers.getlist("x-api-key")
    if not given and not keys:
        return None, None
    if len(given) + len(keys) > 1:
        raise UnauthenticatedError("One proof of who calls is enough, and two are too many.")
    if keys:
        return _plain(keys[0]), None
    scheme, _, value = given[0].partition(" ")
    match scheme.lower():
        case "bearer":
            return _plain(value.strip()), None
        case "basic":
            return None, _plain(value.strip())
    raise UnauthenticatedError(NOT_VALID)


def _plain(value: str) -> str:
    if not value or len(value) > MAX_CHARS or not value.isascii():
        raise UnauthenticatedError(NOT_VALID)
    return value


def _unquoted(value: str | None) -> str | None:
    """Read a key as it is, or quoted, as structured fields have it (RFC 9651)."""
    if value is not None and len(value) > len('""') and value[0] == value[-1] == '"':
        return value[1:-1]
    return value


def _rev_of(value: str | None) -> str | None:
    """Return the one tag of If-None-Match; a list of them is as good as none."""
    rev = (value or "").strip().removeprefix("W/").strip('"')
    return rev if 0 < len(rev) <= MOST_OF_REV else None


def with_meta(
    params: dict[str, Json],
    asked: Asked,
    *,
    is_open: bool,
    of_headers: frozenset[str] = IN_HEADERS_ALONE,
) -> dict[str, Json]:
    """Return the params with what the headers say about the call.

    Args:
        params: As they came.
        asked: The headers.
        is_open: Whether nobody has to be known.
        of_headers: What may not stand in the params.

    Raises:
        InvalidParamsError: It does.
    """
    meta = params.get("_meta", {})
    if not isinstance(meta, dict):
        # The dispatcher knows what to say to that.
        return params
    for name in sorted(of_headers & meta.keys()):
        error = {"path": f"_meta.{name}", "rule": "header_only"}
        raise InvalidParamsError(details={"errors": [error]})
    told = meta | asked.meta
    if asked.token is not None and not is_open:
        told["token"] = asked.token
    return params | {"_meta": told} if told else params
