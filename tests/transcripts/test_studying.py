"""What a transcript tells of how its process was set up."""

from typing import Any

import pytest

from rpcbackend.schema.limits import Limits
from rpcbackend.transcripts.format import Entry, step
from rpcbackend.transcripts.studying import Studied


def reply(**given: Any) -> Entry:
    return Entry(1, "out", "con_1", {"jsonrpc": "2.0", "id": 1} | given)


def refusal(reason: str) -> dict[str, Any]:
    return {"error": {"data": {"code": "URL_REFUSED", "details": {"reason": reason}}}}


def studied(*entries: Entry) -> Studied:
    found = Studied()
    for entry in entries:
        found.see(entry)
    return found


def test_the_first_limits_that_are_told_hold() -> None:
    limits = Limits(in_flight=3)
    told = {"result": {"limits": limits.model_dump()}}

    assert studied().limits == Limits()
    assert studied(reply(result={}), reply(**told), reply(result={})).limits == limits


def test_a_transcript_ends_with_its_last_entry_though_the_clock_was_put_back_before() -> None:
    assert studied(reply(result={})._replace(t=7.5), reply(result={})).ended == 1


@pytest.mark.parametrize(
    ("reason", "allows_private"),
    [("scheme", False), ("port", False), ("host", False), ("form", True)],
)
def test_where_an_address_was_refused_that_is_not_public_none_may_be_saved(
    reason: str, allows_private: bool
) -> None:
    batch = Entry(1, "out", "con_1", [{"result": {}}, refusal(reason)])

    assert studied(reply(result={})).outside.allow_private
    assert studied(reply(**refusal(reason))).outside.allow_private == allows_private
    assert studied(batch).outside.allow_private == allows_private


def test_it_is_known_whether_steps_are_told() -> None:
    begun = step(1, {"name": "plan", "number": 1, "facts": {}})

    assert (studied(reply(result={})).has_steps, studied(begun).has_steps) == (False, True)
    assert studied(begun, reply(result={})).messages == 2
