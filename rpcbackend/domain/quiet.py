"""Quiet hours: when nobody is written to, on the wall clock of whoever would be (rule A7)."""

from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from functools import lru_cache

from rpcbackend.domain.zones import zone_of

_DAY, _SECOND = timedelta(days=1), timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class QuietHours:
    """From *begins* up to but not including *ends*, every day, past midnight if that is earlier.

    What counts is what the clock on the wall shows: an hour that it shows twice counts twice, and
    one that it skips does not. There are no quiet hours if both are the same.
    """

    zone: str
    begins: time
    ends: time

    def are_at(self, at: datetime) -> bool:
        """Tell whether it is quiet then."""
        wall = self._wall(at)
        if self.begins <= self.ends:
            return self.begins <= wall < self.ends
        return wall >= self.begins or wall < self.ends

    def release(self, at: datetime) -> datetime:
        """Return the first instant from *at* on at which it is not quiet."""
        while self.are_at(at):
            # The clock runs to the end of them, unless it is set to another time before.
            end = at + _distance(self._wall(at), self.ends)
            at = self._change(at, end) or end
        return at

    def began(self, at: datetime) -> datetime:
        """Return when the quiet hours began, or were broken into, that *at* lies in."""
        at = at.replace(microsecond=0)
        while self.are_at(at - _SECOND):
            last = at - _SECOND
            begin = last - _distance(self.begins, self._wall(last))
            at = self._change(begin, last) or begin
        return at

    def _wall(self, at: datetime) -> time:
        return at.astimezone(zone_of(self.zone)).time()

    def _change(self, start: datetime, end: datetime) -> datetime | None:
        """Return when the clock was set between two instants, to the second; None if it was not.

        No zone sets its clock twice a day.
        """
        tz = zone_of(self.zone)
        before, after = start.astimezone(tz).utcoffset(), end.astimezone(tz).utcoffset()
        if before == after:
            return None
        # It is set on whole seconds: not yet at the first of these, already at the second.
        first, second = int(start.timestamp()), -int(-end.timestamp() // 1)
        while second - first > 1:
            middle = (first + second) // 2
            if datetime.fromtimestamp(middle, tz).utcoffset() == before:
                first = middle
            else:
                second = middle
        return datetime.fromtimestamp(second, UTC)


@lru_cache(maxsize=64)
def quiet_hours(zone: str, begins: str, ends: str) -> QuietHours:
    """Read quiet hours such as those from 21:00 to 08:00."""
    return QuietHours(zone, time.fromisoformat(begins), time.fromisoformat(ends))


def _distance(start: time, end: time) -> timedelta:
    """Return how long a clock runs from one time of day to another one."""
    return (_since_midnight(end) - _since_midnight(start)) % _DAY


def _since_midnight(at: time) -> timedelta:
    return timedelta(
        hours=at.hour, minutes=at.minute, seconds=at.second, microseconds=at.microsecond
    )
