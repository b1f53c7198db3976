"""Stand-ins do what the values did whose place they take."""

import re
from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as some

from rpcbackend.errors import UrlRefusedError
from rpcbackend.schema.students import CreateStudent
from rpcbackend.store.students import fold
from rpcbackend.transcripts.placeholders import GUARD, Placeholders, like_of
from rpcbackend.transcripts.stand_ins import StandIns
from tests.factories import an_id

MARKS = r"[\u0300-\u0309]{6}"
NAMES = some.lists(some.text("abcdeäÖß", min_size=1, max_size=4), min_size=1, max_size=8)


def made_of(values: list[str], searches: list[str] = []) -> tuple[list[Any], list[Any]]:  # noqa: B006 (read only)
    """Return the stand-ins of names and searches."""
    placeholders, stand_ins = Placeholders(), StandIns()
    known = [placeholders.replace("personal", value) for value in values]
    asked = [placeholders.search(text) for text in searches]
    for each, told in placeholders.take_news().items():
        stand_ins.learn(each, told)
    return (
        [stand_ins.make(each, "givenName") for each in known],
        [stand_ins.make(each, "text") for each in asked],
    )


@given(names=NAMES)
def test_they_are_equal_and_in_order_where_the_names_were(names: list[str]) -> None:
    made, _ = made_of(names)

    for name, stand_in in zip(names, made, strict=True):
        for other, its in zip(names, made, strict=True):
            assert (name.encode() < other.encode()) == (stand_in.encode() < its.encode())


@given(names=NAMES)
def test_namesakes_stay_namesakes(names: list[str]) -> None:
    names += [name.upper() for name in names]
    made, _ = made_of(names)

    for name, stand_in in zip(names, made, strict=True):
        for other, its in zip(names, made, strict=True):
            assert (fold(name) == fold(other)) == (fold(stand_in) == fold(its))


@given(names=NAMES, searches=NAMES)
def test_a_search_finds_whom_it_found(names: list[str], searches: list[str]) -> None:
    made, asked = made_of(names, searches)

    for text, its in zip(searches, asked, strict=True):
        for name, stand_in in zip(names, made, strict=True):
            found = all(word in fold(name) for word in fold(text).split())
            assert found == all(word in fold(stand_in) for word in fold(its).split())


@pytest.mark.parametrize(
    ("value", "is_like"),
    [
        ("ada@example.org", r"p\d{6}@example\.invalid"),
        ("+4915112345678", r"\+49\d{9}"),
        ("Ada", MARKS + r"P\d{6}"),
        (" Ada ", " " + MARKS + r"P\d{6} "),
        ("  ", r""),
        ("a\x00", r"\x07\d+"),
        ("A" * 99, MARKS + r"P\d{6}x{86}"),
        (f"{'a' * 90}@example.org", r"p\d{6}x{79}@example\.invalid"),
    ],
)
def test_they_have_the_form_of_what_they_stand_for(value: str, is_like: str) -> None:
    (made,), _ = made_of([value])

    assert re.fullmatch(is_like, made)
    assert len(value) <= 60 or len(made) == len(value)


def test_a_date_stands_for_a_date() -> None:
    (first, second), _ = made_of(["2001-02-28", "2007-12-10"])

    assert date.fromisoformat(first) < date.fromisoformat(second)


def test_they_are_taken_by_the_fields_that_took_the_values() -> None:
    values = ["Ada", "Byron", "2007-12-10", "ada@example.org", "+4915112345678"]
    made, _ = made_of(values, ["a", "ad", "b"])

    student = CreateStudent.model_validate(
        {
            "branchId": an_id("bra"),
            **dict(zip(["givenName", "familyName", "bornOn", "email", "phone"], made, strict=True)),
        }
    )

    assert student.given_name == made[0]


@pytest.mark.parametrize(
    ("value", "is_like"),
    [
        ("correct horse battery", r"[0-9a-f]{16} of nobody"),
        ("A" * 99, r"[0-9a-f]{16} of nobodyx{73}"),
        ("short", r"s1"),
        ("A" * 43, r"[\w-]{43}"),
        ("123456", r"000001"),
        ("", r""),
    ],
)
def test_secrets_have_stand_ins_too(value: str, is_like: str) -> None:
    placeholders, stand_ins = Placeholders(), StandIns()
    known = placeholders.replace("secret", value)
    stand_ins.learn(known, placeholders.take_news()[known])

    assert re.fullmatch(is_like, stand_ins.make(known, "password"))


@pytest.mark.parametrize(("value", "kind"), [(7, int), (0.5, float), ({"a": 1}, dict)])
def test_what_was_no_text_stays_none(value: Any, kind: type) -> None:
    placeholders, stand_ins = Placeholders(), StandIns()
    known = placeholders.replace("personal", value)
    stand_ins.learn(known, placeholders.take_news()[known])

    assert type(stand_ins.make(known, "phone")) is kind


def test_on_a_number_plate_there_is_no_room_for_words() -> None:
    placeholders, stand_ins = Placeholders(), StandIns()
    known = placeholders.replace("personal", "B-FS 101")
    placeholders.search("b")
    for each, told in placeholders.take_news().items():
        stand_ins.learn(each, told)

    assert len(stand_ins.make(known, "plate")) <= 20


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("https://example.org/hook", None),
        ("https://user@example.org/", "form"),
        ("http://example.org/", "scheme"),
        ("https://example.org:8080/", "port"),
        ("https://127.0.0.1/", "host"),
        (f"https://example.org/{'x' * 80}", None),
    ],
)
def test_an_address_is_one_that_is_refused_for_the_same_reason(
    url: str, reason: str | None
) -> None:
    first, second = made_of([url, f"{url}a"])[0]

    assert first != second
    assert [like_of("personal", each) for each in (url, first)] == ["url", "url"]
    assert (len(first) > 60) == (len(url) > 60)
    if reason is None:
        assert GUARD.check(first).host.endswith(".example.org")
        return
    with pytest.raises(UrlRefusedError) as refused:
        GUARD.check(first)
    assert refused.value.details == {"reason": reason}
