"""Texts with places: what is filled, what is refused, and what a value cannot do."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as some

from rpcbackend.domain.wording import fill, fill_line, fill_text, marks_in, places_in, unknown_in
from tests.clauses import clause
from tests.entities import TEXTS

KNOWN = ("givenName", "time")
ANYTHING = some.text(
    some.characters(exclude_categories=["Cs"])
    | some.sampled_from("\r\n\t\0\x0b\x0c\x1c\x85\u2028\u2029{}$%")
)


def test_values_stand_in_their_places() -> None:
    assert fill("{givenName}, {time}; {givenName}", {"givenName": "Ada", "time": "9"}) == (
        "Ada, 9; Ada"
    )


@pytest.mark.parametrize(
    ("text", "unknown"),
    [
        ("{givenName} at {time}", []),
        ("{givenname}", ["givenname"]),
        ("{givenName.__class__}", ["{…}"]),
        ("{givenName!r} {0} {}", ["{…}"]),
        ("{time:>99999999}", ["{…}"]),
        ("{ givenName }", ["{…}"]),
        ("{Liebe Frau Beispiel,} {given_name}", ["given_name", "{…}"]),
        ("{" + "x" * 41 + "}{" + "x" * 40 + "}", ["x" * 40, "{…}"]),
        ("{{givenName}}", ["{", "}"]),
        ("{givenName", ["{"]),
        ("time}", ["}"]),
        ("$givenName %(time)s ${time", ["{"]),
    ],
)
def test_what_is_no_place_is_named(text: str, unknown: list[str]) -> None:
    assert unknown_in(text, KNOWN) == unknown


@given(value=ANYTHING)
def test_what_looks_like_a_place_in_a_value_stays_as_it_is(value: str) -> None:
    assert fill("a{givenName}b", {"givenName": value, "time": "9"}) == f"a{value}b"


@clause("messages-one-line-subject")
@given(template=ANYTHING, values=some.dictionaries(some.sampled_from(KNOWN), ANYTHING))
def test_a_line_is_one_line_whatever_stands_in_it(template: str, values: dict[str, str]) -> None:
    line = fill_line(template, values, 60)

    assert line.splitlines() in ([line], [])
    assert not re.search(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]", line)
    assert len(line) <= 60


@given(template=ANYTHING, values=some.dictionaries(some.sampled_from(KNOWN), ANYTHING))
def test_a_text_keeps_its_lines_and_no_other_control_character(
    template: str, values: dict[str, str]
) -> None:
    text = fill_text(template, values, 60)

    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]", text)
    assert len(text) <= 60


def test_lines_end_as_they_do_here() -> None:
    assert fill_text(" a\r\nb\rc\n{x}\n", {"x": "1\r\n2"}, 60) == "a\nb\nc\n1\n2"


def test_what_is_too_long_is_cut_and_shows_it() -> None:
    assert fill_text("{x}", {"x": "word " * 5}, 12) == "word word w…"
    assert fill_line("{x}", {"x": "word " * 5}, 11) == "word word…"


@given(text=TEXTS)
def test_places_are_all_that_stands_in_braces(text: str) -> None:
    assert places_in(text) == {found[1:-1] for found in re.findall(r"\{[^{}]*\}", text)}


def test_the_marks_of_a_text_tell_places_and_braces_and_nobodys_words() -> None:
    assert marks_in("Hallo {name}, { Ada }: {time} } {") == ["{name}", "{time}", "{…}", "}", "{"]
