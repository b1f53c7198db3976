"""The wire models of instructors."""

import pytest
from hypothesis import given

from rpcbackend.schema.instructors import (
    Instructor,
    InstructorPage,
    ListInstructors,
    SaveInstructor,
)
from tests.entities import INSTRUCTORS
from tests.factories import an_id, make_instructor
from tests.schema.fits import broken, written

SAVE = {
    "branchId": an_id("bra"),
    "givenName": "Ines",
    "familyName": "Kraft",
    "categories": ["B"],
    "engagement": "employee",
}


@given(instructor=INSTRUCTORS)
def test_an_instructor_is_read_back_as_he_was_written(instructor: Instructor) -> None:
    assert Instructor.model_validate_json(instructor.model_dump_json()) == instructor


def test_a_new_instructor_is_active_unless_told_otherwise() -> None:
    assert written(SaveInstructor.model_validate(SAVE)) == SAVE | {
        "instructorId": None,
        "email": None,
        "phone": None,
        "state": "active",
        "expectedVersion": None,
    }
    assert broken(SaveInstructor, {}) == sorted(SAVE)


@pytest.mark.parametrize(
    ("given", "path"),
    [
        ({"categories": []}, "categories"),
        ({"categories": ["b"]}, "categories.0"),
        ({"categories": ["B"] * 21}, "categories"),
        ({"engagement": "slave"}, "engagement"),
        ({"email": "ines"}, "email"),
        ({"phone": "030"}, "phone"),
        ({"state": "gone"}, "state"),
        ({"expectedVersion": 0}, "expectedVersion"),
    ],
    ids=str,
)
def test_what_does_not_fit_is_refused_by_its_path(given: dict[str, object], path: str) -> None:
    assert broken(SaveInstructor, SAVE | given) == [path]


def test_a_list_may_be_narrowed_by_branch_and_state() -> None:
    assert written(ListInstructors()) == {"branchId": None, "state": None}
    assert broken(ListInstructors, {"state": "gone", "branchId": "x"}) == ["branchId", "state"]
    page = InstructorPage(items=[make_instructor()])
    assert written(page) == {"items": [written(make_instructor())]}
