"""What the apikeys.* channels answer."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest

from rpcbackend.app import Application
from rpcbackend.context import Context
from rpcbackend.errors import ForbiddenError
from rpcbackend.ids import Ids
from rpcbackend.methods.apikeys import create
from rpcbackend.schema.apikeys import CreateApiKey
from rpcbackend.schema.meta import CallMeta
from rpcbackend.schema.users import Role
from rpcbackend.security.principal import Principal
from rpcbackend.security.roles import GRANTS, Permission, Reach
from rpcbackend.store import Store
from rpcbackend.surroundings import Surroundings
from rpcbackend.testing import CallFailedError, Client, FrozenClock, running_app
from tests.factories import an_id, keyed, told_of
from tests.people import add_role, app_for_people, refused, sign_in, with_token
from tests.store.gate import Gate

KEY = {"name": "Website", "scopes": ["students:read", "lessons:read", "students:read"]}


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


async def test_a_new_key_is_shown_once_and_told_of_without_its_secret(
    owner: Client, store: Store
) -> None:
    before = store.head_seq

    created = await owner.call("apikeys.create", **KEY, **keyed())

    key = {
        "id": created["secret"][4:12],
        "name": "Website",
        "scopes": ["lessons:read", "students:read"],
        "userId": (await owner.call("auth.me"))["user"]["id"],
        "createdAt": "2026-11-23T08:00:00Z",
        "expiresAt": "2027-02-21T08:00:00Z",
        "revokedAt": None,
        "lastUsedAt": None,
    }
    assert created == {"key": key, "secret": created["secret"]}
    assert await owner.call("apikeys.list") == {"items": [key]}
    aggregate = {"type": "api_key", "id": key["id"], "version": 1}
    assert await told_of(store, before) == [("apikeys.created", aggregate, {"keyId": key["id"]})]


async def test_a_key_opens_what_its_scopes_say_and_nothing_else(
    app: Application, owner: Client
) -> None:
    secret = (await owner.call("apikeys.create", **KEY, **keyed()))["secret"]
    program = Client(app)

    assert await program.call("students.list", **with_token(secret)) == {
        "items": [],
        "nextCursor": None,
    }
    assert await refused(program, "lessons.book", **BOOKING, **with_token(secret)) == (
        "SCOPE_MISSING"
    )
    assert await refused(program, "students.list") == "UNAUTHENTICATED"


BOOKING = {
    "studentId": an_id("stu"),
    "instructorId": an_id("ins"),
    "startsAt": "2026-11-24T09:00:00Z",
    "durationMinutes": 90,
}


async def test_a_key_is_good_until_it_expires(
    app: Application, owner: Client, clock: FrozenClock
) -> None:
    secret = (await owner.call("apikeys.create", **KEY, days=1, **keyed()))["secret"]
    program = Client(app)
    clock.advance(24 * 3600 - 1)
    await program.call("students.list", **with_token(secret))
    clock.advance(1)

    assert await refused(program, "students.list", **with_token(secret)) == "SESSION_EXPIRED"


async def test_a_revoked_key_opens_nothing_from_that_moment_and_stays_revoked(
    app: Application, owner: Client, store: Store, clock: FrozenClock
) -> None:
    created = await owner.call("apikeys.create", **KEY, **keyed())
    program = Client(app)
    await program.call("students.list", **with_token(created["secret"]))
    before = store.head_seq

    revoked = await owner.call("apikeys.revoke", keyId=created["key"]["id"])
    clock.advance(60)
    again = await owner.call("apikeys.revoke", keyId=created["key"]["id"])

    assert revoked == again == created["key"] | {"revokedAt": "2026-11-23T08:00:00Z"}
    assert [event for event, _, _ in await told_of(store, before)] == ["apikeys.revoked"]
    symbol = await refused(program, "students.list", **with_token(created["secret"]))
    assert symbol == "SESSION_EXPIRED"


async def test_an_unknown_key_is_not_found(owner: Client) -> None:
    assert await refused(owner, "apikeys.revoke", keyId="abcd1234") == "NOT_FOUND"


async def test_a_repeated_delivery_answers_the_key_without_its_secret(owner: Client) -> None:
    params = KEY | keyed()
    first = await owner.call_with_meta("apikeys.create", params)

    second = await owner.call_with_meta("apikeys.create", params)

    assert second["_meta"]["replayed"] is True
    assert (second["key"], second["secret"]) == (first["key"], None)
    assert first["secret"]


async def test_who_lost_the_answer_finds_the_key_that_nobody_knows_and_makes_another(
    owner: Client,
) -> None:
    await owner.start("apikeys.create", KEY | keyed("lost"))

    found = await owner.call("apikeys.create", **KEY, **keyed("lost"))
    await owner.call("apikeys.revoke", keyId=found["key"]["id"])
    made = await owner.call("apikeys.create", **KEY, **keyed("again"))

    assert made["secret"]
    listed = (await owner.call("apikeys.list"))["items"]
    assert {key["id"]: key["revokedAt"] is None for key in listed} == {
        found["key"]["id"]: False,
        made["key"]["id"]: True,
    }


async def test_a_dry_run_shows_the_key_without_a_secret(owner: Client) -> None:
    tried = await owner.call("apikeys.create", **KEY, **keyed(dryRun=True))

    assert tried["secret"] is None
    assert await owner.call("apikeys.list") == {"items": []}


async def test_a_scope_that_there_is_not_is_refused_by_its_path(owner: Client) -> None:
    with pytest.raises(CallFailedError) as failed:
        await owner.call(
            "apikeys.create", name="x", scopes=["students:read", "users:write"], **keyed()
        )

    assert failed.value.symbol == "INVALID_PARAMS"
    assert failed.value.details == {"errors": [{"path": "scopes.1", "rule": "unknown_scope"}]}


async def test_a_key_that_writes_students_must_read_them_too(owner: Client) -> None:
    """What students.update and students.create answer is all of a student, and of namesakes."""
    with pytest.raises(CallFailedError) as failed:
        await owner.call(
            "apikeys.create", name="x", scopes=["lessons:read", "students:write"], **keyed()
        )

    assert failed.value.symbol == "INVALID_PARAMS"
    assert failed.value.details == {"errors": [{"path": "scopes.1", "rule": "needs_read_scope"}]}
    await owner.call(
        "apikeys.create", name="x", scopes=["students:write", "students:read"], **keyed()
    )


@pytest.mark.parametrize("channel", ["apikeys.create", "apikeys.revoke"])
async def test_keys_are_changed_only_by_who_just_gave_his_password(
    owner: Client, clock: FrozenClock, channel: str
) -> None:
    params: Mapping[str, Any] = KEY if channel == "apikeys.create" else {"keyId": "abcd1234"}
    clock.advance(301)

    assert await refused(owner, channel, **params) == "PASSWORD_REQUIRED"


async def test_nobody_gives_a_key_more_than_he_has(app: Application, clock: FrozenClock) -> None:
    """No role of today makes keys without holding all that scopes open; one may come."""
    grants = dict(GRANTS[Role.INSTRUCTOR]) | {Permission.APIKEYS_WRITE: Reach.ALL}
    ctx = Context(
        host=app,
        connection=Client(app).server,
        clock=clock,
        ids=Ids(clock),
        meta=CallMeta(),
        channel=create.channel,
        permission=create.permission,
        principal=Principal(kind="user", actor=an_id("usr"), grants=MappingProxyType(grants)),
    )

    with pytest.raises(ForbiddenError):
        await create(ctx, CreateApiKey(name="x", scopes=["students:read", "audit:read"]))


async def test_a_list_of_keys_waits_for_the_uses_before_it(
    tmp_path: Path, clock: FrozenClock
) -> None:
    async with running_app(tmp_path, Surroundings(clock=clock)) as app:
        await add_role(app, Role.OWNER)
        owner = await sign_in(app)
        created = await owner.call("apikeys.create", **KEY, **keyed())
        clock.advance(90)
        gate = Gate()
        holding = asyncio.ensure_future(app.store.write(gate.hold, actor="tests"))
        await gate.entered()
        with_key = with_token(created["secret"])
        await Client(app).call("students.list", **with_key)

        listing = asyncio.ensure_future(owner.call("apikeys.list"))
        await Client(app).call("students.list", **with_key)
        gate.open()
        await holding

        assert (await listing)["items"][0]["lastUsedAt"] == "2026-11-23T08:01:30Z"
