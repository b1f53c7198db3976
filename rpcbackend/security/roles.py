"""The permissions that channels ask for."""

from enum import StrEnum


class Permission(StrEnum):
    """What a caller must hold to use a channel."""

    PUBLIC = "public"
    """Open to everybody who can speak to the process at all."""

    AUDIT_READ = "audit:read"
    BRANCHES_READ = "branches:read"
    BRANCHES_WRITE = "branches:write"
    EVENTS_READ = "events:read"
    INSTRUCTORS_READ = "instructors:read"
    INSTRUCTORS_WRITE = "instructors:write"
    LESSONS_READ = "lessons:read"
    LESSONS_BOOK = "lessons:book"
    STUDENTS_READ = "students:read"
    STUDENTS_WRITE = "students:write"
    VEHICLES_READ = "vehicles:read"
    VEHICLES_WRITE = "vehicles:write"
