"""Whatever a peer sends: one reply to each request, nothing but valid lines out, and no bug.

Through the whole application in memory: the real codec, validation, rings and store.
"""

from typing import Any

import orjson
from hypothesis import given
from hypothesis import strategies as st

from rpcbackend.dispatch.plain import plan_plain
from rpcbackend.dispatch.planner import Planner
from rpcbackend.methods import build_registry
from tests.clauses import clause
from tests.properties.fitting import CHANNELS, requests
from tests.properties.spoiling import JUNK, broken, wronged
from tests.properties.wire import serve, share_of

REGISTRY = build_registry()
PLANNER = Planner(REGISTRY)


@clause("one-reply-per-request", "no-line-stops-the-process")
def test_any_bytes_are_answered_line_by_line() -> None:
    # A hundred unreadable lines in a row would be the end.
    serve(st.binary(max_size=190), share=1.5)


@clause("one-reply-per-request", "no-line-stops-the-process")
def test_any_json_is_answered_as_the_specification_has_it() -> None:
    serve(
        st.lists(JUNK, min_size=1, max_size=5).map(
            lambda some: b"\n".join(map(orjson.dumps, some))
        ),
        share=1,
    )


@clause("one-reply-per-request", "no-line-stops-the-process", "response-always")
@clause("response-version", "response-result-or-error")
@clause("error-members-exact", "error-code-integer", "error-message-text")
def test_requests_that_are_wrong_somewhere_are_answered_once() -> None:
    serve((wronged() | st.lists(wronged(), max_size=4)).map(orjson.dumps), share=1.5)


@clause("one-reply-per-request", "no-line-stops-the-process")
def test_requests_that_were_damaged_on_the_way_are_answered_once() -> None:
    serve(broken(), share=1.5)


def test_the_short_path_agrees_with_the_planner_on_every_real_channel() -> None:
    @share_of(2)
    @given(wronged() | st.sampled_from(CHANNELS).flatmap(requests))
    def agrees(message: Any) -> None:
        plain = plan_plain(message, REGISTRY)

        assert plain is None or plain == PLANNER.plan(message)

    agrees()
