"""What the sessions.* channels answer."""

from collections.abc import AsyncIterator

import pytest

from rpcbackend.app import Application
from rpcbackend.schema.users import Role
from rpcbackend.store import Store
from rpcbackend.testing import Client, FrozenClock
from tests.factories import an_id, told_of
from tests.people import add_role, app_for_people, log_in, refused, sign_in, signed_in


@pytest.fixture
async def app(clock: FrozenClock) -> AsyncIterator[Application]:
    """An application with an owner, where signing in is quick."""
    async with app_for_people(clock) as running:
        await add_role(running, Role.OWNER)
        yield running


async def test_one_sees_one_s_own_sessions_the_last_used_first(
    app: Application, clock: FrozenClock
) -> None:
    await add_role(app, Role.OFFICE)
    first = await log_in(Client(app), "office", client="till")
    clock.advance(10)
    client = Client(app)
    second = await log_in(client, "office")

    page = await client.call("sessions.list")

    assert page == {"items": [second["session"], first["session"]]}


async def test_an_owner_sees_anybody_s_sessions(app: Application) -> None:
    await add_role(app, Role.OFFICE)
    theirs = await log_in(Client(app), "office")
    owner = await sign_in(app)

    page = await owner.call("sessions.list", userId=theirs["user"]["id"])

    assert page == {"items": [theirs["session"]]}
    assert await refused(owner, "sessions.list", userId=an_id("usr", 404)) == "NOT_FOUND"


async def test_nobody_else_sees_others_sessions(app: Application) -> None:
    owner = await log_in(Client(app))
    office = await signed_in(app, Role.OFFICE)

    assert await refused(office, "sessions.list", userId=owner["user"]["id"]) == "FORBIDDEN"


async def test_sessions_whose_time_is_over_are_not_listed(
    app: Application, clock: FrozenClock
) -> None:
    owner_id = (await log_in(Client(app)))["user"]["id"]
    office = await signed_in(app, Role.OFFICE)
    clock.advance(1_800)
    owner = await sign_in(app)

    assert len((await owner.call("sessions.list"))["items"]) == 1
    assert len((await office.call("sessions.list"))["items"]) == 1
    assert owner_id


async def test_while_nobody_has_to_sign_in_there_are_no_sessions(clock: FrozenClock) -> None:
    async with app_for_people(clock) as empty:
        assert await Client(empty).call("sessions.list") == {"items": []}


async def test_one_ends_a_session_of_one_s_own_at_once(app: Application, store: Store) -> None:
    other, client = Client(app), await sign_in(app)
    lost = await log_in(other)
    before = store.head_seq

    assert await client.call("sessions.revoke", sessionId=lost["session"]["id"]) == {}

    assert await refused(other, "auth.me") == "SESSION_EXPIRED"
    data = {
        "userId": lost["user"]["id"],
        "sessionId": lost["session"]["id"],
        "reason": "revoked",
    }
    aggregate = {"type": "user", "id": lost["user"]["id"], "version": 1}
    assert await told_of(store, before) == [("auth.session_revoked", aggregate, data)]


async def test_an_owner_ends_anybody_s_session(app: Application) -> None:
    await add_role(app, Role.OFFICE)
    client = Client(app)
    theirs = await log_in(client, "office")
    owner = await sign_in(app)

    await owner.call("sessions.revoke", sessionId=theirs["session"]["id"])

    assert await refused(client, "auth.me") == "SESSION_EXPIRED"


async def test_a_session_that_is_gone_is_not_found(app: Application) -> None:
    owner = await sign_in(app)

    assert await refused(owner, "sessions.revoke", sessionId=an_id("ses")) == "NOT_FOUND"
