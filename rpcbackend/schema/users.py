"""Users: who may sign in, and as what."""

from enum import StrEnum
from typing import Annotated

from pydantic import Field, StringConstraints

from rpcbackend.schema.base import (
    PERSONAL,
    Instant,
    InstructorId,
    Params,
    StudentId,
    Version,
    WireModel,
    id_pattern,
)

UserId = Annotated[str, id_pattern("usr")]
Login = Annotated[
    str,
    StringConstraints(
        strip_whitespace=True, min_length=1, max_length=254, pattern=r"^[^\x00-\x1f\x7f]+$"
    ),
    Field(description="A name or mail address; case does not matter.", json_schema_extra=PERSONAL),
]


class Role(StrEnum):
    """What somebody is to the school."""

    OWNER = "owner"
    OFFICE = "office"
    INSTRUCTOR = "instructor"
    STUDENT = "student"
    ACCOUNTANT = "accountant"


class UserStatus(StrEnum):
    """Whether a user may sign in."""

    ACTIVE = "active"
    DISABLED = "disabled"


Roles = Annotated[list[Role], Field(min_length=1, max_length=len(Role))]
PersonId = Annotated[
    InstructorId | StudentId, Field(description="Whose own rows the user may see.")
]


class User(WireModel):
    """One user."""

    id: UserId
    login: Login
    roles: Roles
    linked_person_id: PersonId | None
    status: UserStatus
    has_mfa: bool
    created_at: Instant
    version: Version


class SaveUser(Params):
    """Params of users.save: without userId a new one is made, who has no password yet."""

    user_id: UserId | None = None
    login: Login
    roles: Roles
    linked_person_id: PersonId | None = None
    status: UserStatus = UserStatus.ACTIVE
    expected_version: Version | None = None


class ListUsers(Params):
    """Params of users.list."""

    role: Role | None = None
    status: UserStatus | None = None


class UserPage(WireModel):
    """Users by login."""

    items: list[User]
