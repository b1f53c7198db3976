"""Whoever makes a call."""

import pytest

from rpcbackend.schema.users import Role
from rpcbackend.security.principal import LOCAL, NOBODY, Principal
from rpcbackend.security.roles import GRANTS, NEEDS, Permission, Reach


def test_a_principal_reaches_as_far_as_his_grants() -> None:
    someone = Principal(
        kind="user", actor="usr_1", grants={Permission.LESSONS_READ: Reach.OWN}, person_id="ins_1"
    )

    assert someone.reach(Permission.LESSONS_READ) is Reach.OWN
    assert someone.reach(Permission.LESSONS_BOOK) is None


def test_nobody_may_nothing() -> None:
    assert [one for one in Permission if NOBODY.reach(one) is not None] == []


def test_the_one_desk_of_a_school_without_users_may_what_the_owner_may() -> None:
    assert LOCAL.grants == GRANTS[Role.OWNER]
    assert [one for one in Permission if LOCAL.reach(one) is not Reach.ALL] == []


@pytest.mark.parametrize("permission", NEEDS)
def test_a_permission_is_held_only_with_the_one_that_it_needs(permission: Permission) -> None:
    needed = NEEDS[permission]

    def reach_with(*held: Permission) -> Reach | None:
        grants = dict.fromkeys(held, Reach.ALL)
        return Principal(kind="api_key", actor="key_1", grants=grants).reach(permission)

    assert [reach_with(permission), reach_with(needed)] == [None, None]
    assert reach_with(permission, needed) is Reach.ALL
