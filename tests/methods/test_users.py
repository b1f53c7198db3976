"""What the users.* channels answer."""

from collections.abc import AsyncIterator

import pytest

from rpcbackend.app import Application
from rpcbackend.schema.users import Role
from rpcbackend.store import Store
from rpcbackend.testing import CallFailedError, Client, FrozenClock
from tests.factories import add_all, an_id, keyed, told_of
from tests.people import OTHER_PASSWORD, add_role, app_for_people, refused, sign_in, signed_in


@pytest.fixture
async def app(clock: FrozenClock) -> AsyncIterator[Application]:
    """An application with an owner, where signing in is quick."""
    async with app_for_people(clock) as running:
        await add_role(running, Role.OWNER)
        yield running


@pytest.fixture
async def owner(app: Application) -> Client:
    """The owner's connection."""
    return await sign_in(app)


async def test_a_new_user_is_answered_whole_and_told_of_without_his_login(
    owner: Client, store: Store
) -> None:
    await add_all(store)
    before = store.head_seq

    saved = await owner.call(
        "users.save",
        login=" Ines@example.org ",
        roles=["instructor", "office", "instructor"],
        linkedPersonId=an_id("ins"),
    )

    assert saved == {
        "id": saved["id"],
        "login": "Ines@example.org",
        "roles": ["instructor", "office"],
        "linkedPersonId": an_id("ins"),
        "status": "active",
        "hasMfa": False,
        "createdAt": "2026-11-23T08:00:00Z",
        "version": 1,
    }
    aggregate = {"type": "user", "id": saved["id"], "version": 1}
    assert await told_of(store, before) == [("users.created", aggregate, {"userId": saved["id"]})]


async def test_a_user_is_replaced_and_keeps_his_password_and_his_sessions(
    app: Application, owner: Client, store: Store
) -> None:
    office = await signed_in(app, Role.OFFICE)
    old = (await office.call("auth.me"))["user"]
    before = store.head_seq

    new = await owner.call(
        "users.save", userId=old["id"], login="desk", roles=["accountant"], expectedVersion=1
    )

    assert new == old | {"login": "desk", "roles": ["accountant"], "version": 2}
    assert (await office.call("auth.me"))["user"] == new
    await sign_in(app, "desk")
    assert [event for event, _, _ in await told_of(store, before)] == [
        "users.updated",
        "auth.login_succeeded",
    ]


async def test_a_disabled_user_s_sessions_and_keys_end_and_do_not_come_back(
    app: Application, owner: Client, store: Store
) -> None:
    second = await owner.call("users.save", login="second", roles=["owner"])
    await owner.call("auth.changePassword", userId=second["id"], newPassword=OTHER_PASSWORD)
    maker = await sign_in(app, "second", password=OTHER_PASSWORD)
    key = await maker.call("apikeys.create", name="k", scopes=["students:read"], **keyed())
    before = store.head_seq
    saved = {"userId": second["id"], "login": "second", "roles": ["owner"]}

    await owner.call("users.save", **saved, status="disabled")

    assert [event for event, _, _ in await told_of(store, before)] == [
        "users.disabled",
        "auth.session_revoked",
        "apikeys.revoked",
    ]
    await owner.call("users.save", **saved)
    assert await refused(maker, "auth.me") == "SESSION_EXPIRED"
    [listed] = (await owner.call("apikeys.list"))["items"]
    assert listed == key["key"] | {"revokedAt": "2026-11-23T08:00:00Z"}


async def test_an_owner_may_step_down_when_another_one_can_sign_in(owner: Client) -> None:
    me = (await owner.call("auth.me"))["user"]
    second = await owner.call("users.save", login="second", roles=["owner"])
    await owner.call("auth.changePassword", userId=second["id"], newPassword=OTHER_PASSWORD)

    await owner.call("users.save", userId=me["id"], login="owner", roles=["office"])

    assert (await owner.call("auth.me"))["roles"] == ["office"]
    assert await refused(owner, "users.list") == "FORBIDDEN"


async def test_a_login_belongs_to_one_user_however_it_is_written(owner: Client) -> None:
    first = await owner.call("users.save", login="Ada", roles=["office"])

    with pytest.raises(CallFailedError) as failed:
        await owner.call("users.save", login="\uff21DA ", roles=["student"])

    assert failed.value.symbol == "DUPLICATE"
    assert failed.value.details == {"candidates": [first["id"]]}
    await owner.call("users.save", userId=first["id"], login="ADA", roles=["office"])


async def test_a_user_is_not_changed_by_who_saw_another_version(owner: Client) -> None:
    saved = await owner.call("users.save", login="ada", roles=["office"])

    symbol = await refused(
        owner, "users.save", userId=saved["id"], login="a", roles=["office"], expectedVersion=2
    )

    assert symbol == "VERSION_CONFLICT"


@pytest.mark.parametrize(
    ("roles", "person", "fits"),
    [
        (["student"], "ins", False),
        (["instructor"], "stu", False),
        (["owner", "office"], "ins", False),
        (["office", "accountant"], "stu", False),
        (["instructor", "student"], "ins", True),
        (["instructor", "student"], "stu", True),
        (["owner", "instructor"], "ins", True),
    ],
    ids=str,
)
async def test_a_user_is_linked_to_a_person_who_fits_one_of_his_roles(
    owner: Client, store: Store, roles: list[str], person: str, fits: bool
) -> None:
    await add_all(store)
    wanted = {"login": "x", "roles": roles, "linkedPersonId": an_id(person)}

    if fits:
        assert (await owner.call("users.save", **wanted))["linkedPersonId"] == an_id(person)
        return
    with pytest.raises(CallFailedError) as failed:
        await owner.call("users.save", **wanted)
    assert failed.value.symbol == "INVALID_PARAMS"
    assert failed.value.details == {
        "errors": [{"path": "linkedPersonId", "rule": "person_does_not_fit_roles"}]
    }


@pytest.mark.parametrize(
    "given",
    [
        {"userId": an_id("usr", 404)},
        {"linkedPersonId": an_id("ins", 404)},
        {"linkedPersonId": an_id("stu", 404)},
    ],
    ids=["user", "instructor", "student"],
)
async def test_who_is_named_must_exist(owner: Client, given: dict[str, str]) -> None:
    roles = ["instructor", "student"]

    assert await refused(owner, "users.save", login="x", roles=roles, **given) == "NOT_FOUND"


async def test_users_are_listed_by_login_and_narrowed_by_role_and_status(
    owner: Client,
) -> None:
    me = (await owner.call("auth.me"))["user"]
    eva = await owner.call("users.save", login="eva", roles=["office", "instructor"])
    ada = await owner.call("users.save", login="Ada", roles=["office"], status="disabled")

    assert await owner.call("users.list") == {"items": [ada, eva, me]}
    assert await owner.call("users.list", role="office") == {"items": [ada, eva]}
    assert await owner.call("users.list", role="instructor") == {"items": [eva]}
    assert await owner.call("users.list", status="disabled") == {"items": [ada]}
