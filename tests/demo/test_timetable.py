"""When the lessons of the demo school are."""

from collections import Counter, defaultdict
from datetime import date, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rpcbackend.demo.school import School, make_school
from rpcbackend.domain.lessons import CLAIMING
from rpcbackend.schema.lessons import Lesson
from tests.demo.schools import PLANS, TODAY, school_of


def _overlapping(school: School) -> list[tuple[Lesson, Lesson]]:
    """Compare neighbours by hand: whoever is in two places at once is so with a neighbour."""
    by_resource: dict[str, list[Lesson]] = defaultdict(list)
    for lesson in school.lessons:
        if lesson.state in CLAIMING:
            for resource in (lesson.instructor_id, lesson.vehicle_id, lesson.student_id):
                by_resource[resource or ""].append(lesson)
    return [
        (one, other)
        for lessons in by_resource.values()
        for one, other in pairwise(sorted(lessons, key=lambda each: each.starts_at))
        if one.ends_at > other.starts_at
    ]


@pytest.mark.parametrize("plan", PLANS)
def test_nobody_is_in_two_places_at_once(plan: tuple[int, int, int]) -> None:
    assert _overlapping(school_of(*plan)) == []


@settings(max_examples=15, deadline=None)
@given(
    students=st.integers(1, 12),
    seed=st.integers(),
    week=st.integers(0, 400),
)
def test_nobody_is_in_two_places_at_once_in_any_small_school(
    students: int, seed: int, week: int
) -> None:
    monday = TODAY + timedelta(weeks=week)

    school = make_school(students=students, years=1, seed=seed, today=monday)

    assert _overlapping(school) == []


def _wall_clock(lesson: Lesson) -> datetime:
    return datetime.fromisoformat(lesson.local.start)


@pytest.mark.parametrize("plan", PLANS)
def test_lessons_are_given_on_both_days_on_which_the_clocks_change(
    plan: tuple[int, int, int],
) -> None:
    on_sundays = {
        (_wall_clock(lesson).date(), (lesson.ends_at - lesson.starts_at).seconds // 60)
        for lesson in school_of(*plan).lessons
        if _wall_clock(lesson).weekday() == 6
    }

    assert {(date(2026, 3, 29), 90), (date(2026, 10, 25), 90)} <= on_sundays
    assert len(on_sundays) == 2 * plan[1]


@pytest.mark.parametrize("plan", PLANS)
def test_one_lesson_runs_over_midnight(plan: tuple[int, int, int]) -> None:
    assert [
        (lesson.local.start, lesson.local.end, lesson.type.value, lesson.state.value)
        for lesson in school_of(*plan).lessons
        if lesson.local.start[:10] != lesson.local.end[:10]
    ] == [("2026-11-13T23:15", "2026-11-14T00:45", "night", "completed")]


def test_one_student_takes_four_hundred_lessons() -> None:
    lessons = Counter(lesson.student_id for lesson in school_of(560, 1, 1).lessons)

    (_, most), (_, second) = lessons.most_common(2)

    assert 390 <= most <= 403
    assert second < 80


def test_the_demo_profile_has_about_12_600_lessons() -> None:
    school = school_of(560, 1, 1)

    assert 11_800 <= len(school.lessons) <= 13_400


def test_the_length_of_lessons_is_as_the_design_wants_it() -> None:
    lessons = school_of(560, 1, 1).lessons
    minutes = Counter((each.ends_at - each.starts_at).seconds // 60 for each in lessons)

    assert 0.45 <= minutes[45] / len(lessons) <= 0.51
    assert 0.39 <= minutes[90] / len(lessons) <= 0.45
    assert set(minutes) == {45, 60, 75, 90, 135}


def test_the_hours_and_days_of_lessons_are_as_the_design_wants_them() -> None:
    lessons = school_of(560, 1, 1).lessons
    starts = [_wall_clock(lesson) for lesson in lessons]
    hours = Counter(start.hour for start in starts)
    days = Counter(start.weekday() for start in starts)

    def share(first: int, last: int) -> float:
        return sum(hours[hour] for hour in range(first, last)) / len(lessons)

    assert 0.12 <= share(7, 9) <= 0.17
    assert 0.19 <= share(9, 12) <= 0.25
    assert 0.17 <= share(12, 15) <= 0.23
    assert 0.30 <= share(15, 19) <= 0.39
    assert 0.06 <= share(19, 21) <= 0.11
    assert 0.07 <= days[5] / len(lessons) <= 0.13
    assert days[6] == 2


def test_lessons_are_of_the_types_that_the_design_wants() -> None:
    lessons = school_of(560, 1, 1).lessons
    types = Counter(lesson.type.value for lesson in lessons)

    assert 0.57 <= types["normal"] / len(lessons) <= 0.67
    assert 0.06 <= types["night"] / len(lessons) <= 0.10
    assert set(types) == {"normal", "country", "motorway", "night", "exam_preparation"}


def test_no_instructor_drives_longer_than_the_law_allows() -> None:
    taught: Counter[tuple[str, str]] = Counter()
    for lesson in school_of(560, 1, 1).lessons:
        if lesson.state in CLAIMING:
            on = lesson.local.start[:10]
            taught[lesson.instructor_id, on] += (lesson.ends_at - lesson.starts_at).seconds // 60

    # The lesson over midnight counts whole here and half in the law's day.
    assert max(taught.values()) <= 495 + 45
