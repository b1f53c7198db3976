"""Who learns at the demo school."""

from collections import Counter
from datetime import timedelta

import pytest

from rpcbackend.demo import names
from rpcbackend.schema.students import Student
from tests.demo.schools import PLANS, TODAY, school_of


@pytest.mark.parametrize("plan", PLANS)
def test_every_student_fits_the_schema_and_the_school(plan: tuple[int, int, int]) -> None:
    school = school_of(*plan)

    assert len(school.students) == plan[0]
    assert {student.branch_id for student in school.students} <= {
        branch.id for branch in school.staff.branches
    }
    for student in school.students:
        assert Student.model_validate_json(student.model_dump_json()) == student


def test_the_difficult_rows_are_there() -> None:
    students = school_of(560, 1, 1).students
    by_name = {(student.given_name, student.family_name): student for student in students}

    caller = by_name[names.CALLER]

    assert set(names.EDGE_NAMES) <= set(by_name)
    assert (caller.state, caller.born_on.month, caller.born_on.day) == ("active", 2, 29)


def test_students_are_spread_as_the_design_wants_it() -> None:
    school = school_of(560, 1, 1)
    states = Counter(student.state.value for student in school.students)
    ages = [
        (student.created_at.date() - student.born_on).days // 365 for student in school.students
    ]
    dropped_out = states["withdrawn"] / (560 - states["enquiry"] - states["lost"])

    assert 180 <= states["active"] <= 240
    assert 0.05 <= dropped_out <= 0.13
    assert 0.20 <= sum(age < 18 for age in ages) / 560 <= 0.34
    assert 0.60 <= sum(age < 25 for age in ages) / 560 <= 0.76
    assert min(ages) >= 15
    assert set(states) == {
        *("active", "archived", "enquiry", "graduated", "lost", "paused", "withdrawn")
    }


def test_nobody_is_newer_than_today_and_ids_follow_the_arrivals() -> None:
    students = school_of(560, 1, 1).students

    assert max(student.created_at.date() for student in students) < TODAY
    assert [student.id for student in students] == sorted(student.id for student in students)
    assert [student.created_at for student in students] == sorted(
        student.created_at for student in students
    )


def test_nobody_has_a_lesson_before_he_enrolled() -> None:
    school = school_of(40, 3, 5)
    enrolled_at = {student.id: student.created_at for student in school.students}

    assert all(
        lesson.starts_at - enrolled_at[lesson.student_id] > timedelta(days=2)
        for lesson in school.lessons
    )
