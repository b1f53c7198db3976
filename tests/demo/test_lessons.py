"""How the lessons of the demo school ended."""

from collections import Counter

import pytest

from rpcbackend.demo.chance import moment
from rpcbackend.schema.lessons import Lesson, LessonState
from rpcbackend.schema.students import StudentState
from tests.demo.schools import PLANS, TODAY, school_of

NOW = moment(TODAY, 0)


@pytest.mark.parametrize("plan", PLANS)
def test_every_lesson_fits_the_schema(plan: tuple[int, int, int]) -> None:
    for lesson in school_of(*plan).lessons:
        assert Lesson.model_validate_json(lesson.model_dump_json()) == lesson


@pytest.mark.parametrize("plan", PLANS)
def test_what_is_past_has_ended_and_what_is_ahead_has_not(plan: tuple[int, int, int]) -> None:
    lessons = school_of(*plan).lessons
    past = {lesson.state.value for lesson in lessons if lesson.starts_at < NOW}
    ahead = {lesson.state.value for lesson in lessons if lesson.starts_at >= NOW}

    assert past <= {"completed", "no_show", "cancelled"}
    assert ahead <= {"booked", "confirmed", "cancelled"}
    assert not [each for each in lessons if each.starts_at < NOW < each.ends_at]


@pytest.mark.parametrize("plan", PLANS)
def test_the_cancelled_and_only_they_say_who_why_and_when(plan: tuple[int, int, int]) -> None:
    for lesson in school_of(*plan).lessons:
        told = [lesson.cancelled_by, lesson.cancel_code, lesson.cancelled_at]
        if lesson.state is LessonState.CANCELLED:
            assert None not in told
            assert lesson.cancelled_at is not None
            assert lesson.cancelled_at < min(lesson.starts_at, NOW)
        else:
            assert told == [None, None, None]


@pytest.mark.parametrize("plan", PLANS)
def test_whoever_has_lessons_ahead_is_active(plan: tuple[int, int, int]) -> None:
    school = school_of(*plan)
    states = {student.id: student.state for student in school.students}

    assert {states[lesson.student_id] for lesson in school.lessons if lesson.starts_at >= NOW} <= {
        StudentState.ACTIVE
    }


def test_lessons_end_as_often_as_the_design_wants_it() -> None:
    past = [lesson for lesson in school_of(560, 1, 1).lessons if lesson.starts_at < NOW]
    states = Counter(lesson.state.value for lesson in past)
    by_school = sum(lesson.cancelled_by in ("school", "instructor") for lesson in past)

    assert 0.87 <= states["completed"] / len(past) <= 0.90
    assert 0.09 <= states["cancelled"] / len(past) <= 0.12
    assert 0.007 <= states["no_show"] / len(past) <= 0.02
    assert 0.01 <= by_school / len(past) <= 0.02
