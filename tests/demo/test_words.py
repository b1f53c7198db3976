"""Answers in words."""

from datetime import date

import pytest

from rpcbackend.demo import words
from rpcbackend.domain.spans import Span
from tests.factories import at

SPAN = Span(at("2026-11-23T09:00:00Z"), at("2026-11-23T10:30:00Z"))
HOURS = "10:00\N{EN DASH}11:30"


@pytest.mark.parametrize(
    ("count", "expected"), [(0, "0 lessons"), (1, "1 lesson"), (1_200, "1,200 lessons")]
)
def test_things_are_counted_as_people_say_it(count: int, expected: str) -> None:
    assert words.counted(range(count), "lesson") == expected


def test_times_are_those_of_the_schools_clock() -> None:
    assert [words.day(date(2026, 11, 9)), words.hours(SPAN), words.time_of(SPAN)] == [
        "9 Nov 2026",
        HOURS,
        f"Monday 23 Nov, {HOURS}",
    ]


def test_a_refusal_is_explained_with_what_is_in_the_way_and_what_is_free() -> None:
    span = {"startsAt": "2026-11-23T09:00:00Z", "endsAt": "2026-11-23T10:30:00Z"}
    details = {
        "conflicts": [
            span | {"resourceType": "instructor", "ownerType": "lesson"},
            span | {"resourceType": "vehicle", "ownerType": "work_order"},
        ],
        "alternatives": [span, span],
    }

    assert [
        words.in_the_way(details),
        words.alternatives(details),
        words.alternatives({"alternatives": []}),
    ] == [
        f"In the way: the instructor (lesson {HOURS}), the vehicle (work_order {HOURS}).",
        f"Nearest free time for all of them that day: {HOURS} or {HOURS}.",
        "Nearest free time for all of them that day: none.",
    ]


def test_the_end_tells_the_median() -> None:
    told = words.closing([3.0, 1.0, 80.0], 2, 0)

    assert told.startswith("3 questions, half of them answered within 3.0 ms")
    assert told.endswith(
        "2 events arrived by themselves; the backend was asked to leave and left with exit code 0."
    )
