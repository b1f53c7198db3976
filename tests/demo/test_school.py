"""The whole demo school."""

import pytest

from rpcbackend.demo.school import make_school
from tests.demo.schools import TODAY, school_of


def test_the_same_inputs_make_the_same_school() -> None:
    assert make_school(students=12, years=1, seed=3, today=TODAY) == school_of(12, 1, 3)


@pytest.mark.parametrize("other", [(12, 1, 4), (13, 1, 3), (12, 2, 3)])
def test_other_inputs_make_another_school(other: tuple[int, int, int]) -> None:
    assert school_of(*other) != school_of(12, 1, 3)


def test_every_record_has_an_id_of_its_own() -> None:
    school = school_of(560, 1, 1)
    staff = school.staff

    assert len(school.records()) == sum(
        len(each)
        for each in (
            *(staff.branches, staff.instructors, staff.vehicles),
            *(school.students, school.consents, school.lessons),
        )
    )
