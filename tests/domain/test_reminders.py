"""When a student is reminded."""

from datetime import datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from rpcbackend.domain.quiet import QuietHours, quiet_hours
from rpcbackend.domain.reminders import AHEAD_OF_QUIET, OF_USE, reminder_at
from tests.clauses import clause
from tests.domain.test_quiet import cases
from tests.factories import at

NIGHT = quiet_hours("Europe/Berlin", "21:00", "08:00")
DAY = timedelta(days=1)


@pytest.mark.parametrize(
    ("starts_at", "now", "expected"),
    [
        ("2026-11-24T09:00:00Z", "2026-11-20T08:00:00Z", "2026-11-23T09:00:00Z"),
        ("2026-11-24T09:00:00Z", "2026-11-23T12:00:00Z", "2026-11-23T12:00:00Z"),
        ("2026-11-24T20:30:00Z", "2026-11-20T08:00:00Z", "2026-11-24T07:00:00Z"),
        ("2026-11-24T06:30:00Z", "2026-11-20T08:00:00Z", "2026-11-23T07:00:00Z"),
        ("2026-11-24T09:00:00Z", "2026-11-23T21:30:00Z", "2026-11-24T07:00:00Z"),
        ("2026-11-24T07:30:00Z", "2026-11-23T21:30:00Z", "2026-11-24T07:00:00Z"),
        ("2026-11-24T06:30:00Z", "2026-11-23T21:30:00Z", None),
        ("2026-11-24T06:30:00Z", "2026-11-23T19:58:00Z", "2026-11-23T19:58:00Z"),
    ],
    ids=[
        "a day before",
        "at once if that is over",
        "in the morning if it is quiet",
        "in the morning of the day before",
        "in the morning if it was booked at night",
        "late if that is all that can be",
        "not at all if it is quiet until after the start",
        "at once if it is quiet soon",
    ],
)
def test_a_reminder_goes_when_it_is_of_use(starts_at: str, now: str, expected: str | None) -> None:
    found = reminder_at(at(starts_at), DAY, NIGHT, at(now))

    assert found == (at(expected) if expected else None)


def test_what_would_come_after_the_start_goes_before_the_quiet_hours() -> None:
    """Two hours before a lesson at 07:00 it is quiet, and so it is until 08:00."""
    starts_at, now = at("2026-11-24T06:00:00Z"), at("2026-11-20T08:00:00Z")

    found = reminder_at(starts_at, timedelta(hours=2), NIGHT, now)

    assert found == at("2026-11-23T20:00:00Z") - AHEAD_OF_QUIET


def test_no_lead_is_no_reminder() -> None:
    assert (
        reminder_at(at("2026-11-24T09:00:00Z"), timedelta(0), NIGHT, at("2026-11-20T08:00:00Z"))
        is None
    )


@clause("messages-quiet-hours")
@settings(max_examples=400)
@given(
    case=cases(),
    ahead=some.integers(1, 20 * 1_440),
    lead=some.integers(1, 14 * 1_440),
)
def test_a_reminder_is_never_in_quiet_hours_nor_before_now_nor_after_the_start(
    case: tuple[QuietHours, datetime], ahead: int, lead: int
) -> None:
    hours, now = case
    starts_at, before = now + timedelta(minutes=ahead), timedelta(minutes=lead)
    wanted = max(starts_at - before, now)

    found = reminder_at(starts_at, before, hours, now)

    if found is None:
        assert hours.release(wanted) >= starts_at
        assert hours.release(now) >= hours.began(wanted)
        return
    assert now <= found < starts_at
    assert not hours.are_at(found)
    if found >= wanted:
        assert found == hours.release(wanted)
    else:
        assert hours.are_at(wanted)
        assert hours.release(wanted) > starts_at - OF_USE
        assert found < hours.began(wanted)
