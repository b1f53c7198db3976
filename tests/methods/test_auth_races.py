"""Commands that stand in the queue behind the one that takes their caller's rights away."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from rpcbackend.app import Application
from rpcbackend.schema.users import Role
from rpcbackend.store import Work
from rpcbackend.testing import Client, FrozenClock
from tests.clauses import clause
from tests.factories import an_id, keyed
from tests.people import (
    OTHER_PASSWORD,
    QuickHashing,
    add_role,
    add_user,
    app_for_people,
    log_in,
    make_user,
    refused,
    sign_in,
)

BRANCH = {"name": "Nord", "zone": "UTC", "currency": "EUR"}
KEY = {"name": "script", "scopes": ["students:read"]}


@pytest.fixture
async def app(clock: FrozenClock) -> AsyncIterator[Application]:
    """An application with an owner, where signing in is quick."""
    async with app_for_people(clock) as running:
        await add_role(running, Role.OWNER)
        yield running


async def answers(*calls: "asyncio.Future[dict[str, Any]]") -> list[str]:
    """Return how calls ended that were sent one behind the other: ok, or the error."""
    async with asyncio.timeout(30):
        replies = [await call for call in calls]
    return [reply["error"]["data"]["code"] if "error" in reply else "ok" for reply in replies]


async def known(*clients: Client) -> None:
    """Let the callers be remembered: then nothing is looked up any more before they act."""
    for client in clients:
        await client.call("auth.me")


@clause("access-ends-at-once")
@pytest.mark.parametrize(
    ("change", "refusal"),
    [
        ({"roles": ["owner"], "status": "disabled"}, "SESSION_EXPIRED"),
        ({"roles": ["student"]}, "FORBIDDEN"),
    ],
    ids=["disabled", "demoted"],
)
async def test_what_stands_behind_the_loss_of_rights_is_refused(
    app: Application, change: dict[str, Any], refusal: str
) -> None:
    bob = await add_user(app, make_user(id=an_id("usr", 50), login="bob", roles=[Role.OWNER]))
    ada, his = await sign_in(app), await sign_in(app, "bob")
    await known(ada, his)

    ended = await answers(
        ada.start("users.save", {"userId": bob.id, "login": "bob", **change}),
        his.start("users.save", {"login": "mallory", "roles": ["owner"]}),
        his.start("apikeys.create", KEY | keyed()),
        his.start("branches.save", BRANCH),
    )

    assert ended == ["ok", refusal, refusal, refusal]
    assert [user["login"] for user in (await ada.call("users.list"))["items"]] == ["bob", "owner"]


@clause("access-ends-at-once")
async def test_what_stands_behind_a_logout_is_refused(app: Application) -> None:
    ada = await sign_in(app)
    await known(ada)

    ended = await answers(ada.start("auth.logout", {}), ada.start("branches.save", BRANCH))

    assert ended == ["ok", "SESSION_EXPIRED"]


@clause("access-ends-at-once")
async def test_a_stolen_session_takes_no_second_factor_up_behind_its_end(app: Application) -> None:
    thief = Client(app)
    stolen = (await log_in(thief))["session"]["id"]
    ada = await sign_in(app)
    await known(ada, thief)

    ended = await answers(
        ada.start("sessions.revoke", {"sessionId": stolen}), thief.start("auth.mfaEnrol", {})
    )

    assert ended == ["ok", "SESSION_EXPIRED"]


@clause("access-ends-at-once")
async def test_behind_the_first_user_the_desk_is_nobody(clock: FrozenClock) -> None:
    async with app_for_people(clock) as app:
        desk, other = Client(app), Client(app)
        await desk.call("branches.list")
        owner = make_user()

        async def add_owner(work: Work) -> None:
            await work.users.put(owner)

        adding = asyncio.ensure_future(app.store.write(add_owner, actor="tests"))
        await asyncio.sleep(0)
        ended = await answers(other.start("branches.save", BRANCH))
        await adding

    assert ended == ["UNAUTHENTICATED"]


class SlowHashing(QuickHashing):
    """Lets the test do something while a password is looked at."""

    def __init__(self) -> None:
        super().__init__()
        self.asked, self.may_end = asyncio.Event(), asyncio.Event()
        self.may_end.set()

    async def hash(self, text: str) -> str:
        """Hash when the test lets it."""
        self.asked.set()
        await self.may_end.wait()
        return await super().hash(text)


@clause("access-ends-at-once")
async def test_who_is_demoted_while_his_password_is_hashed_sets_none_for_others(
    app: Application,
) -> None:
    bob = await add_user(app, make_user(id=an_id("usr", 50), login="bob", roles=[Role.OWNER]))
    ada, his = await sign_in(app), await sign_in(app, "bob")
    owner = (await ada.call("auth.me"))["user"]["id"]
    app.hashing = hashing = SlowHashing()
    hashing.may_end.clear()

    taking_over = his.start("auth.changePassword", {"userId": owner, "newPassword": OTHER_PASSWORD})
    async with asyncio.timeout(30):
        await hashing.asked.wait()
    await ada.call("users.save", userId=bob.id, login="bob", roles=["student"])
    hashing.may_end.set()

    assert await answers(taking_over) == ["FORBIDDEN"]
    again = {"login": "owner", "password": OTHER_PASSWORD}
    assert await refused(Client(app), "auth.login", **again) == "UNAUTHENTICATED"


@clause("idempotency-once")
async def test_a_stored_reply_shows_nobody_what_he_may_not_see_any_more(app: Application) -> None:
    """The key belongs to whoever saw the row: as another person he asks anew."""
    bob = await add_user(app, make_user(id=an_id("usr", 50), login="bob", roles=[Role.OFFICE]))
    ada, his = await sign_in(app), await sign_in(app, "bob")
    branch = await ada.call("branches.save", **BRANCH)
    student = {
        "branchId": branch["id"],
        "givenName": "Ada",
        "familyName": "Byron",
        "bornOn": "2001-01-01",
    }
    made = (await his.call("students.create", **student))["student"]
    change = {"studentId": made["id"], "phone": "+4930123456", "_meta": {"idempotencyKey": "k"}}
    await his.call("students.update", **change)

    await ada.call("users.save", userId=bob.id, login="bob", roles=["student"])

    assert await refused(his, "students.update", **change) == "NOT_FOUND"
