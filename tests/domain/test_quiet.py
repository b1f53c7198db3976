"""Quiet hours, in every zone and around every change of a clock."""

from datetime import UTC, datetime, time, timedelta
from functools import cache
from zoneinfo import available_timezones

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as some

from rpcbackend.domain.quiet import QuietHours, quiet_hours
from rpcbackend.domain.zones import zone_of
from rpcbackend.errors import ZoneUnknownError
from tests.clauses import clause
from tests.factories import at

NIGHT = quiet_hours("Europe/Berlin", "21:00", "08:00")
MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)


def _is_ours(name: str) -> bool:
    try:
        zone_of(name)
    except ZoneUnknownError:
        return False
    return True


ZONES = sorted(filter(_is_ours, available_timezones()))


@cache
def changes(zone: str) -> tuple[datetime, ...]:
    """Find the days from 2000 to 2037 at whose end the clock is another than at their beginning."""
    tz, day, found = zone_of(zone), datetime(2000, 1, 1, tzinfo=UTC), []
    while day.year < 2037:
        if day.astimezone(tz).utcoffset() != (day + DAY).astimezone(tz).utcoffset():
            found.append(day)
        day += DAY
    return tuple(found)


@some.composite
def instants(draw: some.DrawFn, zone: str) -> datetime:
    """Draw an instant, mostly from around a change of the clock."""
    days = changes(zone)
    if days and draw(some.sampled_from([True, True, True, False])):
        day = draw(some.sampled_from(days))
        return day + timedelta(minutes=draw(some.integers(-1_440, 2_880)))
    return datetime.fromtimestamp(draw(some.integers(0, 2_114_380_800)), UTC)


@some.composite
def cases(draw: some.DrawFn) -> tuple[QuietHours, datetime]:
    """Draw quiet hours of a zone, and an instant."""
    zone = draw(some.sampled_from(ZONES))
    clock = some.builds(time, some.integers(0, 23), some.sampled_from([0, 1, 29, 30, 59]))
    usual = some.just((time(21), time(8))) | some.just((time(23, 30), time(2, 30)))
    begins, ends = draw(usual | some.tuples(clock, clock))
    return QuietHours(zone, begins, ends), draw(instants(zone))


def wall(hours: QuietHours, when: datetime) -> time:
    return when.astimezone(zone_of(hours.zone)).time()


def is_within(hours: QuietHours, when: datetime) -> bool:
    """Tell by the minutes of the clock whether it is quiet: the second, plain rule."""
    minutes = [each.hour * 60 + each.minute for each in (hours.begins, hours.ends)]
    shown = wall(hours, when).hour * 60 + wall(hours, when).minute
    return (shown - minutes[0]) % 1_440 < (minutes[1] - minutes[0]) % 1_440


@clause("messages-quiet-hours")
@settings(max_examples=400)
@given(case=cases())
@example(case=(QuietHours("Pacific/Apia", time(21), time(8)), at("2011-12-30T08:30:00Z")))
@example(case=(QuietHours("Australia/Lord_Howe", time(1, 30), time(2)), at("2026-04-04T14:40:00Z")))
@example(case=(QuietHours("Africa/Cairo", time(23, 30), time(0, 30)), at("2026-04-23T21:45:00Z")))
def test_nothing_is_released_in_quiet_hours_nor_a_minute_later_than_needed(
    case: tuple[QuietHours, datetime],
) -> None:
    hours, wanted = case

    released = hours.release(wanted)

    assert released >= wanted
    assert not is_within(hours, released)
    minutes = int((released - wanted) / MINUTE)
    assert all(is_within(hours, wanted + minute * MINUTE) for minute in range(minutes))
    assert released == wanted or is_within(hours, released - timedelta(seconds=1))
    assert minutes <= 2 * 1_440


@settings(max_examples=400)
@given(case=cases())
def test_quiet_hours_began_where_all_is_quiet_since_and_a_second_before_is_not(
    case: tuple[QuietHours, datetime],
) -> None:
    hours, inside = case
    if not is_within(hours, inside):
        assert not hours.are_at(inside)
        return

    began = hours.began(inside)

    assert began <= inside
    assert not is_within(hours, began - timedelta(seconds=1))
    minutes = int((inside - began) / MINUTE)
    assert all(is_within(hours, began + minute * MINUTE) for minute in range(minutes + 1))


@pytest.mark.parametrize(
    ("wanted", "released"),
    [
        ("2026-11-24T12:00:00Z", "2026-11-24T12:00:00Z"),
        ("2026-11-24T19:59:59Z", "2026-11-24T19:59:59Z"),
        ("2026-11-24T20:00:00Z", "2026-11-25T07:00:00Z"),
        ("2026-11-25T03:00:00Z", "2026-11-25T07:00:00Z"),
        ("2026-11-25T07:00:00Z", "2026-11-25T07:00:00Z"),
        ("2026-03-28T22:00:00Z", "2026-03-29T06:00:00Z"),
        ("2026-10-24T22:00:00Z", "2026-10-25T07:00:00Z"),
    ],
    ids=[
        *("by day", "a second before", "at the beginning", "in the night", "at the end"),
        *("into summer time", "out of it"),
    ],
)
def test_the_night_of_berlin_ends_at_eight_by_its_clock(wanted: str, released: str) -> None:
    assert NIGHT.release(at(wanted)) == at(released)


def test_an_end_that_the_clock_skips_is_where_it_skips_it() -> None:
    """On 29 March 2026 Berlin has no 02:30; at 03:00 it is over."""
    hours = quiet_hours("Europe/Berlin", "22:00", "02:30")

    assert hours.release(at("2026-03-29T00:30:00Z")) == at("2026-03-29T01:00:00Z")


def test_hours_that_the_clock_shows_twice_are_quiet_twice() -> None:
    """On 25 October 2026 Berlin has 02:00 to 03:00 twice."""
    hours = quiet_hours("Europe/Berlin", "02:15", "02:45")

    assert hours.release(at("2026-10-25T00:20:00Z")) == at("2026-10-25T00:45:00Z")
    assert hours.release(at("2026-10-25T01:20:00Z")) == at("2026-10-25T01:45:00Z")


def test_hours_that_end_when_they_begin_are_none() -> None:
    hours = quiet_hours("Europe/Berlin", "21:00", "21:00")

    assert hours.release(at("2026-11-24T20:00:00Z")) == at("2026-11-24T20:00:00Z")
