"""What a placeholder may stand for in a replay, and what it may not."""

from typing import Any

import pytest

from rpcbackend.transcripts.known import Known
from tests.factories import an_id

ONE, TWO = "<personal:1>", "<personal:2>"


@pytest.mark.parametrize(
    ("like", "actual", "is_one"),
    [
        ("text", "Ada", True),
        ("text", "", False),
        ("text", {"name": "Ada"}, False),
        ("text", 7, False),
        ("email", "ada@example.org", True),
        ("email", "Ada", False),
        ("url", "https://example.org/", True),
        ("url", "Ada", False),
        # As older transcripts have it.
        ("text", "https://example.org/", True),
        ("int", 7, True),
        ("int", "7", False),
        ("object", {"a": 1}, True),
        ("search", "Ada", True),
    ],
)
def test_a_placeholder_takes_what_has_its_form(like: str, actual: Any, *, is_one: bool) -> None:
    assert Known(facts={ONE: {"like": like}}).may_be(ONE, actual) == is_one


def test_a_secret_has_a_form_too_and_so_has_a_digest() -> None:
    known = Known(facts={"<secret:1>": {"like": "key"}})

    assert [known.may_be("<secret:1>", text) for text in ("A" * 43, "A" * 42)] == [True, False]
    assert [known.may_be("<digest:1>", text) for text in ("ab" * 32, "ab")] == [True, False]


@pytest.mark.parametrize("one", [ONE, "<secret:1>", "<digest:1>", an_id("stu", 1)])
def test_two_values_are_never_one(one: str) -> None:
    known, other = Known(), an_id("stu", 2) if one.startswith("stu") else one.replace("1", "2")
    known.learn(one, "ab" * 32)

    assert not known.may_be(other, "ab" * 32)
    assert known.may_be(other, "cd" * 32)


@pytest.mark.parametrize("facts", [{"same": ONE}, {"of": ONE}])
def test_two_ways_to_write_the_same_may_be(facts: dict[str, Any]) -> None:
    known = Known(facts={TWO: facts})
    known.learn(ONE, "ada@example.invalid")

    assert known.may_be(TWO, "ada@example.invalid")


def test_of_another_transcript_the_kind_is_known() -> None:
    known = Known()

    assert [known.may_be(ONE, text) for text in ("<personal:9>", "<secret:9>")] == [True, False]
