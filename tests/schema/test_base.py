"""The types that all wire models share: what they take, what they refuse, what they write."""

from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as some
from pydantic import TypeAdapter, ValidationError

from rpcbackend.schema.base import (
    MAX_SAFE_INTEGER,
    CivilDate,
    Currency,
    Email,
    Empty,
    Flag,
    Instant,
    Integer,
    Limit,
    LocalSpan,
    Name,
    NoParams,
    Note,
    Params,
    Phone,
    StudentId,
    Version,
    WireModel,
    Zone,
    format_instant,
)
from tests.factories import an_id


class Example(WireModel):
    """A model with a name of two words."""

    some_name: int


class ExampleParams(Params):
    """Params with a name of two words."""

    some_name: int


def takes(kind: Any, value: object) -> bool:
    """Tell whether a value fits a type."""
    try:
        TypeAdapter(kind).validate_python(value)
    except ValidationError:
        return False
    return True


@pytest.mark.parametrize(
    "text",
    [
        "2026-11-23T09:00:00Z",
        "2026-11-23T09:00Z",
        "2026-11-23T09:00:00.5Z",
        "2026-11-23T09:00:00.123456Z",
        "2024-02-29T23:59:59Z",
        "1970-01-01T00:00:00Z",
    ],
)
def test_an_instant_is_rfc_3339_in_utc(text: str) -> None:
    read = TypeAdapter(Instant).validate_python(text)

    assert read == datetime.fromisoformat(text)
    assert read.utcoffset() == timedelta(0)


@pytest.mark.parametrize(
    "value",
    [
        "2026-11-23T09:00:00",
        "2026-11-23T09:00:00+00:00",
        "2026-11-23T10:00:00+01:00",
        "2026-11-23 09:00:00Z",
        "2026-11-23t09:00:00z",
        "2026-11-23",
        "2026-11-23T24:00:00Z",
        "2026-11-23T09:00:60Z",
        "2026-11-23T09:60:00Z",
        "2026-02-30T09:00:00Z",
        "2026-13-01T09:00:00Z",
        "2026-11-23T09:00:00.1234567Z",
        "0000-01-01T00:00:00Z",
        "0999-12-31T23:59:59Z",
        "3000-01-01T00:00:00Z",
        "9999-12-31T23:59:59Z",
        "٢٠٢٦-11-23T09:00:00Z",
        "2026-11-23T09:00:00Z\n",
        " 2026-11-23T09:00:00Z",
        "now",
        "",
        1_795_424_400,
        1_795_424_400.0,
        None,
        True,
    ],
    ids=repr,
)
def test_what_is_no_instant_is_refused(value: object) -> None:
    assert not takes(Instant, value)


@given(at=some.datetimes(datetime(1000, 1, 1), datetime(2999, 12, 31), timezones=some.just(UTC)))  # noqa: DTZ001 (hypothesis wants it so)
def test_an_instant_is_read_back_as_it_was_written(at: datetime) -> None:
    whole = at.replace(microsecond=at.microsecond // 1_000 * 1_000)

    assert TypeAdapter(Instant).validate_python(format_instant(whole)) == whole


@pytest.mark.parametrize(
    ("at", "text"),
    [
        (datetime(2026, 11, 23, 9, 0, tzinfo=UTC), "2026-11-23T09:00:00Z"),
        (datetime(2026, 11, 23, 9, 0, 0, 5_000, tzinfo=UTC), "2026-11-23T09:00:00.005Z"),
        (
            datetime(2026, 11, 23, 10, 0, tzinfo=timezone(timedelta(hours=1))),
            "2026-11-23T09:00:00Z",
        ),
    ],
)
def test_an_instant_is_written_in_utc_with_milliseconds_only_where_there_are_any(
    at: datetime, text: str
) -> None:
    assert format_instant(at) == text
    assert TypeAdapter(Instant).dump_python(at) == text


@given(on=some.dates())
def test_a_date_is_read_back_as_it_was_written(on: date) -> None:
    assert TypeAdapter(CivilDate).validate_python(on.isoformat()) == on
    assert TypeAdapter(CivilDate).validate_python(on) == on


@pytest.mark.parametrize(
    "value",
    [
        "2026-02-29",
        "2026-1-1",
        "20260101",
        "2026-01-01T00:00:00",
        "٢٠٢٦-01-01",
        "2026-01-01\n",
        1_795_424_400,
        datetime(2026, 11, 23, tzinfo=UTC),
        None,
    ],
    ids=repr,
)
def test_what_is_no_date_is_refused(value: object) -> None:
    assert not takes(CivilDate, value)


@pytest.mark.parametrize(
    ("kind", "good", "bad"),
    [
        (
            Integer,
            [0, -1, MAX_SAFE_INTEGER, -MAX_SAFE_INTEGER],
            [1.0, "1", True, None, MAX_SAFE_INTEGER + 1, -MAX_SAFE_INTEGER - 1],
        ),
        (Flag, [True, False], [0, 1, "true", None]),
        (Name, ["Ada", " Ada ", "عائشة", "O'Neil", "x" * 200], ["", "  ", "x" * 201, "a\0b", 7]),
        (Name, ["a\tb", "👩‍🚀"], ["a\x1bb", "a\x7fb", "a\rb"]),
        (Note, ["", "line\nline", "x" * 5_000], ["x" * 5_001, "\x00", "\x1b[31m"]),
        (Email, ["a@b", "ä@ö.example"], ["", "a", "a@", "@b", "a@b@c", "a b@c", "a@b\n"]),
        (Phone, ["+4930123456", "+998901234567"], ["030123456", "+0301234567", "+49 30", "+1"]),
        (Zone, ["Europe/Berlin", "Etc/GMT+5", "UTC"], ["", "../UTC", "a b", "x" * 65]),
        (Currency, ["EUR"], ["eur", "EU", "EURO", "€"]),
        (Version, [1, MAX_SAFE_INTEGER], [0, -1]),
        (Limit, [1, 200], [0, 201]),
        (
            StudentId,
            [an_id("stu")],
            [
                "stu_7",
                an_id("ins"),
                an_id("stu").upper(),
                an_id("stu") + "0",
                an_id("stu") + "\n",
                an_id("stu").replace("7000", "4000"),
                an_id("stu").replace("8000", "0000"),
            ],
        ),
    ],
)
def test_a_type_takes_what_is_good_and_refuses_what_is_bad(
    kind: Any, good: list[object], bad: list[object]
) -> None:
    assert [value for value in good if not takes(kind, value)] == []
    assert [value for value in bad if takes(kind, value)] == []


def test_a_name_loses_the_blanks_around_it() -> None:
    assert TypeAdapter(Name).validate_python("  Ada  Byron ") == "Ada  Byron"


def test_a_model_reads_both_names_and_writes_the_wire_name() -> None:
    assert Example(some_name=1) == Example.model_validate({"someName": 1})
    assert Example(some_name=1).model_dump() == {"someName": 1}
    assert Example(some_name=1).model_dump_json() == '{"someName":1}'


def test_params_read_the_wire_name_only() -> None:
    assert ExampleParams.model_validate({"someName": 1}).some_name == 1
    with pytest.raises(ValidationError):
        ExampleParams.model_validate({"some_name": 1})


@pytest.mark.parametrize("model", [Example, ExampleParams])
def test_unknown_names_are_refused_and_their_values_not_repeated(model: type[WireModel]) -> None:
    with pytest.raises(ValidationError) as refused:
        model.model_validate({"someName": "secret", "more": "secret"})

    assert "secret" not in str(refused.value)
    assert {error["loc"] for error in refused.value.errors()} == {("someName",), ("more",)}


def test_a_model_cannot_be_changed() -> None:
    with pytest.raises(ValidationError):
        Example(some_name=1).some_name = 2  # type: ignore[misc]  # what the test is about


def test_nothing_is_the_empty_object() -> None:
    assert Empty().model_dump_json() == "{}"
    assert NoParams.model_validate({}) == NoParams()
    assert not takes(NoParams, {"a": 1})


@pytest.mark.parametrize("text", ["2026-11-24T10:00:00", "2026-11-24 10:00", "2026-11-24T10:00Z"])
def test_a_local_time_has_minutes_and_no_offset(text: str) -> None:
    assert takes(LocalSpan, {"start": "2026-11-24T10:00", "end": "2026-11-24T11:30"})
    assert not takes(LocalSpan, {"start": text, "end": "2026-11-24T11:30"})
