"""Who is busy in which quarter hours of which local day."""

from collections.abc import Iterable
from datetime import date

QUARTER_MINUTES = 15
QUARTERS = 96
"""In a day, as the clock on the wall shows it."""

_WHOLE_DAY = (1 << QUARTERS) - 1


def quarters(first: int, minutes: int) -> int:
    """Return a time of day as bits, one for each quarter hour; past midnight they run on."""
    return ((1 << minutes // QUARTER_MINUTES) - 1) << first


class Diary:
    """The busy time of everybody and everything: one integer for each of their days."""

    def __init__(self) -> None:
        self._busy: dict[tuple[str, int], int] = {}

    def is_free(self, who: Iterable[str], day: date, wanted: int) -> bool:
        """Tell whether all of *who* have time for the *wanted* quarters."""
        today, tomorrow = wanted & _WHOLE_DAY, wanted >> QUARTERS
        on = day.toordinal()
        return not any(
            self._busy.get((each, on), 0) & today
            or (tomorrow and self._busy.get((each, on + 1), 0) & tomorrow)
            for each in who
        )

    def take(self, who: Iterable[str], day: date, wanted: int) -> None:
        """Make all of *who* busy."""
        on = day.toordinal()
        for each in who:
            for key, bits in (
                ((each, on), wanted & _WHOLE_DAY),
                ((each, on + 1), wanted >> QUARTERS),
            ):
                if bits:
                    self._busy[key] = self._busy.get(key, 0) | bits

    def take_day(self, who: str, day: date) -> None:
        """Make *who* busy for a whole day."""
        self._busy[who, day.toordinal()] = _WHOLE_DAY

    def minutes_on(self, who: str, day: date) -> int:
        """Return how long *who* is busy on that day."""
        return self._busy.get((who, day.toordinal()), 0).bit_count() * QUARTER_MINUTES
