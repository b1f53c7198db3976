"""Whoever makes a call."""

from rpcbackend.schema.users import Role
from rpcbackend.security.principal import LOCAL, NOBODY, Principal
from rpcbackend.security.roles import GRANTS, Permission, Reach


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
