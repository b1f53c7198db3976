"""When lessons could be given: the hours of the day, and the starts at which all are free."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from heapq import merge
from itertools import groupby

from rpcbackend.domain.lessons import HORIZON
from rpcbackend.domain.spans import Grid, Span
from rpcbackend.domain.zones import local_hours, local_hours_between

DAY_OPENS, DAY_CLOSES = time(7), time(21)
"""What is offered lies in these local hours: nobody wants to be offered a lesson at 3 am."""


def search_window(wanted: Span, zone: str, now: datetime) -> Span | None:
    """Return the part of the wanted local day in which an alternative may lie, if any is left."""
    opens, closes = local_hours(wanted.start, zone, DAY_OPENS, DAY_CLOSES)
    # Whole minutes only: `now` is seldom on the grid.
    earliest = max(opens, now.replace(second=0, microsecond=0))
    latest = min(closes, now + HORIZON)
    return Span(earliest, latest) if earliest < latest else None


Found = tuple[datetime, str, str | None]
"""A start, the instructor, and the vehicle if one is wanted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """Who is to be free, when and for how long, and when everybody is busy."""

    within: Span
    length: timedelta
    step: timedelta
    """From start to start."""
    zones: Mapping[str, str]
    """Of the instructors, by their ids."""
    vehicle_ids: Sequence[str] | None
    """One of them is needed, an earlier one rather; None if none is."""
    student_id: str | None
    busy: Mapping[str, Sequence[Span]]
    """By the ids of all of them."""


def find(search: Search) -> Iterator[Found]:
    """Go through the starts at which all are free, by start and then by instructor (rule K14)."""
    by_zone = groupby(sorted(search.zones, key=search.zones.__getitem__), search.zones.__getitem__)
    # Each zone has its own hours, so its own grid.
    return merge(*(_find_in(search, zone, sorted(ids)) for zone, ids in by_zone))


def _find_in(search: Search, zone: str, instructor_ids: Sequence[str]) -> Iterator[Found]:
    grid = _grid(search, zone)
    vehicles = [(each, grid.free(search.busy[each])) for each in search.vehicle_ids or ()]
    suits = grid.free(search.busy[search.student_id] if search.student_id else ())
    if search.vehicle_ids is not None:
        suits &= _union(vehicles)
    teachers = [(each, suits & grid.free(search.busy[each])) for each in instructor_ids]
    for number in grid.indexes(_union(teachers)):
        bit = 1 << number
        vehicle = next((each for each, free in vehicles if free & bit), None)
        for instructor_id, free in teachers:
            if free & bit:
                yield grid.starts[number], instructor_id, vehicle


def _union(sets: Sequence[tuple[str, int]]) -> int:
    union = 0
    for _, one in sets:
        union |= one
    return union


def _grid(search: Search, zone: str) -> Grid:
    """Return the starts of the lessons that lie inside of the span and of a day's hours.

    Each day has its own grid, in elapsed time from its opening (rule T5): where a search begins
    does not move the starts that it finds.
    """
    within, starts = search.within, list[datetime]()
    for opens, closes in local_hours_between(within.start, within.end, zone, DAY_OPENS, DAY_CLOSES):
        passed = max(within.start - opens, timedelta(0))
        start = opens + -(-passed // search.step) * search.step
        last = min(closes, within.end) - search.length
        while start <= last:
            starts.append(start)
            start += search.step
    return Grid(starts, search.length)
