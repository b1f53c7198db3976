"""Wall clocks: instants to local time and civil days to spans (domain rules T1, T4)."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from rpcbackend.errors import ZoneUnknownError
from rpcbackend.schema.base import LocalSpan

# Files beside the zones on some machines: this machine's own zone, and all zones once more, without
# and with leap seconds.
_OWN_TO_MACHINE = ("localtime", "posix", "right/")


@lru_cache(maxsize=64)
def zone_of(name: str) -> ZoneInfo:
    """Return the zone.

    Raises:
        ZoneUnknownError: The tz database has no zone of this name.
    """
    if name.startswith(_OWN_TO_MACHINE):
        raise ZoneUnknownError
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ZoneUnknownError from None


def local_span(starts_at: datetime, ends_at: datetime, zone: str) -> LocalSpan:
    """Write a span as the wall clock of *zone* shows it."""
    tz = zone_of(zone)
    return LocalSpan(start=_wall_clock(starts_at, tz), end=_wall_clock(ends_at, tz))


def local_hours(at: datetime, zone: str, opens: time, closes: time) -> tuple[datetime, datetime]:
    """Return the instants between which it is *opens* to *closes* on the local date of *at*."""
    tz = zone_of(zone)
    on = at.astimezone(tz).date()
    return _instant(on, opens, tz), _instant(on, closes, tz)


def local_hours_between(
    start: datetime, end: datetime, zone: str, opens: time, closes: time
) -> Iterator[tuple[datetime, datetime]]:
    """Go through the local dates from *start* to *end*: when it is *opens* to *closes* on each."""
    tz = zone_of(zone)
    on, last = start.astimezone(tz).date(), end.astimezone(tz).date()
    while on <= last:
        opening = _instant(on, opens, tz)
        # A whole date may not exist (rule T4): its hours would be those of the next one.
        if opening.astimezone(tz).date() == on:
            yield opening, _instant(on, closes, tz)
        on += timedelta(days=1)


def _wall_clock(at: datetime, tz: ZoneInfo) -> str:
    # To the minute; five times as fast as strftime.
    return at.astimezone(tz).isoformat()[:16]


def _instant(on: date, at: time, tz: ZoneInfo) -> datetime:
    wall = datetime.combine(on, at, tz)
    # A time that the clock skips resolves to the same distance after the gap (rule T3, "shift").
    return wall.astimezone(UTC)
