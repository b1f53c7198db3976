"""Bounds on the shape of params (protocol.md section 7); knows JSON values only."""

from collections.abc import Iterable

from rpcbackend.errors import InvalidParamsError
from rpcbackend.protocol.codec import Json

MAX_NESTING = 64
MAX_STRING = 1024 * 1024
"""Characters."""
MAX_ARRAY = 10_000


def may_exceed(line: bytes) -> bool:
    """Tell whether the message of *line* could be over a bound: nearly never, and cheap to know.

    What nests deeper than the bound has more opening brackets than that; a long array has as many
    commas, so a line shorter than both long things has neither.
    """
    return len(line) > MAX_ARRAY or line.count(b"[") + line.count(b"{") > MAX_NESTING


def check_bounds(params: Json) -> None:
    """Check nesting, strings and arrays.

    Raises:
        InvalidParamsError: Something is over its bound; details name the rule.
    """
    containers, depth = [params], 0
    while containers:
        depth += 1
        if depth > MAX_NESTING:
            raise _over("nesting", MAX_NESTING)
        members = [member for container in containers for member in _members(container)]
        if any(isinstance(member, str) and len(member) > MAX_STRING for member in members):
            raise _over("string_length", MAX_STRING)
        containers = [member for member in members if isinstance(member, dict | list)]


def _members(container: Json) -> Iterable[Json]:
    if isinstance(container, list):
        if len(container) > MAX_ARRAY:
            raise _over("array_length", MAX_ARRAY)
        return container
    return container.values() if isinstance(container, dict) else ()


def _over(rule: str, limit: int) -> InvalidParamsError:
    return InvalidParamsError(
        details={"errors": [{"path": "", "rule": rule, "message": f"at most {limit}"}]}
    )
