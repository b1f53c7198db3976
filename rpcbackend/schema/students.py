"""Students: people who learn at the school, from the first enquiry on."""

from enum import StrEnum
from typing import Annotated

from pydantic import Field

from rpcbackend.schema.base import (
    PERSONAL,
    BranchId,
    CivilDate,
    Cursor,
    Email,
    Instant,
    Language,
    Limit,
    Name,
    Params,
    Phone,
    StudentId,
    Version,
    WireModel,
)

"""Holds the name at which the page ended."""


class StudentState(StrEnum):
    """Where a student stands between the first enquiry and the archive."""

    ENQUIRY = "enquiry"
    ACTIVE = "active"
    PAUSED = "paused"
    GRADUATED = "graduated"
    WITHDRAWN = "withdrawn"
    LOST = "lost"
    ARCHIVED = "archived"


OwnLanguage = Annotated[
    Language | None, Field(description="In which he is written to; null is the branch's.")
]


class Student(WireModel):
    """One student."""

    id: StudentId
    branch_id: BranchId
    given_name: Annotated[Name, Field(json_schema_extra=PERSONAL)]
    family_name: Annotated[Name, Field(json_schema_extra=PERSONAL)]
    born_on: Annotated[CivilDate, Field(json_schema_extra=PERSONAL)]
    email: Annotated[Email | None, Field(json_schema_extra=PERSONAL)]
    phone: Annotated[Phone | None, Field(json_schema_extra=PERSONAL)]
    language: OwnLanguage
    state: StudentState
    created_at: Instant
    version: Version


class CreateStudent(Params):
    """Params of students.create."""

    branch_id: BranchId
    given_name: Annotated[Name, Field(json_schema_extra=PERSONAL)]
    family_name: Annotated[Name, Field(json_schema_extra=PERSONAL)]
    born_on: Annotated[CivilDate, Field(json_schema_extra=PERSONAL)]
    email: Annotated[Email | None, Field(json_schema_extra=PERSONAL)] = None
    phone: Annotated[Phone | None, Field(json_schema_extra=PERSONAL)] = None
    language: OwnLanguage = None
    state: Annotated[
        StudentState, Field(description="enquiry or active; later states by students.transition.")
    ] = StudentState.ACTIVE


class CreatedStudent(WireModel):
    """What students.create answers."""

    student: Student
    duplicates: Annotated[
        list[Student], Field(description="Others with this name and birth date; perhaps the same.")
    ]


class GetStudent(Params):
    """Params of students.get."""

    student_id: StudentId


class ListStudents(Params):
    """Params of students.list."""

    text: Annotated[
        str | None,
        Field(
            max_length=100,
            description="Words of the name, accents and case do not matter.",
            json_schema_extra=PERSONAL,
        ),
    ] = None
    state: StudentState | None = None
    branch_id: BranchId | None = None
    limit: Limit = 50
    cursor: Cursor | None = None


class StudentPage(WireModel):
    """Students by family name."""

    items: list[Student]
    next_cursor: Cursor | None


class UpdateStudent(Params):
    """Params of students.update: what is left out stays as it is."""

    student_id: StudentId
    expected_version: Version | None = None
    branch_id: BranchId | None = None
    given_name: Annotated[Name | None, Field(json_schema_extra=PERSONAL)] = None
    family_name: Annotated[Name | None, Field(json_schema_extra=PERSONAL)] = None
    born_on: Annotated[CivilDate | None, Field(json_schema_extra=PERSONAL)] = None
    email: Annotated[
        Email | None, Field(json_schema_extra=PERSONAL, description="null removes it.")
    ] = None
    phone: Annotated[
        Phone | None, Field(json_schema_extra=PERSONAL, description="null removes it.")
    ] = None
    language: OwnLanguage = None


class TransitionStudent(Params):
    """Params of students.transition."""

    student_id: StudentId
    to: StudentState
    expected_version: Version | None = None
