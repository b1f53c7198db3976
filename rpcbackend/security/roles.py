"""Who may do what: one table of roles, permissions, and how far each reaches."""

from collections.abc import Collection, Mapping
from enum import StrEnum
from types import MappingProxyType

from rpcbackend.schema.users import Role


class Permission(StrEnum):
    """What a caller must hold to use a channel."""

    PUBLIC = "public"
    """Open to everybody who can speak to the process at all."""
    SIGNED_IN = "signed_in"
    """Open to every user who has signed in, for what is his own."""

    APIKEYS_READ = "apikeys:read"
    APIKEYS_WRITE = "apikeys:write"
    AUDIT_READ = "audit:read"
    BACKUPS_READ = "backups:read"
    BACKUPS_WRITE = "backups:write"
    BRANCHES_READ = "branches:read"
    BRANCHES_WRITE = "branches:write"
    CONSENTS_READ = "consents:read"
    CONSENTS_WRITE = "consents:write"
    EVENTS_READ = "events:read"
    EXPORTS_WRITE = "exports:write"
    FEEDS_READ = "feeds:read"
    FEEDS_WRITE = "feeds:write"
    INSTRUCTORS_READ = "instructors:read"
    INSTRUCTORS_WRITE = "instructors:write"
    JOBS_READ = "jobs:read"
    JOBS_CANCEL = "jobs:cancel"
    KEYS_WRITE = "keys:write"
    LESSONS_READ = "lessons:read"
    LESSONS_BOOK = "lessons:book"
    LESSONS_CANCEL = "lessons:cancel"
    LESSONS_RESCHEDULE = "lessons:reschedule"
    LESSONS_SEARCH = "lessons:search"
    LOGS_WRITE = "logs:write"
    MESSAGES_READ = "messages:read"
    MESSAGES_SEND = "messages:send"
    MESSAGES_WRITE = "messages:write"
    METRICS_READ = "metrics:read"
    SCHEDULES_READ = "schedules:read"
    SCHEDULES_WRITE = "schedules:write"
    PROVIDERS_READ = "providers:read"
    PROVIDERS_WRITE = "providers:write"
    PAYMENTS_READ = "payments:read"
    PAYMENTS_WRITE = "payments:write"
    STORE_CHECK = "store:check"
    STUDENTS_READ = "students:read"
    STUDENTS_WRITE = "students:write"
    STUDENTS_UPDATE = "students:update"
    TRANSCRIPTS_READ = "transcripts:read"
    TEMPLATES_READ = "templates:read"
    TEMPLATES_WRITE = "templates:write"
    USERS_READ = "users:read"
    USERS_WRITE = "users:write"
    VEHICLES_READ = "vehicles:read"
    VEHICLES_WRITE = "vehicles:write"
    WEBHOOKS_READ = "webhooks:read"
    WEBHOOKS_WRITE = "webhooks:write"


class Reach(StrEnum):
    """How far a permission goes."""

    ALL = "all"
    OWN = "own"
    """Only rows of the person that the user is linked to, instructor or student."""
    OWN_AS_INSTRUCTOR = "own_as_instructor"
    """The same, and nothing when he is linked to a student."""
    OWN_AS_STUDENT = "own_as_student"
    """The same, and nothing when he is linked to an instructor."""


_P, _ALL = Permission, Reach.ALL
_TEACHING, _LEARNING = Reach.OWN_AS_INSTRUCTOR, Reach.OWN_AS_STUDENT

GRANTS: Mapping[Role, Mapping[Permission, Reach]] = MappingProxyType(
    {
        Role.OWNER: dict.fromkeys(Permission, _ALL),
        Role.OFFICE: {
            _P.BRANCHES_READ: _ALL,
            _P.CONSENTS_READ: _ALL,
            _P.CONSENTS_WRITE: _ALL,
            _P.EVENTS_READ: _ALL,
            _P.FEEDS_READ: _ALL,
            _P.FEEDS_WRITE: _ALL,
            _P.INSTRUCTORS_READ: _ALL,
            _P.LESSONS_READ: _ALL,
            _P.LESSONS_BOOK: _ALL,
            _P.LESSONS_CANCEL: _ALL,
            _P.LESSONS_RESCHEDULE: _ALL,
            _P.LESSONS_SEARCH: _ALL,
            _P.MESSAGES_READ: _ALL,
            _P.MESSAGES_SEND: _ALL,
            _P.MESSAGES_WRITE: _ALL,
            _P.PAYMENTS_READ: _ALL,
            _P.PAYMENTS_WRITE: _ALL,
            _P.STUDENTS_READ: _ALL,
            _P.STUDENTS_WRITE: _ALL,
            _P.STUDENTS_UPDATE: _ALL,
            _P.TEMPLATES_READ: _ALL,
            _P.TEMPLATES_WRITE: _ALL,
            _P.VEHICLES_READ: _ALL,
            _P.VEHICLES_WRITE: _ALL,
        },
        Role.INSTRUCTOR: {
            _P.BRANCHES_READ: _ALL,
            _P.EVENTS_READ: _TEACHING,
            _P.FEEDS_READ: _TEACHING,
            _P.FEEDS_WRITE: _TEACHING,
            _P.INSTRUCTORS_READ: _TEACHING,
            _P.LESSONS_READ: _TEACHING,
            _P.LESSONS_BOOK: _TEACHING,
            _P.LESSONS_CANCEL: _TEACHING,
            _P.LESSONS_RESCHEDULE: _TEACHING,
            _P.LESSONS_SEARCH: _TEACHING,
            _P.MESSAGES_SEND: _TEACHING,
            _P.STUDENTS_READ: _TEACHING,
            _P.TEMPLATES_READ: _ALL,
            _P.VEHICLES_READ: _ALL,
        },
        Role.STUDENT: {
            _P.BRANCHES_READ: _ALL,
            _P.CONSENTS_READ: _LEARNING,
            _P.CONSENTS_WRITE: _LEARNING,
            _P.EVENTS_READ: _LEARNING,
            _P.FEEDS_READ: _LEARNING,
            _P.FEEDS_WRITE: _LEARNING,
            _P.INSTRUCTORS_READ: _LEARNING,
            _P.LESSONS_READ: _LEARNING,
            _P.LESSONS_CANCEL: _LEARNING,
            _P.LESSONS_SEARCH: _LEARNING,
            _P.STUDENTS_READ: _LEARNING,
            _P.STUDENTS_UPDATE: _LEARNING,
        },
        Role.ACCOUNTANT: {
            _P.AUDIT_READ: _ALL,
            _P.BRANCHES_READ: _ALL,
            _P.EVENTS_READ: _ALL,
            _P.EXPORTS_WRITE: _ALL,
            _P.INSTRUCTORS_READ: _ALL,
            _P.LESSONS_READ: _ALL,
            _P.PAYMENTS_READ: _ALL,
            _P.PAYMENTS_WRITE: _ALL,
            _P.STUDENTS_READ: _ALL,
            _P.VEHICLES_READ: _ALL,
        },
    }
)
"""The table of domain.md section 3.2. What stands in no line is refused."""

SCOPES: Mapping[str, frozenset[Permission]] = MappingProxyType(
    {
        "audit:read": frozenset({_P.AUDIT_READ}),
        "lessons:book": frozenset({_P.LESSONS_BOOK, _P.LESSONS_CANCEL}),
        "lessons:read": frozenset(
            {
                _P.LESSONS_READ,
                _P.LESSONS_SEARCH,
                _P.BRANCHES_READ,
                _P.INSTRUCTORS_READ,
                _P.VEHICLES_READ,
                _P.EVENTS_READ,
            }
        ),
        "messages:read": frozenset({_P.MESSAGES_READ}),
        "messages:write": frozenset({_P.MESSAGES_SEND, _P.MESSAGES_WRITE}),
        "metrics:read": frozenset({_P.METRICS_READ}),
        "students:read": frozenset({_P.STUDENTS_READ}),
        "students:write": frozenset({_P.STUDENTS_WRITE, _P.STUDENTS_UPDATE}),
    }
)
"""What an API key's scope opens, at most; users, keys and settings are for people alone.

`students:write`, and `messages:write` for sending, open nothing without `students:read`: see
`NEEDS`.
"""

NEEDS: Mapping[Permission, Permission] = MappingProxyType(
    {
        _P.MESSAGES_SEND: _P.STUDENTS_READ,
        _P.STUDENTS_WRITE: _P.STUDENTS_READ,
        _P.STUDENTS_UPDATE: _P.STUDENTS_READ,
    }
)
"""Permissions that are of no use without another one: their channels answer whole records."""

EVENT_AREAS: Mapping[str, Permission] = MappingProxyType(
    {
        "apikeys": _P.USERS_READ,
        "auth": _P.USERS_READ,
        "backups": _P.BACKUPS_READ,
        "branches": _P.BRANCHES_READ,
        "consents": _P.CONSENTS_READ,
        "exports": _P.EXPORTS_WRITE,
        # Whoever makes one of his own knows of it.
        "feeds": _P.USERS_READ,
        "instructors": _P.INSTRUCTORS_READ,
        "jobs": _P.JOBS_READ,
        "lessons": _P.LESSONS_READ,
        "schedules": _P.SCHEDULES_READ,
        "messages": _P.MESSAGES_READ,
        "payments": _P.PAYMENTS_READ,
        "providers": _P.PROVIDERS_READ,
        "sessions": _P.USERS_READ,
        "students": _P.STUDENTS_READ,
        "templates": _P.TEMPLATES_READ,
        "users": _P.USERS_READ,
        "vehicles": _P.VEHICLES_READ,
        "webhooks": _P.WEBHOOKS_READ,
    }
)
"""What must be held to be told of an area, by the first word of its events' types."""


def grants_of(roles: list[Role]) -> dict[Permission, Reach]:
    """Return what the roles together allow, each as far as the furthest of them."""
    grants: dict[Permission, Reach] = {Permission.SIGNED_IN: _ALL}
    for role in roles:
        for permission, reach in GRANTS[role].items():
            grants[permission] = _further(grants.get(permission, reach), reach)
    return grants


def _further(one: Reach, other: Reach) -> Reach:
    if one is other:
        return one
    return _ALL if _ALL in (one, other) else Reach.OWN


def fits_roles(person_id: str, roles: Collection[Role]) -> bool:
    """Tell whether a user of these roles may be linked to the person with this id."""
    return (Role.INSTRUCTOR if person_id.startswith("ins_") else Role.STUDENT) in roles
