"""Bounds on the shape of params (protocol.md section 7); knows JSON values only."""

from collections.abc import Iterable

from rpcbackend.errors import InvalidParamsError
from rpcbackend.protocol.codec import Json
from rpcbackend.schema.limits import Limits


def may_exceed(line: bytes, limits: Limits) -> bool:
    """Tell whether the message of *line* could be over a bound: nearly never, and cheap to know.

    What nests deeper than the bound has more opening brackets than that; a long array has as many
    commas, so a line shorter than both long things has neither.
    """
    bound = min(limits.array_length, limits.string_length)
    return len(line) > bound or line.count(b"[") + line.count(b"{") > limits.nesting


def check_bounds(params: Json, limits: Limits) -> None:
    """Check nesting, strings and arrays.

    Raises:
        InvalidParamsError: Something is over its bound; details name the rule.
    """
    containers, depth = [params], 0
    while containers:
        depth += 1
        if depth > limits.nesting:
            raise _over("nesting", limits.nesting)
        longest = limits.array_length
        members = [member for container in containers for member in _members(container, longest)]
        longest = limits.string_length
        if any(isinstance(member, str) and len(member) > longest for member in members):
            raise _over("string_length", longest)
        containers = [member for member in members if isinstance(member, dict | list)]


def _members(container: Json, longest: int) -> Iterable[Json]:
    if isinstance(container, list):
        if len(container) > longest:
            raise _over("array_length", longest)
        return container
    return container.values() if isinstance(container, dict) else ()


def _over(rule: str, limit: int) -> InvalidParamsError:
    return InvalidParamsError(
        details={"errors": [{"path": "", "rule": rule, "message": f"at most {limit}"}]}
    )
