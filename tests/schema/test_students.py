"""The wire models of students."""

import pytest
from hypothesis import given

from rpcbackend.schema.students import (
    CreatedStudent,
    CreateStudent,
    GetStudent,
    ListStudents,
    Student,
    StudentPage,
    TransitionStudent,
    UpdateStudent,
)
from tests.entities import STUDENTS
from tests.factories import an_id, make_student
from tests.schema.fits import broken, written

CREATE = {
    "branchId": an_id("bra"),
    "givenName": "Ada",
    "familyName": "Byron",
    "bornOn": "2007-12-10",
}


@given(student=STUDENTS)
def test_a_student_is_read_back_as_he_was_written(student: Student) -> None:
    assert Student.model_validate_json(student.model_dump_json()) == student


def test_a_new_student_is_active_unless_told_otherwise() -> None:
    assert written(CreateStudent.model_validate(CREATE)) == CREATE | {
        "email": None,
        "phone": None,
        "language": None,
        "state": "active",
    }
    assert broken(CreateStudent, {}) == sorted(CREATE)


@pytest.mark.parametrize(
    ("given", "path"),
    [
        ({"bornOn": "10.12.2007"}, "bornOn"),
        ({"bornOn": 20_071_210}, "bornOn"),
        ({"givenName": ""}, "givenName"),
        ({"familyName": "x" * 201}, "familyName"),
        ({"email": ""}, "email"),
        ({"phone": "+1"}, "phone"),
        ({"state": "new"}, "state"),
        ({"language": "xx"}, "language"),
        ({"age": 18}, "age"),
    ],
    ids=str,
)
def test_what_does_not_fit_is_refused_by_its_path(given: dict[str, object], path: str) -> None:
    assert broken(CreateStudent, CREATE | given) == [path]


def test_an_update_knows_what_was_given_from_what_was_left_out() -> None:
    update = UpdateStudent.model_validate({"studentId": an_id("stu"), "email": None})

    assert update.model_fields_set == {"student_id", "email"}
    assert broken(UpdateStudent, {"email": None}) == ["studentId"]


def test_a_list_answers_fifty_unless_told_otherwise() -> None:
    assert written(ListStudents()) == {
        "text": None,
        "state": None,
        "branchId": None,
        "limit": 50,
        "cursor": None,
    }
    assert broken(ListStudents, {"limit": 201, "text": "x" * 101, "cursor": ""}) == [
        "cursor",
        "limit",
        "text",
    ]


def test_answers_carry_whole_students() -> None:
    student = written(make_student())

    assert written(StudentPage(items=[make_student()], next_cursor="x")) == {
        "items": [student],
        "nextCursor": "x",
    }
    assert written(CreatedStudent(student=make_student(), duplicates=[make_student()])) == {
        "student": student,
        "duplicates": [student],
    }


def test_who_is_asked_for_and_where_he_goes_must_be_told() -> None:
    assert broken(GetStudent, {}) == ["studentId"]
    assert broken(TransitionStudent, {"to": "erased"}) == ["studentId", "to"]
