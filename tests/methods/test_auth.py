"""What the auth.* channels answer to whoever means well."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from rpcbackend.app import Application
from rpcbackend.context import Context
from rpcbackend.ids import Ids
from rpcbackend.methods.auth import me
from rpcbackend.schema.auth import Me
from rpcbackend.schema.base import NoParams
from rpcbackend.schema.meta import CallMeta
from rpcbackend.schema.users import Role
from rpcbackend.security.principal import Principal
from rpcbackend.security.tokens import LIFE_SECONDS
from rpcbackend.store import SigningKey, Store, Work
from rpcbackend.surroundings import Surroundings
from rpcbackend.testing import CallFailedError, Client, FrozenClock, running_app
from tests.callers import make_session
from tests.factories import an_id, told_of
from tests.people import (
    OTHER_PASSWORD,
    PASSWORD,
    SECRET,
    add_role,
    app_for_people,
    be_quick,
    code_now,
    log_in,
    quick_hash,
    refused,
    sign_in,
    signed_in,
    with_token,
)
from tests.store.gate import Gate

DAY = 24 * 3600


@pytest.fixture
async def app(clock: FrozenClock) -> AsyncIterator[Application]:
    """An application where signing in is quick."""
    async with app_for_people(clock) as running:
        yield running


async def events_since(store: Store, seq: int) -> list[tuple[str, dict[str, Any]]]:
    return [(event, data) for event, _, data in await told_of(store, seq)]


# auth.bootstrap


async def test_the_first_owner_is_made_at_the_desk_and_is_signed_in(
    client: Client, store: Store
) -> None:
    answer = await client.call("auth.bootstrap", login="Ada", password=PASSWORD)

    user_id, session_id = answer["user"]["id"], answer["session"]["id"]
    assert answer == {
        "accessToken": answer["accessToken"],
        "refreshToken": answer["refreshToken"],
        "expiresAt": "2026-11-23T08:10:00Z",
        "session": {
            "id": session_id,
            "userId": user_id,
            "client": "desk",
            "audience": "stdio",
            "createdAt": "2026-11-23T08:00:00Z",
            "lastSeenAt": "2026-11-23T08:00:00Z",
        },
        "user": {
            "id": user_id,
            "login": "Ada",
            "roles": ["owner"],
            "linkedPersonId": None,
            "status": "active",
            "hasMfa": False,
            "createdAt": "2026-11-23T08:00:00Z",
            "version": 1,
        },
    }
    assert (await client.call("auth.me"))["user"] == answer["user"]
    aggregate = {"type": "user", "id": user_id, "version": 1}
    assert await told_of(store, 0) == [
        ("users.created", aggregate, {"userId": user_id}),
        ("auth.login_succeeded", aggregate, {"userId": user_id, "sessionId": session_id}),
    ]


async def test_from_then_on_everybody_has_to_sign_in(app: Application, client: Client) -> None:
    other = Client(app)
    assert await other.call("branches.list") == {"items": []}

    await client.call("auth.bootstrap", login="Ada", password=PASSWORD)

    assert await refused(other, "branches.list") == "UNAUTHENTICATED"
    assert await client.call("branches.list") == {"items": []}


async def test_of_two_who_want_to_be_the_first_owner_one_is(app: Application) -> None:
    clients = [Client(app), Client(app)]

    replies = await asyncio.gather(
        *(
            client.start("auth.bootstrap", {"login": f"user{number}", "password": PASSWORD})
            for number, client in enumerate(clients)
        )
    )

    assert sorted(
        reply["error"]["data"]["code"] if "error" in reply else "" for reply in replies
    ) == ["", "FORBIDDEN"]


async def test_there_is_no_second_first_owner(app: Application, client: Client) -> None:
    await client.call("auth.bootstrap", login="Ada", password=PASSWORD)

    assert await refused(client, "auth.bootstrap", login="Eve", password=PASSWORD) == "FORBIDDEN"
    assert await refused(Client(app), "auth.bootstrap", login="E", password=PASSWORD) == "FORBIDDEN"


async def test_the_first_owner_is_not_made_from_outside(client: Client) -> None:
    client.server.audience = "http"

    assert await refused(client, "auth.bootstrap", login="Eve", password=PASSWORD) == "FORBIDDEN"


@pytest.mark.parametrize(
    ("password", "rule"),
    [
        ("too few", "password_too_short"),
        ("ä" * 1_000, "password_too_long"),
        ("password1234", "password_common"),
        ("ada.lovelace is great", "password_context"),
    ],
)
async def test_a_password_that_others_would_guess_is_refused_without_being_repeated(
    client: Client, password: str, rule: str
) -> None:
    with pytest.raises(CallFailedError) as failed:
        await client.call("auth.bootstrap", login="Lovelace", password=password)

    assert failed.value.symbol == "INVALID_PARAMS"
    assert failed.value.details is not None
    [error] = failed.value.details["errors"]
    assert (error["path"], error["rule"]) == ("password", rule)
    assert password not in str(failed.value.data)
    assert (await client.call("auth.me"))["isLocal"]


async def test_real_passwords_are_hashed_and_verified(clock: FrozenClock) -> None:
    async with running_app(surroundings=Surroundings(clock=clock)) as app:
        client = Client(app)
        await client.call("auth.bootstrap", login="Ada", password=PASSWORD)

        signed = await log_in(client, " aDA ")
        assert (
            await refused(client, "auth.login", login="Ada", password=OTHER_PASSWORD)
            == "UNAUTHENTICATED"
        )

        async def unit(work: Work) -> str | None:
            return (await work.credentials.get(signed["user"]["id"])).password_hash

        assert str(await app.store.read(unit)).startswith("$argon2id$v=19$m=47104,t=1,p=1$")


# auth.login


async def test_a_login_opens_a_new_session_on_its_connection_alone(
    app: Application, store: Store
) -> None:
    owner = await add_role(app, Role.OWNER)
    client, other = Client(app), Client(app)
    before = store.head_seq

    answer = await log_in(client, "OWNER", client="tablet 2")

    assert answer["session"]["client"] == "tablet 2"
    assert answer["user"]["id"] == owner.id
    assert (await client.call("auth.me"))["session"] == answer["session"]
    assert await refused(other, "auth.me") == "UNAUTHENTICATED"
    data = {"userId": owner.id, "sessionId": answer["session"]["id"]}
    assert await events_since(store, before) == [("auth.login_succeeded", data)]


async def test_the_access_token_makes_calls_from_elsewhere(app: Application) -> None:
    await add_role(app, Role.OWNER)
    token = (await log_in(Client(app)))["accessToken"]

    told = await Client(app).call("auth.me", **with_token(token))

    assert told["user"]["login"] == "owner"


async def test_a_login_ends_the_session_that_the_connection_had(
    app: Application, store: Store
) -> None:
    await add_role(app, Role.OWNER)
    client = Client(app)
    first = await log_in(client)
    before = store.head_seq

    second = await log_in(client)

    assert second["session"]["id"] != first["session"]["id"]
    assert await refused(client, "auth.me", **with_token(first["accessToken"])) == "SESSION_EXPIRED"
    assert (await events_since(store, before))[0] == (
        "auth.session_revoked",
        {
            "userId": first["user"]["id"],
            "sessionId": first["session"]["id"],
            "reason": "replaced",
        },
    )


async def test_a_hash_of_weaker_parameters_is_made_anew_at_the_next_login(
    app: Application,
) -> None:
    owner = await add_role(app, Role.OWNER)
    hashing = be_quick(app)
    hashing.weak = True

    await log_in(Client(app))
    await log_in(Client(app))

    assert hashing.verified == [quick_hash(PASSWORD), quick_hash(PASSWORD) + "'"]

    async def unit(work: Work) -> str | None:
        return (await work.credentials.get(owner.id)).password_hash

    assert await app.store.read(unit) == quick_hash(PASSWORD) + "'"


async def test_sessions_whose_time_is_over_are_forgotten_at_the_next_login(
    app: Application, clock: FrozenClock
) -> None:
    await add_role(app, Role.OWNER)
    await log_in(Client(app))
    clock.advance(1_801)

    client = await sign_in(app)

    assert len((await client.call("sessions.list"))["items"]) == 1


async def test_a_clock_that_was_set_back_ends_no_new_session(
    app: Application, clock: FrozenClock
) -> None:
    await add_role(app, Role.OWNER)
    clock.advance(DAY)
    await log_in(Client(app))
    clock.set_wall(-DAY)

    client = await sign_in(app)

    assert (await client.call("auth.me"))["session"]["createdAt"] == "2026-11-24T08:00:00Z"


async def test_a_clock_that_was_years_ahead_before_the_start_ends_no_new_session(
    app: Application, clock: FrozenClock
) -> None:
    owner = await add_role(app, Role.OWNER)
    then = clock.now_ms() // 1_000 + 3 * 365 * DAY
    late = make_session(1, user_id=owner.id, created_at=then, last_seen_at=then, password_at=then)
    await app.store.write(lambda work: work.sessions.add(late), actor="tests")

    client = await sign_in(app)

    items = (await client.call("sessions.list"))["items"]
    assert [item["createdAt"] for item in items] == ["2026-11-23T08:00:00Z"]
    assert await app.store.read(lambda work: work.sessions.get(late.id)) is None


async def test_the_key_of_access_tokens_is_renewed_and_the_one_before_still_verifies(
    app: Application, clock: FrozenClock
) -> None:
    await add_role(app, Role.OFFICE)

    async def keys() -> list[str]:
        async def unit(work: Work) -> list[str]:
            return list(await work.sessions.signing_keys("access"))

        return await app.store.read(unit)

    kids = []
    for days in (0, 90, 90):
        clock.advance(days * DAY)
        answer = await log_in(Client(app), "office")
        kids.append((await keys())[-1])

    assert len(set(kids)) == 3
    assert await keys() == kids[1:]
    assert (await Client(app).call("auth.me", **with_token(answer["accessToken"])))["user"]


# auth.me


async def test_while_there_is_no_user_the_desk_may_do_everything(client: Client) -> None:
    told = await client.call("auth.me")

    assert told.pop("permissions") == await _permissions_of_an_owner(client)
    assert told == {"isLocal": True, "user": None, "session": None, "roles": []}


async def _permissions_of_an_owner(client: Client) -> dict[str, str]:
    await client.call("auth.bootstrap", login="Ada", password=PASSWORD)
    permissions: dict[str, str] = (await client.call("auth.me"))["permissions"]
    return permissions


async def test_me_of_a_session_that_was_replaced_meanwhile_is_the_next_one(
    app: Application, clock: FrozenClock
) -> None:
    owner = await add_role(app, Role.OWNER)
    client = await sign_in(app)
    ended = an_id("ses")
    ctx = Context(
        host=app,
        connection=client.server,
        clock=clock,
        ids=Ids(clock),
        meta=CallMeta(),
        channel=me.channel,
        permission=me.permission,
        principal=Principal(kind="user", actor=owner.id, session_id=ended),
    )

    told = await me(ctx, NoParams())

    assert isinstance(told, Me)
    assert (told.session.id if told.session else None) == client.server.session_id


async def test_me_was_seen_now_whatever_the_store_knows_of_it_by_then(
    tmp_path: Path, clock: FrozenClock
) -> None:
    async with running_app(tmp_path, Surroundings(clock=clock)) as app:
        await add_role(app, Role.OWNER)
        client = await sign_in(app)
        clock.advance(100)
        gate = Gate()
        holding = asyncio.ensure_future(app.store.write(gate.hold, actor="tests"))
        await gate.entered()

        told = await client.call("auth.me")
        gate.open()
        await holding

    assert told["session"]["lastSeenAt"] == "2026-11-23T08:01:40Z"


async def test_me_tells_roles_and_how_far_each_permission_reaches(app: Application) -> None:
    await add_role(app, Role.OWNER)
    client = await signed_in(app, Role.STUDENT)

    told = await client.call("auth.me")

    assert (told["isLocal"], told["roles"]) == (False, ["student"])
    assert told["permissions"] == {
        "branches:read": "all",
        "consents:read": "own",
        "consents:write": "own",
        "events:read": "own",
        "feeds:read": "own",
        "feeds:write": "own",
        "instructors:read": "own",
        "lessons:cancel": "own",
        "lessons:read": "own",
        "lessons:search": "own",
        "students:read": "own",
        "students:update": "own",
    }


# auth.logout


async def test_a_logout_ends_the_session_and_frees_the_connection(
    app: Application, store: Store
) -> None:
    await add_role(app, Role.OWNER)
    client, other = Client(app), await sign_in(app)
    answer = await log_in(client)
    before = store.head_seq

    assert await client.call("auth.logout") == {}

    assert await refused(client, "auth.me") == "UNAUTHENTICATED"
    assert (await other.call("auth.me"))["user"]
    data = {"userId": answer["user"]["id"], "sessionId": answer["session"]["id"]}
    assert await events_since(store, before) == [("auth.logged_out", data)]


async def test_a_logout_everywhere_ends_every_session_of_the_user(app: Application) -> None:
    await add_role(app, Role.OWNER)
    office = await signed_in(app, Role.OFFICE)
    client, other = await sign_in(app), await sign_in(app)

    await client.call("auth.logout", allSessions=True)

    assert await refused(client, "auth.me") == "UNAUTHENTICATED"
    assert await refused(other, "auth.me") == "SESSION_EXPIRED"
    assert (await office.call("auth.me"))["user"]


async def test_a_logout_by_token_leaves_the_connection_to_who_is_signed_in_there(
    app: Application,
) -> None:
    await add_role(app, Role.OWNER)
    token = (await log_in(Client(app)))["accessToken"]
    client = await signed_in(app, Role.OFFICE)

    await client.call("auth.logout", **with_token(token))

    assert (await client.call("auth.me"))["user"]["login"] == "office"
    assert await refused(client, "auth.me", **with_token(token)) == "SESSION_EXPIRED"


async def test_where_nobody_has_to_sign_in_a_logout_does_nothing(
    client: Client, store: Store
) -> None:
    assert await client.call("auth.logout") == {}
    assert store.head_seq == 0


# auth.refresh


async def test_a_refresh_goes_on_with_the_session_under_new_tokens(
    app: Application, clock: FrozenClock
) -> None:
    await add_role(app, Role.OWNER)
    client = Client(app)
    first = await log_in(client)
    clock.advance(LIFE_SECONDS + 10)
    assert await refused(client, "auth.me", **with_token(first["accessToken"])) == "SESSION_EXPIRED"

    second = await Client(app).call("auth.refresh", refreshToken=first["refreshToken"])

    assert second["session"] == first["session"] | {"lastSeenAt": "2026-11-23T08:10:10Z"}
    assert second["user"] == first["user"]
    assert second["expiresAt"] == "2026-11-23T08:20:10Z"
    assert second["refreshToken"] != first["refreshToken"]
    assert (await client.call("auth.me", **with_token(second["accessToken"])))["user"]


async def test_a_lost_reply_is_given_again_within_ten_seconds(
    app: Application, clock: FrozenClock
) -> None:
    await add_role(app, Role.OWNER)
    token = (await log_in(Client(app)))["refreshToken"]

    first = await Client(app).call("auth.refresh", refreshToken=token)
    clock.advance(10)
    second = await Client(app).call("auth.refresh", refreshToken=token)

    assert second["refreshToken"] == first["refreshToken"]


async def test_a_free_connection_takes_the_session_up_and_a_bound_one_stays(
    app: Application,
) -> None:
    await add_role(app, Role.OWNER)
    token = (await log_in(Client(app)))["refreshToken"]
    free, bound = Client(app), await signed_in(app, Role.OFFICE)

    token = (await free.call("auth.refresh", refreshToken=token))["refreshToken"]
    await bound.call("auth.refresh", refreshToken=token)

    assert (await free.call("auth.me"))["user"]["login"] == "owner"
    assert (await bound.call("auth.me"))["user"]["login"] == "office"


async def test_refreshing_keeps_an_idle_session_alive_but_not_for_ever(
    app: Application, clock: FrozenClock
) -> None:
    await add_role(app, Role.OWNER)
    token = (await log_in(Client(app)))["refreshToken"]

    for _ in range(23):
        clock.advance(1_799)
        token = (await Client(app).call("auth.refresh", refreshToken=token))["refreshToken"]
    clock.advance(1_830)

    assert await refused(Client(app), "auth.refresh", refreshToken=token) == "SESSION_EXPIRED"


async def test_an_idle_session_is_not_refreshed(
    app: Application, clock: FrozenClock, store: Store
) -> None:
    await add_role(app, Role.OWNER)
    answer = await log_in(Client(app))
    clock.advance(1_800)
    before = store.head_seq

    symbol = await refused(Client(app), "auth.refresh", refreshToken=answer["refreshToken"])

    assert symbol == "SESSION_EXPIRED"
    assert [data["reason"] for _, data in await events_since(store, before)] == ["expired"]


# auth.changePassword


async def test_a_changed_password_opens_and_the_old_one_does_not(
    app: Application, store: Store
) -> None:
    owner = await add_role(app, Role.OWNER)
    client = await sign_in(app)
    before = store.head_seq

    changed = await client.call(
        "auth.changePassword", currentPassword=PASSWORD, newPassword=OTHER_PASSWORD
    )

    assert changed == {}
    assert await events_since(store, before) == [("auth.password_changed", {"userId": owner.id})]
    assert await refused(Client(app), "auth.login", login="owner", password=PASSWORD)
    await sign_in(app, password=OTHER_PASSWORD)


@pytest.mark.parametrize(
    ("given", "path", "rule"),
    [
        ({"newPassword": OTHER_PASSWORD}, "currentPassword", "missing"),
        ({"currentPassword": PASSWORD, "newPassword": "x"}, "newPassword", "password_too_short"),
        (
            {"currentPassword": PASSWORD, "newPassword": "the OWNER was here"},
            "newPassword",
            "password_context",
        ),
    ],
)
async def test_a_change_that_is_not_good_enough_is_refused_by_its_rule(
    app: Application, given: dict[str, str], path: str, rule: str
) -> None:
    await add_role(app, Role.OWNER)
    client = await sign_in(app)

    with pytest.raises(CallFailedError) as failed:
        await client.call("auth.changePassword", **given)

    assert failed.value.details is not None
    [error] = failed.value.details["errors"]
    assert (error["path"], error["rule"]) == (path, rule)


async def test_an_owner_sets_a_new_user_s_first_password(app: Application) -> None:
    await add_role(app, Role.OWNER)
    owner = await sign_in(app)
    user = await owner.call("users.save", login="eva", roles=["office"])
    assert await refused(Client(app), "auth.login", login="eva", password=PASSWORD)

    await owner.call("auth.changePassword", userId=user["id"], newPassword=OTHER_PASSWORD)

    await sign_in(app, "eva", password=OTHER_PASSWORD)


async def test_a_password_set_by_the_owner_ends_the_wait_but_not_the_second_factor(
    app: Application, clock: FrozenClock
) -> None:
    await add_role(app, Role.OWNER)
    office = await add_role(app, Role.OFFICE)
    await switch_mfa_on(app, office.id)
    for _ in range(5):
        await refused(Client(app), "auth.login", login="office", password=OTHER_PASSWORD)
    owner = await sign_in(app)

    await owner.call("auth.changePassword", userId=office.id, newPassword=OTHER_PASSWORD)

    known = {"login": "office", "password": OTHER_PASSWORD}
    assert await refused(Client(app), "auth.login", **known) == "MFA_REQUIRED"
    await sign_in(app, **known, mfaCode=code_now(clock))


async def switch_mfa_on(app: Application, user_id: str) -> None:
    async def unit(work: Work) -> None:
        proofs = await work.credentials.get(user_id)
        await work.credentials.put(replace(proofs, mfa_secret=SECRET))

    await app.store.write(unit, actor="tests")


# auth.mfaEnrol


async def test_a_second_factor_is_enrolled_in_two_steps_and_asked_for_from_then_on(
    app: Application, clock: FrozenClock, store: Store
) -> None:
    owner = await add_role(app, Role.OWNER)
    client = await sign_in(app)

    begun = await client.call("auth.mfaEnrol")

    assert begun["recoveryCodes"] is None
    assert begun["secretUri"].startswith("otpauth://totp/Driving%20school:owner?secret=")
    await sign_in(app)

    async def let_it_be_known(work: Work) -> None:
        proofs = await work.credentials.get(owner.id)
        await work.credentials.put(replace(proofs, mfa_pending=SECRET))

    await store.write(let_it_be_known, actor="tests")
    before = store.head_seq
    done = await client.call("auth.mfaEnrol", code=code_now(clock))

    assert done["secretUri"] is None
    assert len(set(done["recoveryCodes"])) == 10
    assert (await client.call("auth.me"))["user"] == (await client.call("users.list"))["items"][
        0
    ] | {"hasMfa": True, "version": 2}
    assert [event for event, _ in await events_since(store, before)] == [
        "auth.session_revoked",
        "auth.mfa_enabled",
    ]
    assert (
        await refused(Client(app), "auth.login", login="owner", password=PASSWORD) == "MFA_REQUIRED"
    )
    await sign_in(app, recoveryCode=done["recoveryCodes"][3].upper())
    await sign_in(app, mfaCode=code_now(clock, 1))


async def test_a_wrong_or_early_first_code_enrols_nothing(app: Application) -> None:
    await add_role(app, Role.OWNER)
    client = await sign_in(app)

    with pytest.raises(CallFailedError) as early:
        await client.call("auth.mfaEnrol", code="123456")
    await client.call("auth.mfaEnrol")
    with pytest.raises(CallFailedError) as wrong:
        await client.call("auth.mfaEnrol", code="000000")

    rules = [(one.value.details or {})["errors"][0]["rule"] for one in (early, wrong)]
    assert rules == ["not_begun", "wrong_code"]
    await sign_in(app)


@pytest.mark.parametrize(
    ("channel", "params"),
    [
        ("auth.changePassword", {"currentPassword": PASSWORD, "newPassword": OTHER_PASSWORD}),
        ("auth.mfaEnrol", {}),
    ],
)
async def test_where_there_is_no_user_there_is_nothing_to_prove(
    client: Client, channel: str, params: dict[str, str]
) -> None:
    assert await refused(client, channel, **params) == "FORBIDDEN"


def test_a_key_shows_no_secret_when_it_is_printed() -> None:
    key = SigningKey(kid="kid_1", secret=b"s" * 32, created_at=0)

    assert "ssss" not in repr(key)
