"""When a schedule is due, on any wall clock, whatever was missed."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rpcbackend.domain.schedules import BUILT_IN, believed, check_cron, due_at, next_run, shown
from rpcbackend.errors import InvalidParamsError
from rpcbackend.schema.schedules import ScheduleName, StoredSchedule
from tests.factories import at

NOW = at("2026-11-23T08:00:00Z")
DAY = timedelta(days=1)

ZONES = sorted(
    zone for zone in available_timezones() if not zone.startswith(("posix/", "right/", "localtime"))
)
INSTANTS = st.datetimes(
    min_value=datetime(1990, 1, 1),  # noqa: DTZ001 (hypothesis adds the zone)
    max_value=datetime(2037, 1, 1),  # noqa: DTZ001 (as above)
    timezones=st.just(UTC),
)
DAILY = st.builds("{} {} * * *".format, st.integers(0, 59), st.integers(0, 23))


@pytest.mark.parametrize(
    ("cron", "zone", "after", "due"),
    [
        ("0 0 * * *", "UTC", "2026-11-23T08:00:00Z", "2026-11-24T00:00:00Z"),
        ("0 0 * * *", "Europe/Berlin", "2026-11-23T08:00:00Z", "2026-11-23T23:00:00Z"),
        ("0 0 * * *", "UTC", "2026-11-24T00:00:00Z", "2026-11-25T00:00:00Z"),
        ("0 4 * * SUN", "UTC", "2026-11-23T08:00:00Z", "2026-11-29T04:00:00Z"),
        ("30 2 * * *", "Europe/Berlin", "2026-03-28T12:00:00Z", "2026-03-29T01:00:00Z"),
        ("30 2 * * *", "Europe/Berlin", "2026-10-24T12:00:00Z", "2026-10-25T00:30:00Z"),
        ("30 2 * * *", "Europe/Berlin", "2026-10-25T00:30:00Z", "2026-10-26T01:30:00Z"),
        ("30 2 * * *", "Europe/Berlin", "2026-10-25T01:10:00Z", "2026-10-26T01:30:00Z"),
        ("0 0 * * *", "Asia/Beirut", "2026-03-28T12:00:00Z", "2026-03-28T22:00:00Z"),
        ("*/30 * * * *", "Europe/Berlin", "2026-10-25T00:30:00Z", "2026-10-25T01:00:00Z"),
        ("*/30 * * * *", "Europe/Berlin", "2026-10-25T01:00:00Z", "2026-10-25T01:30:00Z"),
        ("0 0 29 2 *", "UTC", "2026-11-23T08:00:00Z", "2028-02-29T00:00:00Z"),
    ],
    ids=[
        "midnight",
        "on a wall clock",
        "what is due now is over",
        "once a week",
        "in a gap",
        "comes twice: the first time",
        "comes twice: not the second",
        "comes twice: nor in between",
        "no midnight",
        "hours that pass",
        "hours that pass, the second time",
        "a leap day",
    ],
)
def test_when_an_expression_is_due_next(cron: str, zone: str, after: str, due: str) -> None:
    assert next_run(cron, zone, at(after)) == at(due)


@pytest.mark.parametrize(
    "cron",
    [
        "0 0 30 2 *",
        "* * * *",
        "0 0 0 * * *",
        "60 * * * *",
        "nonsense here and there too",
        "a b c d e",
    ],
)
def test_what_cannot_be_read_or_never_is_due_is_refused(cron: str) -> None:
    with pytest.raises(InvalidParamsError) as refused:
        check_cron(cron)

    assert refused.value.details == {"errors": [{"path": "cron", "rule": "cron"}]}
    assert next_run(cron, "UTC", NOW) is None


def test_at_the_end_of_the_calendar_nothing_is_due_any_more() -> None:
    assert next_run("0 0 1 1 *", "UTC", datetime(9999, 6, 1, tzinfo=UTC)) is None


@pytest.mark.parametrize("built_in", BUILT_IN.values(), ids=list(BUILT_IN))
def test_the_program_s_own_can_be_read(built_in: object) -> None:
    check_cron(getattr(built_in, "cron", ""))


@given(cron=DAILY, zone=st.sampled_from(ZONES), after=INSTANTS)
def test_a_time_of_day_is_due_once_on_each_date(cron: str, zone: str, after: datetime) -> None:
    """Whatever the clock skips or says twice; a date that does not exist is made up for."""
    runs = [after]
    for _ in range(4):
        run = next_run(cron, zone, runs[-1])
        assert run is not None
        runs.append(run)

    assert runs == sorted(set(runs))
    dates = [run.astimezone(ZoneInfo(zone)).date() for run in runs[1:]]
    skipped = (dates[-1] - dates[0]).days + 1 - len(set(dates))
    assert len(dates) - len(set(dates)) == skipped
    assert skipped <= 1


@given(zone=st.sampled_from(ZONES), after=INSTANTS, minutes=st.integers(0, 60 * 48))
def test_what_was_seen_to_is_not_due_again_until_its_next_time(
    zone: str, after: datetime, minutes: int
) -> None:
    """Also when the clock is read again later, or was set back a little."""
    seen = next_run("30 2 * * *", zone, after)
    assert seen is not None
    stored = StoredSchedule(id=ScheduleName.UPKEEP, cron="30 2 * * *", seen_at=seen)
    now = seen + timedelta(minutes=minutes - 60)

    due = due_at(stored, zone, now)

    assert due is not None
    assert due > seen
    assert (due <= now) == (minutes - 60 >= (due - seen) / timedelta(minutes=1))


@given(zone=st.sampled_from(ZONES), now=INSTANTS, days=st.integers(1, 3_000))
def test_whatever_was_missed_is_due_once(zone: str, now: datetime, days: int) -> None:
    seen = now - days * DAY
    stored = StoredSchedule(id=ScheduleName.BACKUP, seen_at=seen)

    due = due_at(stored, zone, now)
    again = due_at(stored.model_copy(update={"seen_at": now}), zone, now)

    assert due is not None
    assert due <= now or days == 1
    assert again is not None
    assert again > now


def test_a_clock_that_was_wrong_by_far_is_not_believed() -> None:
    daily = ("0 0 * * *", "UTC")

    assert believed(*daily, NOW - DAY, NOW) == NOW - DAY
    assert believed(*daily, NOW + DAY, NOW) == NOW + DAY
    assert believed(*daily, NOW + 2 * DAY, NOW) == NOW


def test_one_that_is_off_is_never_due_and_one_that_never_ran_is_due_now() -> None:
    never = StoredSchedule(id=ScheduleName.CHECK)

    assert due_at(never, "UTC", NOW) == NOW
    assert due_at(never.model_copy(update={"is_enabled": False}), "UTC", NOW) is None


def test_a_schedule_is_told_with_its_own_zone_or_the_school_s() -> None:
    stored = StoredSchedule(id=ScheduleName.BACKUP, seen_at=NOW)

    here, there = [
        shown(stored.model_copy(update={"zone": zone}), "UTC", NOW).next_at
        for zone in (None, "Pacific/Auckland")
    ]

    assert here == at("2026-11-24T00:00:00Z")
    assert there == at("2026-11-23T11:00:00Z")
