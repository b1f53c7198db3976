"""The table of roles and permissions; tests/test_matrix.py holds what it means for each channel."""

import re
from itertools import combinations

import pytest

from rpcbackend.methods import build_registry
from rpcbackend.schema.users import Role
from rpcbackend.security.roles import (
    EVENT_AREAS,
    GRANTS,
    NEEDS,
    SCOPES,
    Permission,
    Reach,
    grants_of,
)

COMING = {
    Permission.APIKEYS_READ,
    Permission.APIKEYS_WRITE,
    Permission.AUDIT_READ,
    Permission.JOBS_CANCEL,
    Permission.JOBS_READ,
    Permission.KEYS_WRITE,
    Permission.SIGNED_IN,
    Permission.USERS_READ,
    Permission.USERS_WRITE,
}
"""Asked for by channels that are still to come."""


def test_every_permission_is_asked_for_by_some_channel() -> None:
    asked_for = {method.permission for method in build_registry()}

    assert asked_for | COMING | {Permission.STORE_CHECK} == set(Permission)


def test_a_permission_is_named_after_its_area_and_what_it_allows() -> None:
    named = set(Permission) - {Permission.PUBLIC, Permission.SIGNED_IN}

    assert [
        one
        for one in named
        if not re.fullmatch(
            r"[a-z]+:(read|search|send|write|book|reschedule|cancel|check|update)", one
        )
    ] == []


def test_no_command_on_records_is_open_to_everybody_but_those_that_ask_by_themselves() -> None:
    public = {
        method.channel for method in build_registry() if method.permission is Permission.PUBLIC
    }

    # For a password, a token, the token of a feed, or a signature.
    asking = {"auth.bootstrap", "auth.login", "auth.refresh", "feeds.read", "webhooks.receive"}
    assert public - asking == {*("initialize", "ping", "rpc.discover", "shutdown", "system.health")}


def test_every_role_has_its_line_and_only_the_owner_has_all() -> None:
    assert set(GRANTS) == set(Role)
    assert [role for role in Role if set(GRANTS[role]) == set(Permission)] == [Role.OWNER]


@pytest.mark.parametrize("role", [Role.INSTRUCTOR, Role.STUDENT])
def test_who_is_no_clerk_sees_of_people_only_his_own(role: Role) -> None:
    everybody_s = {one for one, reach in GRANTS[role].items() if reach is Reach.ALL}

    of_nobody = {Permission.BRANCHES_READ, Permission.TEMPLATES_READ, Permission.VEHICLES_READ}
    assert everybody_s <= of_nobody


@pytest.mark.parametrize("role", Role)
def test_who_signed_in_may_what_is_open_to_everybody_who_did(role: Role) -> None:
    assert grants_of([role]) == {Permission.SIGNED_IN: Reach.ALL, **GRANTS[role]}


@pytest.mark.parametrize("roles", [*combinations(Role, 2), *combinations(Role, 3)], ids="+".join)
def test_roles_together_allow_what_any_does_as_far_as_the_furthest(roles: tuple[Role, ...]) -> None:
    for order in (roles, tuple(reversed(roles))):
        grants = grants_of(list(order))

        for permission in set(Permission) - {Permission.SIGNED_IN}:
            reaches = {GRANTS[role].get(permission) for role in roles} - {None}
            both = Reach.ALL if Reach.ALL in reaches else Reach.OWN
            furthest = both if len(reaches) > 1 else next(iter(reaches), None)
            assert grants.get(permission) is furthest


def test_no_scope_opens_users_keys_or_settings() -> None:
    opened = frozenset().union(*SCOPES.values())

    assert {one for one in opened if one.partition(":")[0] in {"users", "apikeys", "keys"}} == set()
    assert Permission.SIGNED_IN not in opened
    assert Permission.BRANCHES_WRITE not in opened


def test_a_scope_that_reads_opens_nothing_that_writes() -> None:
    for scope, opened in SCOPES.items():
        if scope.endswith(":read"):
            assert {permission.rpartition(":")[2] for permission in opened} <= {"read", "search"}


def test_no_role_holds_a_permission_without_what_it_needs() -> None:
    assert [
        (role, permission)
        for role in Role
        for permission, needed in NEEDS.items()
        if permission in GRANTS[role] and needed not in GRANTS[role]
    ] == []


def test_every_event_that_there_is_has_its_area() -> None:
    told = {event.partition(".")[0] for method in build_registry() for event in method.events}

    assert told <= EVENT_AREAS.keys()
