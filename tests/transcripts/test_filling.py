"""Requests are sent with values that are the same wherever they were."""

import orjson

from rpcbackend.transcripts.filling import Filling
from rpcbackend.transcripts.known import Known

CALL = {"method": "students.create", "params": {"email": "<personal:1>", "tags": ["<personal:1>"]}}


def test_a_placeholder_is_filled_in_with_one_stand_in_of_its_form_everywhere() -> None:
    known = Known()
    filling = Filling(known)
    filling.learn("<personal:1>", {"like": "email", "after": None})

    line = filling.line(CALL)

    params = orjson.loads(line or b"")["params"]
    assert params["email"] == params["tags"][0] == known.values["<personal:1>"]
    assert "@" in params["email"]


def test_what_is_known_is_filled_in_as_it_is() -> None:
    known = Known()
    known.learn("<secret:1>", "a token")
    known.learn("key_abcd1234", "key_efgh5678")

    filled = Filling(known).filled({"token": "<secret:1>", "actor": "key_abcd1234", "n": 1}, "")

    assert filled == {"token": "a token", "actor": "key_efgh5678", "n": 1}


def test_the_key_of_the_store_that_is_there_takes_the_place_of_another() -> None:
    filling = Filling(Known(), "the key")

    assert filling.filled({"databaseKey": "<secret:1>"}, "") == {"databaseKey": "the key"}


def test_a_line_that_nobody_could_read_is_as_long_as_it_was() -> None:
    filling = Filling(Known())

    assert (filling.line("<unreadable:3>"), filling.line("<unreadable:0>")) == (b"???", None)


def test_a_request_may_wait_as_long_as_any_whatever_it_said() -> None:
    filling = Filling(Known())

    def sent(timeout: object) -> object:
        return filling.line([{"method": "ping", "params": {"_meta": {"timeoutMs": timeout}}}])

    assert sent(1) == sent(7) == sent(120_000)
    assert len({sent(0), sent("7"), sent(1)}) == 3
