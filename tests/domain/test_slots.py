"""When lessons could be given, against minutes that are tried one by one."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from rpcbackend.domain.slots import Found, Search, find, search_window
from rpcbackend.domain.spans import Span, overlap
from tests.factories import NINE, at

MINUTE = timedelta(minutes=1)
DAWN = at("2026-03-28T03:00:00Z")
"""The night before the night in which the clock of Berlin jumps."""

ZONES = {"ins_a": "Europe/Berlin", "ins_b": "Europe/London", "ins_c": "Europe/Berlin"}


@pytest.mark.parametrize(
    ("now", "window"),
    [
        ("2026-11-23T08:00:00Z", ("2026-11-24T06:00:00Z", "2026-11-24T20:00:00Z")),
        ("2026-11-24T08:00:30Z", ("2026-11-24T08:00:00Z", "2026-11-24T20:00:00Z")),
        ("2026-11-24T20:00:00Z", None),
        ("2026-11-24T23:00:00Z", None),
    ],
)
def test_alternatives_are_looked_for_in_what_is_left_of_the_local_day(
    now: str, window: tuple[str, str] | None
) -> None:
    wanted = Span(at(NINE), at("2026-11-24T10:30:00Z"))

    found = search_window(wanted, "Europe/Berlin", at(now))

    assert found == (Span(at(window[0]), at(window[1])) if window else None)


def make_search(start: datetime, end: datetime, **given: Any) -> Search:
    """Search for an hour with one instructor who has all the time in the world."""
    fields: dict[str, Any] = {
        "within": Span(start, end),
        "length": 60 * MINUTE,
        "step": 60 * MINUTE,
        "zones": {"ins_a": "Europe/Berlin"},
        "vehicle_ids": None,
        "student_id": None,
        "busy": {"ins_a": []},
    }
    return Search(**fields | given)


def starts_of(search: Search) -> list[datetime]:
    return [start for start, _, _ in find(search)]


@pytest.mark.parametrize(
    ("on", "first", "last"),
    [
        ("2026-03-28", "2026-03-28T06:00:00Z", "2026-03-28T19:00:00Z"),
        # The clock jumps forward before the school opens, and back on the day below.
        ("2026-03-29", "2026-03-29T05:00:00Z", "2026-03-29T18:00:00Z"),
        ("2026-10-25", "2026-10-25T06:00:00Z", "2026-10-25T19:00:00Z"),
    ],
)
def test_a_day_has_its_fourteen_hours_by_the_clock_on_the_wall(
    on: str, first: str, last: str
) -> None:
    start = at(f"{on}T01:00:00Z")

    starts = starts_of(make_search(start, start + timedelta(hours=21)))

    assert (starts[0], starts[-1], len(starts)) == (at(first), at(last), 14)


@pytest.mark.parametrize("minutes", [0, 1, 14, 15, 16, 90])
def test_where_a_search_begins_does_not_move_the_starts_that_it_finds(minutes: int) -> None:
    start = at("2026-03-28T06:00:00Z")
    whole = starts_of(make_search(start, start + timedelta(days=1), step=15 * MINUTE))
    later = start + minutes * MINUTE

    part = starts_of(make_search(later, start + timedelta(days=1), step=15 * MINUTE))

    assert part == [one for one in whole if one >= later]


def test_of_the_vehicles_that_are_free_the_preferred_one_is_named() -> None:
    start = at("2026-03-28T09:00:00Z")
    busy = {"ins_a": [], "veh_2": [Span(start, start + 60 * MINUTE)], "veh_1": []}

    found = find(
        make_search(start, start + 120 * MINUTE, vehicle_ids=["veh_2", "veh_1"], busy=busy)
    )

    assert [vehicle for _, _, vehicle in found] == ["veh_1", "veh_2"]


SPANS = some.tuples(some.integers(0, 2_000), some.integers(1, 500)).map(
    lambda drawn: Span(DAWN + drawn[0] * MINUTE, DAWN + (drawn[0] + drawn[1]) * MINUTE)
)
BUSY = some.lists(SPANS, max_size=5)


SEARCHES = some.builds(
    Search,
    within=SPANS,
    length=some.sampled_from([5, 45, 90, 600]).map(lambda drawn: drawn * MINUTE),
    step=some.sampled_from([5, 15, 40, 60]).map(lambda drawn: drawn * MINUTE),
    zones=some.just(ZONES),
    vehicle_ids=some.none() | some.just([]) | some.permutations(["veh_1", "veh_2"]),
    student_id=some.sampled_from([None, "stu_1"]),
    busy=some.fixed_dictionaries(dict.fromkeys([*ZONES, "veh_1", "veh_2", "stu_1"], BUSY)),
)


@settings(max_examples=100)
@given(search=SEARCHES)
def test_what_is_found_is_what_is_found_by_trying_every_minute(search: Search) -> None:
    assert list(find(search)) == [
        one
        for minute in range(search.within.length // MINUTE)
        for one in tried(search, search.within.start + minute * MINUTE)
    ]


OPENINGS = {
    # On the 28th, and on the 29th, when the clocks of both have jumped.
    "Europe/Berlin": [at("2026-03-28T06:00:00Z"), at("2026-03-29T05:00:00Z")],
    "Europe/London": [at("2026-03-28T07:00:00Z"), at("2026-03-29T06:00:00Z")],
}


def tried(search: Search, start: datetime) -> list[Found]:
    """Try one start with everybody."""
    span = Span(start, start + search.length)

    def is_free(name: str) -> bool:
        return not any(overlap(span, one) for one in search.busy[name])

    def is_on_grid(zone: str) -> bool:
        return any(
            opens <= start
            and span.end <= opens + timedelta(hours=14)
            and (start - opens) % search.step == timedelta(0)
            for opens in OPENINGS[zone]
        )

    wanted = [None] if search.vehicle_ids is None else search.vehicle_ids
    vehicles = [one for one in wanted if one is None or is_free(one)]
    if span.end > search.within.end or not vehicles:
        return []
    if search.student_id and not is_free(search.student_id):
        return []
    return [
        (start, one, vehicles[0])
        for one, zone in sorted(search.zones.items())
        if is_on_grid(zone) and is_free(one)
    ]
