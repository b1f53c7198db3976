"""Instructors: who teaches, what, and from which branch."""

from enum import StrEnum
from typing import Annotated

from pydantic import Field, StringConstraints

from rpcbackend.schema.base import (
    PERSONAL,
    BranchId,
    Email,
    InstructorId,
    Name,
    Params,
    Phone,
    Version,
    WireModel,
)

Category = Annotated[str, StringConstraints(pattern=r"^[A-Z][A-Z0-9]{0,3}$")]
Categories = Annotated[
    list[Category], Field(min_length=1, max_length=20, description="Licence classes, such as B.")
]


class Engagement(StrEnum):
    """How an instructor works for the school; it decides who invoices."""

    EMPLOYEE = "employee"
    CONTRACTOR = "contractor"
    FRANCHISE = "franchise"


class InstructorState(StrEnum):
    """Whether an instructor takes lessons."""

    ACTIVE = "active"
    INACTIVE = "inactive"


class Instructor(WireModel):
    """One instructor."""

    id: InstructorId
    branch_id: BranchId
    given_name: Annotated[Name, Field(json_schema_extra=PERSONAL)]
    family_name: Annotated[Name, Field(json_schema_extra=PERSONAL)]
    email: Annotated[Email | None, Field(json_schema_extra=PERSONAL)]
    phone: Annotated[Phone | None, Field(json_schema_extra=PERSONAL)]
    categories: Categories
    engagement: Engagement
    state: InstructorState
    version: Version


class SaveInstructor(Params):
    """Params of instructors.save: without instructorId a new one is made."""

    instructor_id: InstructorId | None = None
    branch_id: BranchId
    given_name: Annotated[Name, Field(json_schema_extra=PERSONAL)]
    family_name: Annotated[Name, Field(json_schema_extra=PERSONAL)]
    email: Annotated[Email | None, Field(json_schema_extra=PERSONAL)] = None
    phone: Annotated[Phone | None, Field(json_schema_extra=PERSONAL)] = None
    categories: Categories
    engagement: Engagement
    state: InstructorState = InstructorState.ACTIVE
    expected_version: Version | None = None


class ListInstructors(Params):
    """Params of instructors.list."""

    branch_id: BranchId | None = None
    state: InstructorState | None = None


class InstructorPage(WireModel):
    """Instructors by name."""

    items: list[Instructor]
