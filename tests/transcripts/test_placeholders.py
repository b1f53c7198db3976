"""What is told of a value that was taken out, and that it is no more than a reply depends on."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as some

from rpcbackend.transcripts.placeholders import Placeholders, TableFullError
from tests.clauses import clause


def facts_of(value: Any, mark: str = "personal") -> dict[str, Any]:
    placeholders = Placeholders()
    known = placeholders.replace("secret" if mark == "secret" else "personal", value)
    return placeholders.take_news()[known]


def test_the_same_value_has_the_same_placeholder() -> None:
    placeholders = Placeholders()

    replaced = [placeholders.replace("personal", name) for name in ("Ada", "Byron", "Ada")]

    assert replaced == ["<personal:1>", "<personal:2>", "<personal:1>"]
    assert placeholders.replace("secret", "Ada") == "<secret:1>"
    assert placeholders.replace("secret", ["a", None, ["b"]]) == [
        "<secret:2>",
        None,
        ["<secret:3>"],
    ]


def test_what_says_nothing_stays() -> None:
    placeholders = Placeholders()

    assert [placeholders.replace("secret", value) for value in (None, True, False)] == [
        None,
        True,
        False,
    ]
    assert placeholders.take_news() == {}


def test_1_and_a_text_of_it_are_two_values() -> None:
    placeholders = Placeholders()

    assert len({placeholders.replace("secret", value) for value in (1, "1", 1.0)}) == 3


@pytest.mark.parametrize(
    ("value", "told"),
    [
        ("Ada", {"like": "text"}),
        ("ada@example.org", {"like": "email"}),
        ("+4915112345", {"like": "phone"}),
        ("2007-12-10", {"like": "date"}),
        ("2007-13-10", {"like": "text"}),
        ("  ", {"like": "blank"}),
        ("a\x07", {"like": "odd"}),
        ("A" * 61, {"like": "text", "chars": 61}),
        (4711, {"like": "int"}),
        (47.11, {"like": "float"}),
        ({"given": "Ada"}, {"like": "object"}),
    ],
    ids=str,
)
def test_of_a_name_its_form_is_told(value: Any, told: dict[str, Any]) -> None:
    facts = facts_of(value)
    facts.pop("after", None)

    assert facts == told


@pytest.mark.parametrize(
    ("value", "told"),
    [
        ("correct horse battery", {"like": "text"}),
        ("swordfish", {"like": "text", "short": True}),
        ("A" * 43, {"like": "key"}),
        ("123456", {"like": "code", "short": True}),
        ("", {"like": "blank", "short": True}),
    ],
)
def test_of_a_secret_neither_length_nor_order_is_told(value: str, told: dict[str, Any]) -> None:
    assert facts_of(value, "secret") == told


@given(names=some.lists(some.text(min_size=1), max_size=12))
def test_the_order_of_names_is_that_of_sqlite(names: list[str]) -> None:
    placeholders = Placeholders()
    order: list[str | None] = [None]
    known: dict[str, str] = {}
    for name in names:
        known[name] = placeholders.replace("personal", name)
        for new, told in placeholders.take_news().items():
            if "after" in told:
                order.insert(order.index(told["after"]) + 1, new)

    in_order = sorted(known, key=str.encode)
    told_order = [each for each in order if each in known.values()]
    assert told_order == [known[name] for name in in_order]


def test_words_that_are_looked_for_are_told_of_names_before_and_after() -> None:
    placeholders = Placeholders()
    before = placeholders.replace("personal", "Zoë Brückner")
    placeholders.take_news()

    search = placeholders.search("ZOE brück")
    told = placeholders.take_news()
    after = placeholders.replace("personal", "Brückler")

    assert told[search]["words"] == ["w1", "w2"]
    assert told[before]["has"] == ["w1", "w2"]
    assert placeholders.take_news()[after]["has"] == ["w2"]
    assert placeholders.search("ZOE brück") == search


def test_a_search_is_no_name_that_reads_the_same() -> None:
    placeholders = Placeholders()

    assert placeholders.search("Ada") != placeholders.replace("personal", "Ada")


def test_a_full_name_is_told_by_its_parts() -> None:
    placeholders = Placeholders()
    parts = [placeholders.replace("personal", name) for name in ("Ada Maria", "Byron")]
    placeholders.take_news()

    full = placeholders.replace("personal", "Ada Maria Byron")

    assert placeholders.take_news()[full]["parts"] == parts


def test_a_name_is_told_to_be_another_one_but_for_accents_and_case() -> None:
    placeholders = Placeholders()
    first = placeholders.replace("personal", "Müller")
    placeholders.take_news()

    other = placeholders.replace("personal", "MULLER")

    assert placeholders.take_news()[other]["same"] == first


def test_a_name_in_blanks_is_told_by_the_name() -> None:
    placeholders = Placeholders()

    known = placeholders.replace("personal", " Ada ")

    assert placeholders.take_news()[known]["of"] == placeholders.replace("personal", "Ada")


def test_every_digest_is_taken_out_for_one_of_a_name_tells_the_name() -> None:
    placeholders = Placeholders()
    digest, other = "ab" * 32, "cd" * 32

    assert placeholders.digests({"a": [digest, other], "b": digest, "c": "x" * 64, "d": 1}) == {
        "a": ["<digest:1>", "<digest:2>"],
        "b": "<digest:1>",
        "c": "x" * 64,
        "d": 1,
    }


@clause("transcript-no-secret")
def test_no_secret_stays_in_memory() -> None:
    table = Placeholders()

    table.replace("secret", "Quittenweg im Regen 7")
    table.replace("secret", {"pasword": "Quittenweg im Regen 7"})

    assert "Quittenweg" not in str(vars(table))


def test_more_values_than_can_be_told_apart_are_refused_and_known_ones_are_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("rpcbackend.transcripts.placeholders.LIMIT", 2)
    table = Placeholders()
    known = [table.replace("secret", "a"), table.replace("personal", "b")]

    with pytest.raises(TableFullError):
        table.replace("secret", "c")
    with pytest.raises(TableFullError):
        table.digests("ab" * 32)

    assert [table.replace("secret", "a"), table.replace("personal", "b")] == known
