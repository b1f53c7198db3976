"""The short path for plain requests agrees with the planner, whatever comes."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rpcbackend.dispatch.plain import plan_plain
from rpcbackend.dispatch.planner import Planner
from tests.machine import make_registry, request, say

REGISTRY = make_registry(say)
PLANNER = Planner(REGISTRY)

VALUES: st.SearchStrategy[Any] = st.sampled_from(
    [
        *("2.0", "1.0", 2, "test.say", "test.none", "", "x" * 256, "x" * 257, None, True, 1.5, 0),
        *(-1, 2**53 - 1, 2**53, [], ["a"], ["a", "b"], {}, {"label": "a"}, {"_meta": {}}),
    ]
)
MESSAGES = (
    VALUES
    | st.lists(VALUES, max_size=2)
    | st.dictionaries(
        st.sampled_from(["jsonrpc", "method", "id", "params", "extra"]), VALUES, max_size=5
    )
    | st.fixed_dictionaries(
        {"jsonrpc": st.just("2.0"), "method": st.just("test.say"), "id": VALUES, "params": VALUES}
    )
)


@given(MESSAGES)
def test_where_the_short_path_answers_the_planner_says_the_same(message: Any) -> None:
    plain = plan_plain(message, REGISTRY)

    if plain is not None:
        assert plain == PLANNER.plan(message)


@pytest.mark.parametrize("request_id", [0, -1, 2**53 - 1, "", "x" * 256], ids=repr)
def test_a_plain_request_takes_the_short_path(request_id: Any) -> None:
    assert plan_plain(request(request_id, "test.say", label="a"), REGISTRY) == (
        say,
        {"label": "a"},
    )


@pytest.mark.parametrize(
    "message",
    [
        None,
        [],
        {},
        {"jsonrpc": "2.0", "id": 1, "method": "test.say"},
        request(1, "test.none"),
        request(1.5, "test.say"),
        request(None, "test.say"),
        request(True, "test.say"),
        request(2**53, "test.say"),
        request("x" * 257, "test.say"),
        {**request(1, "test.say"), "params": ["a"]},
        {**request(1, "test.say"), "jsonrpc": "1.0"},
        {**request(1, "test.say"), "method": ["test.say"]},
        {**request(1, "test.say"), "extra": 1},
    ],
    ids=lambda message: repr(message)[:60],
)
def test_everything_else_is_left_to_the_planner(message: Any) -> None:
    assert plan_plain(message, REGISTRY) is None
