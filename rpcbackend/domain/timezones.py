"""A time zone as VTIMEZONE (RFC 5545, section 3.6.5): each change of a few years, one by one."""

from datetime import UTC, datetime, timedelta, tzinfo
from functools import lru_cache

from rpcbackend.domain.zones import zone_of

_STEP = timedelta(days=1)
"""No zone changes twice within a day: a change that is taken back is at least weeks long."""


@lru_cache(64)
def timezone_lines(zone: str, first_year: int, last_year: int) -> tuple[str, ...]:
    """Return the lines of a zone, right from the first day of one year to the last of another.

    UTC needs none: its times say so themselves.
    """
    if zone == "UTC":
        return ()
    tz = zone_of(zone)
    # A day more on either side: years begin and end elsewhere at other times.
    at = datetime(first_year, 1, 1, tzinfo=UTC) - _STEP
    end = datetime(last_year + 1, 1, 1, tzinfo=UTC) + _STEP
    lines = ["BEGIN:VTIMEZONE", f"TZID:{zone}", *_observance(tz, at, _offset(tz, at))]
    while at < end:
        before, at = at, at + _STEP
        if _offset(tz, at) != _offset(tz, before):
            change = _find(tz, before, at)
            lines += _observance(tz, change, _offset(tz, before))
    return (*lines, "END:VTIMEZONE")


def _find(tz: tzinfo, before: datetime, after: datetime) -> datetime:
    """Return the first second of a change that lies between two instants."""
    old = _offset(tz, before)
    while after - before > timedelta(seconds=1):
        middle = before + (after - before) // 2
        middle = middle.replace(microsecond=0)
        if _offset(tz, middle) == old:
            before = middle
        else:
            after = middle
    return after


def _observance(tz: tzinfo, at: datetime, old: timedelta) -> list[str]:
    local = at.astimezone(tz)
    kind = "DAYLIGHT" if local.dst() else "STANDARD"
    # Its start is on the wall clock of before (section 3.6.5, DTSTART).
    start = (at + old).strftime("%Y%m%dT%H%M%S")
    return [
        f"BEGIN:{kind}",
        f"DTSTART:{start}",
        f"TZOFFSETFROM:{_written(old)}",
        f"TZOFFSETTO:{_written(_offset(tz, at))}",
        f"TZNAME:{local.tzname()}",
        f"END:{kind}",
    ]


def _offset(tz: tzinfo, at: datetime) -> timedelta:
    return at.astimezone(tz).utcoffset() or timedelta()


def _written(offset: timedelta) -> str:
    seconds = round(offset.total_seconds())
    minutes, rest = divmod(abs(seconds), 60)
    tail = f"{rest:02}" if rest else ""
    return f"{'-' if seconds < 0 else '+'}{minutes // 60:02}{minutes % 60:02}{tail}"
