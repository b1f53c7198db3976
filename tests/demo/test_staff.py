"""Where the demo school teaches, who, and in what."""

from collections import Counter

import pytest

from rpcbackend.demo.chance import make_period
from rpcbackend.demo.staff import make_staff
from tests.demo.schools import TODAY, school_of, seeded


def test_the_demo_profile_has_the_staff_of_the_design() -> None:
    staff = school_of(560, 1, 1).staff

    assert {
        "branches": len(staff.branches),
        "vehicles": Counter(vehicle.categories[0] for vehicle in staff.vehicles),
        "engagements": Counter(instructor.engagement.value for instructor in staff.instructors),
        "may teach": Counter(
            category for instructor in staff.instructors for category in instructor.categories
        ),
    } == {
        "branches": 2,
        "vehicles": {"B": 8, "A": 2, "C": 1},
        "engagements": {"employee": 6, "contractor": 2, "franchise": 1},
        "may teach": {"B": 9, "BE": 9, "A": 2, "AM": 2, "C": 1, "CE": 1},
    }


@pytest.mark.parametrize(
    ("students", "years", "size"),
    [(1, 1, (2, 9, 11)), (2_300, 2, (3, 19, 24)), (17_000, 5, (8, 55, 68))],
)
def test_a_greater_school_has_more_of_everything(
    students: int, years: int, size: tuple[int, int, int]
) -> None:
    staff = make_staff(students, years, make_period(TODAY, years), seeded())

    assert (len(staff.branches), len(staff.instructors), len(staff.vehicles)) == size


@pytest.mark.parametrize("students", [1, 1_000, 20_000])
def test_whoever_teaches_has_something_to_drive_at_his_branch(students: int) -> None:
    staff = make_staff(students, 1, make_period(TODAY, 1), seeded())

    for licence in ("A", "AM", "B", "BE", "C"):
        for instructor in staff.teaching(licence):
            assert staff.vehicles_for(licence, instructor.branch_id)
