"""Chance and time that repeat themselves."""

from datetime import UTC, date, datetime, timedelta

import pytest

from rpcbackend.demo.chance import Period, Stamps, between, make_period, moment, monday_of, pick
from rpcbackend.testing import FrozenClock
from tests.demo.schools import seeded


@pytest.mark.parametrize(
    ("now", "monday"),
    [
        (datetime(2026, 11, 23, 8, tzinfo=UTC), date(2026, 11, 23)),
        (datetime(2026, 11, 29, 22, 59, tzinfo=UTC), date(2026, 11, 23)),
        (datetime(2026, 11, 29, 23, 0, tzinfo=UTC), date(2026, 11, 30)),
    ],
    ids=["on Monday", "late on Sunday", "when it is Monday in Berlin"],
)
def test_the_week_begins_on_monday_at_the_school(now: datetime, monday: date) -> None:
    assert monday_of(FrozenClock(now)) == monday


def test_the_period_has_years_behind_and_weeks_ahead() -> None:
    period = make_period(date(2026, 11, 23), 2)

    assert (period, period.days_open, period.now) == (
        Period(date(2024, 11, 25), date(2026, 11, 23), date(2027, 1, 18)),
        728,
        datetime(2026, 11, 22, 23, tzinfo=UTC),
    )


def test_a_moment_is_what_the_local_clock_shows_in_summer_and_winter() -> None:
    assert [moment(date(2026, 7, 1), 600), moment(date(2026, 12, 1), 600)] == [
        datetime(2026, 7, 1, 8, tzinfo=UTC),
        datetime(2026, 12, 1, 9, tzinfo=UTC),
    ]


def test_between_is_a_whole_second_within() -> None:
    start = datetime(2026, 11, 23, 8, tzinfo=UTC)
    bits = seeded()

    found = [between(start, start + timedelta(minutes=1), bits) for _ in range(200)]

    assert all(start <= each < start + timedelta(minutes=1) for each in found)
    assert {each.microsecond for each in found} == {0}


def test_what_weighs_nothing_is_never_picked() -> None:
    bits = seeded()

    assert {pick({"yes": 0.1, "no": 0.0}, bits) for _ in range(200)} == {"yes"}


def test_ids_tell_their_time_and_rise() -> None:
    stamps = Stamps(seeded())
    early, late = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 6, 1, tzinfo=UTC)

    ids = [stamps.new("les", early), stamps.new("les", late), stamps.new("les", early)]

    assert ids == sorted(ids)
    assert [int(each[4:12] + each[13:17], 16) for each in ids] == [
        round(at.timestamp() * 1_000) for at in (early, late, late)
    ]
