"""The bounds on the shape of params, and the cheap look that spares nearly every line the check."""

from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rpcbackend.errors import InvalidParamsError
from rpcbackend.protocol.limits import check_bounds, may_exceed
from rpcbackend.schema.limits import Limits
from tests.clauses import clause

LIMITS = Limits()


def nested(depth: int, innermost: Any) -> Any:
    """Nest *depth* arrays and objects, one inside the other."""
    value = innermost
    for level in range(depth):
        value = [value] if level % 2 else {"a": value}
    return value


@clause("limit-shape")
@pytest.mark.parametrize(
    "params",
    [
        {},
        [],
        {"a": [1, None, True, 1.5, "text"]},
        None,
        "text",
        nested(LIMITS.nesting, 1),
        nested(LIMITS.nesting - 1, {}),
        {"a": "x" * LIMITS.string_length},
        {"a": "ü" * LIMITS.string_length},
        {"a": [0] * LIMITS.array_length},
        {str(n): n for n in range(LIMITS.array_length + 1)},
    ],
    ids=[
        "empty",
        "by-position",
        "small",
        "none",
        "scalar",
        "deep-scalar",
        "deep-empty",
        "long-text",
        "long-in-characters",
        "long-array",
        "many-members",
    ],
)
def test_what_is_within_the_bounds_passes(params: Any) -> None:
    check_bounds(params, LIMITS)


@clause("limit-shape", "bad-nesting")
@pytest.mark.parametrize(
    ("params", "rule", "limit"),
    [
        (nested(LIMITS.nesting + 1, 1), "nesting", LIMITS.nesting),
        (nested(LIMITS.nesting, {}), "nesting", LIMITS.nesting),
        (nested(1_000, 1), "nesting", LIMITS.nesting),
        ({"a": "x" * (LIMITS.string_length + 1)}, "string_length", LIMITS.string_length),
        ({"a": [{"b": "x" * (LIMITS.string_length + 1)}]}, "string_length", LIMITS.string_length),
        ({"a": [0] * (LIMITS.array_length + 1)}, "array_length", LIMITS.array_length),
        ([0] * (LIMITS.array_length + 1), "array_length", LIMITS.array_length),
    ],
    ids=["deep", "deep-empty", "very-deep", "long", "long-inside", "array", "positional"],
)
def test_what_is_beyond_a_bound_is_refused_by_its_rule(params: Any, rule: str, limit: int) -> None:
    with pytest.raises(InvalidParamsError) as refused:
        check_bounds(params, LIMITS)

    assert refused.value.details == {
        "errors": [{"path": "", "rule": rule, "message": f"at most {limit}"}]
    }


JSON = st.recursive(
    st.none() | st.integers(0, 9) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=2), inner),
    max_leaves=40,
)


@given(JSON, st.integers(0, LIMITS.nesting + 20))
def test_what_could_be_beyond_a_bound_is_always_looked_at(inner: Any, depth: int) -> None:
    params = nested(depth, inner)

    try:
        check_bounds(params, LIMITS)
    except InvalidParamsError:
        assert may_exceed(orjson.dumps(params), LIMITS)


def test_a_usual_line_is_not_looked_at() -> None:
    line = b'{"jsonrpc":"2.0","id":1,"method":"students.get","params":{"a":[1]}}'

    assert not may_exceed(line, LIMITS)
