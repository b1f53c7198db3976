"""A zone as VTIMEZONE says at each instant what the tz database says."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rpcbackend.domain.timezones import timezone_lines
from tests.domain.ical import Component, read

ZONES = sorted(
    zone for zone in available_timezones() if not zone.startswith(("posix/", "right/", "localtime"))
)


def component(zone: str, first: int, last: int) -> Component:
    lines = ["BEGIN:VCALENDAR", *timezone_lines(zone, first, last), "END:VCALENDAR", ""]
    [timezone] = read("\r\n".join(lines)).parts
    return timezone


def offset(written: str) -> timedelta:
    digits = written[1:].ljust(6, "0")
    hours, minutes, seconds = (int(digits[place : place + 2]) for place in (0, 2, 4))
    amount = timedelta(hours=hours, minutes=minutes, seconds=seconds)
    return -amount if written[0] == "-" else amount


def offset_at(timezone: Component, at: datetime) -> timedelta:
    """Return the offset as RFC 5545, section 3.6.5, has it: of the last one that has begun."""
    begun = [
        (start, offset(part.values["TZOFFSETTO"]))
        for part in timezone.parts
        if (start := _start_of(part)) <= at
    ]
    return max(begun)[1]


def _start_of(part: Component) -> datetime:
    wall = datetime.strptime(part.values["DTSTART"], "%Y%m%dT%H%M%S").replace(tzinfo=UTC)
    return wall - offset(part.values["TZOFFSETFROM"])


def test_a_change_begins_on_the_wall_clock_of_before() -> None:
    parts = component("Europe/Berlin", 2026, 2026).parts

    assert [
        (part.kind, part.values["DTSTART"], part.values["TZOFFSETTO"], part.values["TZNAME"])
        for part in parts
    ] == [
        ("STANDARD", "20251231T010000", "+0100", "CET"),
        ("DAYLIGHT", "20260329T020000", "+0200", "CEST"),
        ("STANDARD", "20261025T030000", "+0100", "CET"),
    ]


def test_utc_needs_none() -> None:
    assert timezone_lines("UTC", 2026, 2027) == ()


@pytest.mark.parametrize("zone", ["Africa/Monrovia", "Asia/Kathmandu"])
def test_offsets_that_are_no_whole_hours_are_written_out(zone: str) -> None:
    [first, *_] = component(zone, 1971, 1973).parts

    assert first.values["TZOFFSETTO"] in ("-004430", "+0530")


@given(
    zone=st.sampled_from(ZONES),
    at=st.datetimes(
        datetime(1995, 1, 1),  # noqa: DTZ001 (hypothesis adds the zone)
        datetime(2036, 12, 31),  # noqa: DTZ001 (as above)
        timezones=st.just(UTC),
    ),
    years=st.integers(0, 2),
)
def test_at_each_instant_it_says_what_the_database_says(
    zone: str, at: datetime, years: int
) -> None:
    local = at.astimezone(ZoneInfo(zone))
    if zone == "UTC":
        return

    timezone = component(zone, local.year - years, local.year)

    assert offset_at(timezone, at) == local.utcoffset()
