"""Chance and time of the demo school, all of it repeatable: a seed, a Monday, ids as of then."""

import random
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import TypeVar

from rpcbackend.clock import Clock
from rpcbackend.demo import figures
from rpcbackend.domain.zones import zone_of
from rpcbackend.ids import Ids

T = TypeVar("T")

ZONE = "Europe/Berlin"
"""Of every branch."""


def pick(weights: Mapping[T, float], bits: random.Random) -> T:
    """Choose one of the keys, each as likely as its weight."""
    return bits.choices(list(weights), list(weights.values()))[0]


@dataclass(frozen=True, slots=True)
class Period:
    """The days that the demo school knows about: opened, today, and as far as it books ahead."""

    opens_on: date
    today: date
    ends_on: date

    @property
    def days_open(self) -> int:
        """Days from the opening to today."""
        return (self.today - self.opens_on).days

    @property
    def now(self) -> datetime:
        """The instant today began: everything before has happened, nothing after."""
        return moment(self.today, 0)


def make_period(today: date, years: int) -> Period:
    """Return the period that ends some weeks after *today*."""
    return Period(
        today - timedelta(weeks=figures.WEEKS_A_YEAR * years),
        today,
        today + timedelta(weeks=figures.WEEKS_AHEAD),
    )


def monday_of(clock: Clock) -> date:
    """Return the Monday of this week: within a week the same demo school comes out."""
    now = datetime.fromtimestamp(clock.now_ms() / 1_000, zone_of(ZONE)).date()
    return now - timedelta(days=now.weekday())


def moment(day: date, minute: int) -> datetime:
    """Return the instant, UTC, at which the local clocks show that minute of the day."""
    wall = datetime.combine(day, time(minute // 60, minute % 60), zone_of(ZONE))
    return wall.astimezone(UTC)


def between(start: datetime, end: datetime, bits: random.Random) -> datetime:
    """Return an instant between two, on a whole second."""
    return start + timedelta(seconds=int(bits.random() * (end - start).total_seconds()))


class Stamps:
    """Makes ids that tell the time at which their records would have been made.

    One for each kind of record: ids rise, so what is made out of order keeps the latest time.
    """

    def __init__(self, bits: random.Random) -> None:
        self._clock = _SetClock()
        self._ids = Ids(self._clock, bits)

    def new(self, prefix: str, at: datetime) -> str:
        """Return the next id as of *at*."""
        self._clock.set_ms = round(at.timestamp() * 1_000)
        return self._ids.new(prefix)


class _SetClock:
    set_ms = 0

    def now_ms(self) -> int:
        return self.set_ms

    def monotonic(self) -> float:
        return self.set_ms / 1_000
