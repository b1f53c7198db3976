"""What schemathesis knows of the school that it meets; loaded by its process."""

import os
import re
import zlib
from datetime import UTC, datetime, timedelta
from typing import Any, get_args

import orjson
import schemathesis
from pydantic_core.core_schema import ErrorType
from schemathesis.core.failures import Failure
from schemathesis.openapi.checks import IgnoredAuth

_ID = re.compile(r"([a-z]{3})_[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_INSTANT = re.compile(r"[12][0-9]{3}-[0-9]{2}-[0-9]{2}T[0-9:.]+Z")
_ZONE = re.compile(r"[A-Za-z0-9_+/-]{1,64}")
_NOW = datetime.now(UTC).replace(hour=8, minute=0, second=0) + timedelta(days=1)
"""Tomorrow at eight."""
_KNOWN: dict[str, str] = orjson.loads(os.environ.get("FUZZ_KNOWN", "{}"))
"""An id of each kind that is there."""
_OWN: list[str] = orjson.loads(os.environ.get("FUZZ_OWN", "[]"))
"""The user and the session of the run itself."""

_LEAST_TIMEOUT_MS = 10_000
"""To run out of time is an answer, but of no channel."""

_NO_SCHEMA_SAYS = {
    "int_type",  # an integer comes without a point, and JSON Schema takes 1.0 for one
    "string_too_short",  # of blanks alone
    "datetime_from_date_parsing",  # a day that its month does not have
    "missing",  # a param that another one asks for
}
_BETWEEN_PARAMS = {("toSeq", "greater_than_equal")}
_OF_SHAPE = set(get_args(ErrorType)) - _NO_SCHEMA_SAYS
"""Rules that JSON Schema can say; those with names of our own are about what a text means."""


@schemathesis.hook
def map_body(context: schemathesis.HookContext, body: Any) -> Any:  # noqa: ARG001 (the hook's form)
    """Let most of what is made up lead to something: ids that are there, times to come."""
    return _meet(body)


def _meet(value: Any, name: str = "") -> Any:
    match value:
        case dict():
            return {each: _meet(inner, each) for each, inner in value.items()}
        case list():
            return [_meet(each) for each in value]
        case str() if (chance := zlib.crc32(value.encode("utf-8", "surrogatepass"))) % 4:
            return _met(value, name, chance)
    return value


def _met(value: str, name: str, chance: int) -> str:
    if found := _ID.fullmatch(value):
        return _KNOWN.get(found[1], value)
    if name == "startsAt" and _INSTANT.fullmatch(value):
        at = _NOW + timedelta(days=chance % 50, minutes=15 * (chance % 40))
        return at.strftime("%Y-%m-%dT%H:%M:%SZ")
    return "Europe/Berlin" if name == "zone" and _ZONE.fullmatch(value) else value


@schemathesis.hook
def before_call(
    context: schemathesis.HookContext,  # noqa: ARG001 (the hook's form)
    case: schemathesis.Case[Any],
    kwargs: dict[str, Any],  # noqa: ARG001 (the hook's form)
) -> None:
    """Keep the run signed in, and let it have time."""
    if not isinstance(case.body, dict):
        return
    for name, value in case.body.items():
        if value in _OWN:
            case.body[name] = value[:-12] + "0" * 12
    meta = case.body.get("_meta")
    if isinstance(meta, dict):
        given = meta.get("timeoutMs")
        if type(given) is int and 0 < given < _LEAST_TIMEOUT_MS:
            meta["timeoutMs"] = _LEAST_TIMEOUT_MS


@schemathesis.hook
def filter_failure(
    context: schemathesis.HookContext,  # noqa: ARG001 (the hook's form)
    failure: Failure,
    case: schemathesis.Case[Any],  # noqa: ARG001 (the hook's form)
    response: schemathesis.Response,  # noqa: ARG001 (to the proof that was good)
) -> bool:
    """Let whoever tries many proofs that are none be told to wait, in the place of no."""
    return not (isinstance(failure, IgnoredAuth) and "got `429 " in failure.message)


@schemathesis.check
def what_fits_the_contract_is_taken(
    ctx: schemathesis.CheckContext,  # noqa: ARG001 (the check's form)
    response: schemathesis.Response,
    case: schemathesis.Case[Any],
) -> None:
    """The contract says of params all that can be said in JSON Schema."""
    if case.meta is None or not case.meta.generation.mode.is_positive:
        return
    error = response.json().get("error") if response.status_code == 422 else None
    if error is None or error["code"] != "INVALID_PARAMS":
        return
    rules = [(each["path"], each["rule"]) for each in error["details"]["errors"]]
    # A rule without a path is about several params.
    unsaid = [
        (path, rule)
        for path, rule in rules
        if path and rule in _OF_SHAPE and (path, rule) not in _BETWEEN_PARAMS
    ]
    assert not unsaid, f"the contract does not say {unsaid}"
