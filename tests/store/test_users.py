"""The users as rows."""

import pytest
from hypothesis import given
from hypothesis import strategies as some

from rpcbackend.errors import NotFoundError
from rpcbackend.schema.users import ListUsers, Role, User, UserPage, UserStatus
from rpcbackend.store import Proofs, Store, Work
from rpcbackend.store.driver import IntegrityError
from rpcbackend.store.users import login_key
from tests.factories import an_id
from tests.people import PASSWORD, make_user, quick_hash


async def put(store: Store, *users: User, password_hash: str | None = None) -> None:
    async def unit(work: Work) -> None:
        for user in users:
            await work.users.put(user)
            await work.credentials.put(Proofs(user_id=user.id, password_hash=password_hash))

    await store.write(unit, actor="tests")


@pytest.mark.parametrize(
    ("login", "key"),
    [
        (" Ada ", "ada"),
        ("ADA@Example.ORG", "ada@example.org"),
        ("Groß", "gross"),
        ("\uff21da", "ada"),
        ("Zoe\u0308", "zoë"),
        ("ﬁ", "fi"),
    ],
)
def test_logins_are_compared_without_case_and_forms(login: str, key: str) -> None:
    assert login_key(login) == key


@given(login=some.text())
def test_the_key_of_a_key_is_itself(login: str) -> None:
    assert login_key(login_key(login)) == login_key(login)


async def test_a_user_is_found_by_id_and_by_any_way_to_write_his_login(store: Store) -> None:
    user = make_user(login="Zoë", linked_person_id=an_id("stu"), has_mfa=True)
    assert not await store.read(lambda work: work.users.any())
    await put(store, user)

    assert await store.read(lambda work: work.users.any())
    assert await store.read(lambda work: work.users.get(user.id)) == user
    assert await store.read(lambda work: work.users.find("ZOE\u0308")) == user
    assert await store.read(lambda work: work.users.find("zoe")) is None
    with pytest.raises(NotFoundError):
        await store.read(lambda work: work.users.require(an_id("usr", 9)))


async def test_the_database_itself_keeps_logins_apart(store: Store) -> None:
    await put(store, make_user(login="ada"))

    with pytest.raises(IntegrityError, match=r"(?i)UNIQUE"):
        await put(store, make_user(id=an_id("usr", 2), login="ADA"))


async def test_users_come_by_login_and_fit_role_and_status(store: Store) -> None:
    b = make_user(id=an_id("usr", 1), login="b")
    a = make_user(id=an_id("usr", 2), login="A", roles=[Role.OFFICE], status=UserStatus.DISABLED)
    await put(store, b, a)

    async def unit(work: Work) -> list[bytes]:
        return [
            (await work.users.list(ListUsers.model_validate(wanted))).json
            for wanted in ({}, {"role": "owner"}, {"status": "disabled"}, {"role": "student"})
        ]

    pages = await store.read(unit)

    assert [UserPage.model_validate_json(page).items for page in pages] == [[a, b], [b], [a], []]


async def test_an_owner_counts_if_he_can_sign_in(store: Store) -> None:
    async def count() -> int:
        return await store.read(lambda work: work.users.active_owners())

    await put(store, make_user(login="no password"))
    await put(
        store,
        make_user(id=an_id("usr", 2), login="disabled", status=UserStatus.DISABLED),
        make_user(id=an_id("usr", 3), login="office", roles=[Role.OFFICE]),
        password_hash=quick_hash(PASSWORD),
    )
    assert await count() == 0

    await put(
        store,
        make_user(id=an_id("usr", 4), login="owner", roles=[Role.OFFICE, Role.OWNER]),
        password_hash=quick_hash(PASSWORD),
    )
    assert await count() == 1
