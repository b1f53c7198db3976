"""Wall clocks on the days on which they jump (the vectors of domain section 4.2)."""

from datetime import time

import pytest

from rpcbackend.domain.zones import local_hours, local_hours_between, local_span, zone_of
from rpcbackend.errors import ZoneUnknownError
from rpcbackend.schema.base import LocalSpan
from tests.factories import at


@pytest.mark.parametrize(
    ("start", "end", "zone", "local"),
    [
        ("2026-11-24T09:00Z", "2026-11-24T10:30Z", "Europe/Berlin", ("11-24T10:00", "11-24T11:30")),
        ("2026-07-01T09:00Z", "2026-07-01T10:30Z", "Europe/Berlin", ("07-01T11:00", "07-01T12:30")),
        # The clock jumps from 2:00 to 3:00: one hour lasts two on the wall.
        ("2026-03-29T00:30Z", "2026-03-29T01:30Z", "Europe/Berlin", ("03-29T01:30", "03-29T03:30")),
        ("2026-03-29T01:00Z", "2026-03-29T01:30Z", "Europe/Berlin", ("03-29T03:00", "03-29T03:30")),
        # It falls from 3:00 to 2:00: one hour lasts none, and both instants read 2:30.
        ("2026-10-25T00:30Z", "2026-10-25T01:30Z", "Europe/Berlin", ("10-25T02:30", "10-25T02:30")),
        ("2026-10-25T00:00Z", "2026-10-25T02:00Z", "Europe/Berlin", ("10-25T02:00", "10-25T03:00")),
        ("2026-03-29T01:30Z", "2026-03-29T02:00Z", "Europe/London", ("03-29T02:30", "03-29T03:00")),
        (
            "2026-11-01T05:30Z",
            "2026-11-01T06:30Z",
            "America/New_York",
            ("11-01T01:30", "11-01T01:30"),
        ),
        # Half an hour only, and on the day before in UTC.
        (
            "2026-04-04T14:45Z",
            "2026-04-04T15:15Z",
            "Australia/Lord_Howe",
            ("04-05T01:45", "04-05T01:45"),
        ),
        ("2026-11-24T09:00Z", "2026-11-24T10:00Z", "Asia/Kolkata", ("11-24T14:30", "11-24T15:30")),
        ("2026-11-24T20:00Z", "2026-11-24T21:30Z", "Asia/Tokyo", ("11-25T05:00", "11-25T06:30")),
    ],
)
def test_a_span_reads_as_the_clock_on_the_wall_shows_it(
    start: str, end: str, zone: str, local: tuple[str, str]
) -> None:
    expected = LocalSpan(start=f"2026-{local[0]}", end=f"2026-{local[1]}")

    assert local_span(at(start), at(end), zone) == expected


@pytest.mark.parametrize(
    ("on", "zone", "opens", "closes"),
    [
        ("2026-11-24T09:00Z", "Europe/Berlin", "2026-11-24T06:00Z", "2026-11-24T20:00Z"),
        ("2026-07-01T09:00Z", "Europe/Berlin", "2026-07-01T05:00Z", "2026-07-01T19:00Z"),
        ("2026-03-29T09:00Z", "Europe/Berlin", "2026-03-29T05:00Z", "2026-03-29T19:00Z"),
        ("2026-10-25T09:00Z", "Europe/Berlin", "2026-10-25T06:00Z", "2026-10-25T20:00Z"),
        # Half past midnight over there is still the day before in UTC.
        ("2026-11-23T15:30Z", "Asia/Tokyo", "2026-11-23T22:00Z", "2026-11-24T12:00Z"),
        ("2026-11-25T03:30Z", "America/New_York", "2026-11-24T12:00Z", "2026-11-25T02:00Z"),
    ],
)
def test_opening_hours_are_those_of_the_local_day(
    on: str, zone: str, opens: str, closes: str
) -> None:
    assert local_hours(at(on), zone, time(7), time(21)) == (at(opens), at(closes))


@pytest.mark.parametrize(
    ("start", "end", "zone", "openings"),
    [
        ("2026-11-24T09:00Z", "2026-11-24T09:01Z", "Europe/Berlin", ["11-24T06:00"]),
        # The clock jumps on the 29th, and 7:00 comes an hour earlier.
        (
            "2026-03-28T12:00Z",
            "2026-03-30T04:00Z",
            "Europe/Berlin",
            ["03-28T06:00", "03-29T05:00", "03-30T05:00"],
        ),
        # Midnight over there is at 15:00 in UTC.
        ("2026-11-24T14:59Z", "2026-11-24T15:00Z", "Asia/Tokyo", ["11-23T22:00", "11-24T22:00"]),
    ],
)
def test_each_local_date_of_a_span_has_its_opening_hours(
    start: str, end: str, zone: str, openings: list[str]
) -> None:
    hours = list(local_hours_between(at(start), at(end), zone, time(7), time(21)))

    assert [opens for opens, _ in hours] == [at(f"2026-{one}Z") for one in openings]
    assert {(closes - opens).total_seconds() / 3_600 for opens, closes in hours} == {14}


def test_a_date_that_the_clock_skipped_has_no_opening_hours() -> None:
    """Rule T4: 2011-12-30 does not exist in Apia."""
    hours = local_hours_between(
        at("2011-12-29T20:00Z"), at("2011-12-31T20:00Z"), "Pacific/Apia", time(7), time(21)
    )

    assert [opens for opens, _ in hours] == [
        at(f"2011-12-{one}:00Z") for one in ("29T17", "30T17", "31T17")
    ]


def test_an_hour_that_the_clock_skips_begins_as_much_later() -> None:
    """Rule T3, policy shift: 2:30 does not exist on this day in Berlin and becomes 3:30."""
    skipped = local_hours(at("2026-03-29T09:00Z"), "Europe/Berlin", time(2, 30), time(21))

    assert skipped == (at("2026-03-29T01:30Z"), at("2026-03-29T19:00Z"))


@pytest.mark.parametrize(
    "name",
    [
        "Europe/Atlantis",
        "Europe",
        "",
        "/etc/localtime",
        "../zoneinfo/UTC",
        "localtime",
        "posix/Europe/Berlin",
        "posixrules",
        "right/Europe/Berlin",
        "Europe/Berlin\0",
    ],
)
def test_a_zone_that_the_tz_database_does_not_know_is_refused(name: str) -> None:
    with pytest.raises(ZoneUnknownError):
        zone_of(name)


@pytest.mark.parametrize("name", ["Europe/Berlin", "UTC", "Etc/GMT+5", "America/Port-au-Prince"])
def test_a_zone_of_the_tz_database_is_found(name: str) -> None:
    assert zone_of(name).key == name
