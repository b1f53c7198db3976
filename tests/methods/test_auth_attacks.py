"""What the auth.* channels, and what they lead to, answer to whoever means ill.

Each test is one attack, and says in its name how it ends.
"""

import asyncio
import base64
import hmac
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import jwt
import orjson
import pytest

from rpcbackend.app import Application
from rpcbackend.schema.users import Role, UserStatus
from rpcbackend.security.lockout import FORGOTTEN_AFTER_MS
from rpcbackend.security.recovery_codes import hash_recovery_code
from rpcbackend.security.tokens import LEEWAY_SECONDS, LIFE_SECONDS
from rpcbackend.security.totp import STEP_MS, code_at
from rpcbackend.store import SigningKey, Store, Work
from rpcbackend.surroundings import Surroundings
from rpcbackend.testing import CallFailedError, Client, FrozenClock, running_app
from tests.factories import keyed, told_of
from tests.people import (
    OTHER_PASSWORD,
    PASSWORD,
    SECRET,
    HeldHashing,
    QuickHashing,
    add_role,
    add_user,
    app_for_people,
    be_quick,
    code_now,
    log_in,
    make_user,
    refused,
    sign_in,
    signed_in,
    with_token,
)

CODE = "k3pe-77ha-k3pe-77ha-k3pe-77ha"
WRONG = {"login": "owner", "password": "not it at all"}
RIGHT = {"login": "owner", "password": PASSWORD}


@pytest.fixture
async def app(clock: FrozenClock) -> AsyncIterator[Application]:
    """An application with an owner, where signing in is quick."""
    async with app_for_people(clock) as running:
        await add_role(running, Role.OWNER)
        yield running


class Hammer:
    """Somebody who tries the owner's login every so many seconds, whatever he is told."""

    def __init__(self, client: Client, clock: FrozenClock, seconds: float) -> None:
        self._client, self._clock, self._seconds = client, clock, seconds
        self._until_next = 0.0

    async def go_on(self, seconds: float) -> None:
        """Let that time pass and try all the while; not at its very end."""
        while self._until_next < seconds:
            self._clock.advance(self._until_next)
            seconds -= self._until_next
            self._until_next = self._seconds
            await refused(self._client, "auth.login", **WRONG)
        self._clock.advance(seconds)
        self._until_next -= seconds


async def come_in(client: Client, hammer: Hammer) -> list[float]:
    """Sign in as soon as one is told to, and return the waits."""
    waits: list[float] = []
    for _ in range(5):
        try:
            await log_in(client)
        except CallFailedError as failed:
            waits.append(failed.data["retryAfterMs"] / 1_000)
            await hammer.go_on(waits[-1])
        else:
            break
    return waits


@pytest.fixture
def hashing(app: Application) -> QuickHashing:
    """What counts the passwords that were looked at."""
    return be_quick(app)


async def failure(client: Client, channel: str, params: dict[str, Any]) -> dict[str, Any]:
    """Return the whole error of a call, but for what differs in every reply."""
    with pytest.raises(CallFailedError) as failed:
        await client.call(channel, **params)
    ignored = {"correlationId", "timestamp"}
    return {key: value for key, value in failed.value.data.items() if key not in ignored}


# Forged tokens


async def signing_key(store: Store) -> SigningKey:
    async def unit(work: Work) -> SigningKey:
        key = await work.sessions.newest_signing_key("access")
        assert key is not None
        return key

    return await store.read(unit)


def unsigned(token: str) -> dict[str, Any]:
    claims: dict[str, Any] = jwt.decode(token, options={"verify_signature": False})
    return claims


def segment(value: object) -> str:
    return base64.urlsafe_b64encode(orjson.dumps(value)).rstrip(b"=").decode()


Forge = Callable[[str, SigningKey], str]


def forge(key: SigningKey, claims: dict[str, Any], **header: Any) -> str:
    return jwt.encode(
        claims, key.secret, "HS256", headers={"typ": "at+jwt", "kid": key.kid} | header
    )


def without_signature(alg: str) -> Forge:
    def forged(token: str, key: SigningKey) -> str:
        header = {"alg": alg, "typ": "at+jwt", "kid": key.kid}
        return f"{segment(header)}.{segment(unsigned(token))}."

    return forged


def with_claims(**claims: Any) -> Forge:
    return lambda token, key: forge(key, unsigned(token) | claims)


def with_header(**header: Any) -> Forge:
    return lambda token, key: forge(key, unsigned(token), **header)


def by_sha(bits: int) -> Forge:
    def forged(token: str, key: SigningKey) -> str:
        header = {"alg": f"HS{bits}", "typ": "at+jwt", "kid": key.kid}
        signed = f"{segment(header)}.{segment(unsigned(token))}"
        mac = hmac.digest(key.secret, signed.encode(), f"sha{bits}")
        return f"{signed}.{base64.urlsafe_b64encode(mac).rstrip(b'=').decode()}"

    return forged


def flipped(part: int) -> Forge:
    def forged(token: str, _: SigningKey) -> str:
        parts = token.split(".")
        other = "B" if parts[part][9] == "A" else "A"
        parts[part] = parts[part][:9] + other + parts[part][10:]
        return ".".join(parts)

    return forged


NOW = 1_795_420_800

FORGERIES: dict[str, Forge] = {
    "alg-none": without_signature("none"),
    "alg-nOnE": without_signature("nOnE"),
    "no-signature": without_signature("HS256"),
    "alg-hs384": by_sha(384),
    "alg-hs512": by_sha(512),
    "alg-rs256-in-name": lambda token, key: (
        segment({"alg": "RS256", "typ": "at+jwt", "kid": key.kid}) + token[token.index(".") :]
    ),
    "kid-unknown": with_header(kid="kid_other"),
    "kid-of-a-file": with_header(kid="../../dev/null"),
    "kid-of-sql": with_header(kid="' OR 1=1 --"),
    "kid-missing": lambda token, key: jwt.encode(
        unsigned(token), key.secret, "HS256", headers={"typ": "at+jwt"}
    ),
    "typ-jwt": with_header(typ="JWT"),
    "jku": with_header(jku="https://evil.example/keys"),
    "key-of-zeros": lambda token, key: forge(replace(key, secret=bytes(32)), unsigned(token)),
    "audience-http": with_claims(aud="http"),
    "audience-both": with_claims(aud=["stdio", "http"]),
    "other-issuer": with_claims(iss="evil"),
    "another-session": with_claims(sid="ses_00000000-0000-7000-8000-000000000001"),
    "expired": with_claims(iat=NOW - LIFE_SECONDS - LEEWAY_SECONDS, exp=NOW - LEEWAY_SECONDS),
    "not-yet": with_claims(iat=NOW + LEEWAY_SECONDS + 1, exp=NOW + LIFE_SECONDS),
    "nbf-not-yet": with_claims(nbf=NOW + LEEWAY_SECONDS + 1),
    "lives-too-long": with_claims(exp=NOW + LIFE_SECONDS + 1),
    "exp-as-text": with_claims(exp=str(NOW + 60)),
    "header-flipped": flipped(0),
    "claims-flipped": flipped(1),
    "signature-flipped": flipped(2),
    "cut": lambda token, _: token[:-2],
    "empty": lambda *_: "",
    "padded": lambda token, _: token + "=",
}


@pytest.mark.parametrize("forged", FORGERIES.values(), ids=FORGERIES)
async def test_a_forged_token_opens_nothing(app: Application, forged: Forge) -> None:
    token = (await log_in(Client(app)))["accessToken"]
    bad = forged(token, await signing_key(app.store))

    symbol = await refused(Client(app), "auth.me", **with_token(bad))

    assert symbol in ("UNAUTHENTICATED", "SESSION_EXPIRED")
    assert (await Client(app).call("auth.me", **with_token(token)))["user"]


async def test_a_token_by_our_own_key_opens_what_it_names(app: Application) -> None:
    """The control of the forgeries: made in the same way, with nothing wrong in it."""
    token = (await log_in(Client(app)))["accessToken"]
    same = forge(await signing_key(app.store), unsigned(token))

    assert (await Client(app).call("auth.me", **with_token(same)))["user"]


async def test_a_refresh_token_is_no_access_token_and_the_other_way_round(
    app: Application,
) -> None:
    answer = await log_in(Client(app))

    as_access = await refused(Client(app), "auth.me", **with_token(answer["refreshToken"]))
    as_refresh = await refused(
        Client(app), "auth.refresh", refreshToken=answer["accessToken"][:200]
    )

    assert (as_access, as_refresh) == ("UNAUTHENTICATED", "UNAUTHENTICATED")


async def test_a_token_of_stdio_opens_nothing_over_http(app: Application) -> None:
    answer = await log_in(Client(app))
    outside = Client(app)
    outside.server.audience = "http"

    by_access = await refused(outside, "auth.me", **with_token(answer["accessToken"]))
    by_refresh = await refused(outside, "auth.refresh", refreshToken=answer["refreshToken"])

    assert (by_access, by_refresh) == ("UNAUTHENTICATED", "UNAUTHENTICATED")


async def test_over_http_a_login_signs_in_nobody_who_brings_no_token(app: Application) -> None:
    outside = Client(app)
    outside.server.audience = "http"
    answer = await log_in(outside)

    await outside.call("auth.refresh", refreshToken=answer["refreshToken"])

    assert await refused(outside, "auth.me") == "UNAUTHENTICATED"
    assert (await outside.call("auth.me", **with_token(answer["accessToken"])))["user"]


# What is over is over at once


async def ended_by_logout(_owner: Client, _user: dict[str, Any], client: Client) -> None:
    await client.call("auth.logout")


async def ended_by_disabling(owner: Client, user: dict[str, Any], _: Client) -> None:
    await owner.call(
        "users.save", userId=user["id"], login="office", roles=["office"], status="disabled"
    )


async def ended_by_a_new_password(owner: Client, user: dict[str, Any], _: Client) -> None:
    await owner.call("auth.changePassword", userId=user["id"], newPassword=OTHER_PASSWORD)


async def ended_by_revoking(owner: Client, user: dict[str, Any], _: Client) -> None:
    [session] = (await owner.call("sessions.list", userId=user["id"]))["items"]
    await owner.call("sessions.revoke", sessionId=session["id"])


@pytest.mark.parametrize(
    "end", [ended_by_logout, ended_by_disabling, ended_by_a_new_password, ended_by_revoking]
)
async def test_a_session_that_ended_opens_nothing_from_that_moment(
    app: Application, end: Callable[..., Any]
) -> None:
    await add_role(app, Role.OFFICE)
    owner, client, elsewhere = await sign_in(app), Client(app), Client(app)
    answer = await log_in(client, "office")
    token = with_token(answer["accessToken"])
    await client.call("students.list")
    await elsewhere.call("students.list", **token)

    await end(owner, answer["user"], client)

    assert await refused(client, "students.list") in ("UNAUTHENTICATED", "SESSION_EXPIRED")
    assert await refused(elsewhere, "students.list", **token) == "SESSION_EXPIRED"
    symbol = await refused(elsewhere, "auth.refresh", refreshToken=answer["refreshToken"])
    assert symbol == "SESSION_EXPIRED"


async def test_a_role_that_was_taken_away_opens_nothing_from_that_moment(
    app: Application,
) -> None:
    await add_role(app, Role.OFFICE)
    owner, client = await sign_in(app), Client(app)
    answer = await log_in(client, "office")
    await client.call("students.list")

    await owner.call("users.save", userId=answer["user"]["id"], login="office", roles=["student"])

    assert (await client.call("auth.me"))["roles"] == ["student"]
    assert await refused(client, "vehicles.list") == "FORBIDDEN"
    by_bearer = await refused(Client(app), "vehicles.list", **with_token(answer["accessToken"]))
    assert by_bearer == "FORBIDDEN"


async def test_changing_one_s_password_ends_the_sessions_of_a_thief(app: Application) -> None:
    thief, client = await sign_in(app), await sign_in(app)

    await client.call("auth.changePassword", currentPassword=PASSWORD, newPassword=OTHER_PASSWORD)

    assert await refused(thief, "auth.me") == "SESSION_EXPIRED"
    assert (await client.call("auth.me"))["user"]


async def test_a_password_change_whose_session_ended_meanwhile_changes_nothing(
    app: Application,
) -> None:
    thief, client = await sign_in(app), await sign_in(app)
    hashing = HeldHashing()
    app.hashing = hashing
    change = thief.start(
        "auth.changePassword", {"currentPassword": PASSWORD, "newPassword": OTHER_PASSWORD}
    )
    async with asyncio.timeout(30):
        await hashing.begun.wait()
        await client.call("auth.logout", allSessions=True)
        hashing.goes_on.set()

        assert (await change)["error"]["data"]["code"] == "SESSION_EXPIRED"
    await sign_in(app)


# Stolen refresh tokens


async def test_a_refresh_token_used_twice_within_ten_seconds_gives_no_second_family(
    app: Application,
) -> None:
    token = (await log_in(Client(app)))["refreshToken"]

    successors = {
        (await Client(app).call("auth.refresh", refreshToken=token))["refreshToken"]
        for _ in range(3)
    }

    assert len(successors) == 1


async def test_the_parent_shown_too_late_ends_the_session(
    app: Application, clock: FrozenClock, store: Store
) -> None:
    client = Client(app)
    answer = await log_in(client)
    token = answer["refreshToken"]
    successor = (await Client(app).call("auth.refresh", refreshToken=token))["refreshToken"]
    clock.advance(10.001)
    before = store.head_seq

    assert await refused(Client(app), "auth.refresh", refreshToken=token) == "SESSION_EXPIRED"

    assert await refused(Client(app), "auth.refresh", refreshToken=successor) == "SESSION_EXPIRED"
    assert await refused(client, "auth.me") == "SESSION_EXPIRED"
    data = {
        "userId": answer["user"]["id"],
        "sessionId": answer["session"]["id"],
        "reason": "reuse",
    }
    [(event, _, told)] = await told_of(store, before)
    assert (event, told) == ("auth.session_revoked", data)


async def test_a_grandparent_ends_the_session_however_soon_it_is_shown(app: Application) -> None:
    client = Client(app)
    grandparent = (await log_in(client))["refreshToken"]
    parent = (await Client(app).call("auth.refresh", refreshToken=grandparent))["refreshToken"]
    await Client(app).call("auth.refresh", refreshToken=parent)

    assert await refused(Client(app), "auth.refresh", refreshToken=grandparent) == "SESSION_EXPIRED"
    assert await refused(client, "auth.me") == "SESSION_EXPIRED"


async def test_a_tampered_refresh_token_is_refused_and_ends_nothing(app: Application) -> None:
    client = Client(app)
    token: str = (await log_in(client))["refreshToken"]

    for at in (3, 20, 30, 40, 70):
        bad = token[:at] + ("B" if token[at] == "A" else "A") + token[at + 1 :]
        assert await refused(Client(app), "auth.refresh", refreshToken=bad) == "UNAUTHENTICATED"

    assert (await client.call("auth.me"))["user"]


async def test_a_refresh_token_of_another_school_s_key_is_refused(app: Application) -> None:
    assert (
        await refused(Client(app), "auth.refresh", refreshToken="rt_" + "A" * 72)
        == "UNAUTHENTICATED"
    )


# Guessing


async def test_a_connection_gets_a_new_session_whatever_was_on_it(app: Application) -> None:
    """Session fixation: the id that a thief knows or set is never the one that is signed in."""
    thief, client = Client(app), Client(app)
    planted = (await log_in(thief))["session"]["id"]
    client.server.session_id = planted

    answer = await log_in(client)

    assert answer["session"]["id"] != planted
    assert client.server.session_id == answer["session"]["id"]
    assert await refused(thief, "auth.me") == "SESSION_EXPIRED"


async def test_who_does_not_come_in_is_not_told_why(
    app: Application, hashing: QuickHashing
) -> None:
    """User enumeration: the same answer, and the same work, for each of them."""
    office = make_user(id="usr_00000000-0000-7000-8000-000000000009", login="off")
    await add_user(app, office.model_copy(update={"status": UserStatus.DISABLED}))
    no_password = make_user(id="usr_00000000-0000-7000-8000-000000000008", login="new")
    await add_user(app, no_password, password_hash=None)
    tries = [
        {"login": "nobody", "password": PASSWORD},
        {"login": "off", "password": PASSWORD},
        {"login": "new", "password": PASSWORD},
        {"login": "owner", "password": "not it at all"},
        {"login": "owner", "password": "not it at all", "mfaCode": "123456"},
    ]

    failures = []
    counts = []
    for tried in tries:
        hashing.verified.clear()
        failures.append(await failure(Client(app), "auth.login", tried))
        counts.append(len(hashing.verified))

    assert failures == [failures[0]] * len(tries)
    assert failures[0]["code"] == "UNAUTHENTICATED"
    assert counts == [1] * len(tries)


@pytest.mark.parametrize("login", ["owner", "nobody"])
async def test_guessing_is_answered_by_ever_longer_waits_that_end(
    app: Application, clock: FrozenClock, hashing: QuickHashing, login: str
) -> None:
    """Brute force, known login or not: 1, 2, 4, … seconds, fifteen minutes at most."""
    wrong = {"login": login, "password": "not it at all"}
    waits = []
    for _ in range(4):
        await refused(Client(app), "auth.login", **wrong)
    for _ in range(12):
        assert await refused(Client(app), "auth.login", **wrong) == "UNAUTHENTICATED"
        hashing.verified.clear()
        locked = await failure(Client(app), "auth.login", wrong)
        assert (locked["code"], hashing.verified) == ("ACCOUNT_LOCKED", [])
        waits.append(locked["retryAfterMs"])
        clock.advance(locked["retryAfterMs"] / 1_000)

    assert waits == [1_000 * min(2**doublings, 900) for doublings in range(12)]


async def test_the_right_password_waits_too_and_then_opens(
    app: Application, clock: FrozenClock
) -> None:
    for _ in range(5):
        await refused(Client(app), "auth.login", **WRONG)

    assert await refused(Client(app), "auth.login", **RIGHT) == "ACCOUNT_LOCKED"

    clock.advance(1)
    await sign_in(app)


@pytest.mark.parametrize("back", [1, 900, 25 * 3_600, 365 * 24 * 3_600])
async def test_a_clock_that_is_set_back_ends_no_wait_and_wipes_out_no_miss(
    app: Application, clock: FrozenClock, back: int
) -> None:
    for _ in range(5):
        await refused(Client(app), "auth.login", **WRONG)

    clock.set_wall(-back)

    assert await refused(Client(app), "auth.login", **RIGHT) == "ACCOUNT_LOCKED"
    clock.advance(1)
    assert await refused(Client(app), "auth.login", **WRONG) == "UNAUTHENTICATED"
    assert (await failure(Client(app), "auth.login", RIGHT))["retryAfterMs"] == 2_000
    clock.advance(2)
    await sign_in(app)


@pytest.mark.parametrize("back", [1, 900, 25 * 3_600])
async def test_a_restart_after_the_clock_was_set_back_ends_no_wait_and_wipes_out_no_miss(
    clock: FrozenClock, tmp_path: Path, back: int
) -> None:
    surroundings = Surroundings(clock=clock)
    async with running_app(tmp_path, surroundings) as first:
        await add_role(first, Role.OWNER)
        noted = clock.now_ms() // 1_000
        # Once a minute, as the watch does; all misses come later.
        await first.store.write(lambda work: work.latest_time.note(noted, most=noted), actor="t")
        clock.advance(59)
        for _ in range(5):
            await refused(Client(first), "auth.login", **WRONG)

    clock.set_wall(-back)

    async with running_app(tmp_path, surroundings) as second:
        be_quick(second)
        assert await refused(Client(second), "auth.login", **RIGHT) == "ACCOUNT_LOCKED"
        clock.advance(1)
        assert await refused(Client(second), "auth.login", **WRONG) == "UNAUTHENTICATED"
        assert (await failure(Client(second), "auth.login", RIGHT))["retryAfterMs"] == 2_000


async def test_a_miss_counts_from_when_it_is_noted_and_not_from_before_the_hashing(
    app: Application, clock: FrozenClock, hashing: QuickHashing
) -> None:
    for _ in range(4):
        await refused(Client(app), "auth.login", **WRONG)

    hashing.on_verify = lambda: clock.advance(0.9)

    await refused(Client(app), "auth.login", **WRONG)
    assert (await failure(Client(app), "auth.login", RIGHT))["retryAfterMs"] == 1_000


async def test_tries_during_the_wait_do_not_lengthen_it(
    app: Application, clock: FrozenClock
) -> None:
    for _ in range(50):
        await refused(Client(app), "auth.login", **WRONG)
    clock.advance(1)

    await sign_in(app)


async def test_a_login_wipes_the_misses_out_and_a_password_alone_does_not(
    app: Application,
) -> None:
    for _ in range(4):
        await refused(Client(app), "auth.login", **WRONG)
    await sign_in(app)
    for _ in range(4):
        await refused(Client(app), "auth.login", **WRONG)
    await switch_mfa_on(app)
    assert await refused(Client(app), "auth.login", **RIGHT) == "MFA_REQUIRED"

    await refused(Client(app), "auth.login", **WRONG)

    assert await refused(Client(app), "auth.login", **RIGHT) == "ACCOUNT_LOCKED"


async def test_guesses_that_arrive_at_once_are_counted_one_by_one(app: Application) -> None:
    """A race against the count: twenty at once are five that are read."""
    clients = [Client(app) for _ in range(20)]

    replies = await asyncio.gather(*(client.start("auth.login", WRONG) for client in clients))

    symbols = [reply["error"]["data"]["code"] for reply in replies]
    assert symbols.count("UNAUTHENTICATED") == 5
    assert symbols.count("ACCOUNT_LOCKED") == 15


async def test_a_dry_run_is_no_free_guess(app: Application, hashing: QuickHashing) -> None:
    dry = {"_meta": {"dryRun": True}}

    assert await refused(Client(app), "auth.login", **RIGHT, **dry) == "INVALID_PARAMS"
    assert hashing.verified == []


async def test_guessing_the_current_password_counts_like_guessing_at_the_login(
    app: Application,
) -> None:
    client = await sign_in(app)
    change = {"currentPassword": "not it at all", "newPassword": OTHER_PASSWORD}
    for _ in range(5):
        assert await refused(client, "auth.changePassword", **change) == "UNAUTHENTICATED"

    assert await refused(client, "auth.changePassword", **change) == "ACCOUNT_LOCKED"
    assert await refused(Client(app), "auth.login", **RIGHT) == "ACCOUNT_LOCKED"


@pytest.mark.parametrize(("per_client", "misses"), [(20, 20), (10, 100)], ids=["peer", "all"])
async def test_one_password_tried_on_many_accounts_is_looked_at_only_so_often(
    app: Application,
    clock: FrozenClock,
    hashing: QuickHashing,
    per_client: int,
    misses: int,
) -> None:
    """Password spraying: no account waits, but the peer does, and then all who missed."""
    for number in range(misses):
        if number % per_client == 0:
            client = Client(app)
        tried = {"login": f"user{number}", "password": PASSWORD}
        assert await refused(client, "auth.login", **tried) == "UNAUTHENTICATED"
    hashing.verified.clear()
    if per_client < misses:
        innocent = Client(app)
        await log_in(innocent)
        hashing.verified.clear()

    limited = await failure(client, "auth.login", RIGHT)

    assert (limited["code"], hashing.verified) == ("RATE_LIMITED", [])
    clock.advance(limited["retryAfterMs"] / 1_000)
    await log_in(client)


async def test_misses_of_many_logins_do_not_pile_up(app: Application, clock: FrozenClock) -> None:
    async def rows() -> int:
        async def unit(work: Work) -> int:
            row = await work.tx.one("SELECT count(*) FROM login_misses WHERE school_id = :school")
            return int(row[0]) if row else 0

        return await app.store.read(unit)

    for number in range(20):
        await refused(Client(app), "auth.login", login=f"x{number}", password=PASSWORD)
    assert await rows() == 20
    clock.advance(FORGOTTEN_AFTER_MS / 1_000 + 1)

    await refused(Client(app), "auth.login", **WRONG)

    assert await rows() == 1


async def test_what_was_typed_is_neither_stored_nor_told(app: Application, store: Store) -> None:
    """People type their password where the login belongs."""
    secrets = ["my secret horse", "not it at all", "909090"]
    await refused(
        Client(app), "auth.login", login=secrets[0], password=secrets[1], mfaCode=secrets[2]
    )

    async def unit(work: Work) -> str:
        rows = [
            *await work.tx.all("SELECT * FROM events WHERE school_id = :school"),
            *await work.tx.all("SELECT * FROM login_misses WHERE school_id = :school"),
            *await work.tx.all("SELECT * FROM idempotency_keys WHERE school_id = :school"),
        ]
        named = [(row, row.keys()) for row in rows]
        return repr([row[name] for row, names in named for name in names])

    stored = await store.read(unit)

    assert [secret for secret in secrets if secret in stored] == []
    [(event, aggregate, data)] = await told_of(store, 0)
    assert event == "auth.login_failed"
    assert aggregate == {"type": "user", "id": "unknown", "version": 0}
    assert data == {"userId": None, "misses": 1}


# The second factor


async def switch_mfa_on(app: Application, user_id: str | None = None) -> None:
    async def unit(work: Work) -> None:
        user = await work.users.find("owner")
        assert user is not None
        proofs = await work.credentials.get(user_id or user.id)
        await work.credentials.put(replace(proofs, mfa_secret=SECRET))
        await work.credentials.replace_recovery_codes(proofs.user_id, [hash_recovery_code(CODE)])

    await app.store.write(unit, actor="tests")


async def test_a_one_time_code_is_good_once(app: Application, clock: FrozenClock) -> None:
    await switch_mfa_on(app)
    code = code_now(clock)
    await sign_in(app, mfaCode=code)

    assert await refused(Client(app), "auth.login", **RIGHT, mfaCode=code) == "UNAUTHENTICATED"


async def test_the_code_that_enrolled_the_second_factor_does_not_sign_in(
    app: Application, clock: FrozenClock
) -> None:
    client = await sign_in(app)
    uri: str = (await client.call("auth.mfaEnrol"))["secretUri"]
    secret = uri.partition("secret=")[2].partition("&")[0]
    code = code_at(secret, clock.now_ms() // STEP_MS)
    await client.call("auth.mfaEnrol", code=code)

    assert await refused(Client(app), "auth.login", **RIGHT, mfaCode=code) == "UNAUTHENTICATED"


async def test_of_two_who_show_one_code_at_once_one_comes_in(
    app: Application, clock: FrozenClock
) -> None:
    await switch_mfa_on(app)
    params = RIGHT | {"mfaCode": code_now(clock)}

    replies = await asyncio.gather(*(Client(app).start("auth.login", params) for _ in range(3)))

    assert sum("result" in reply for reply in replies) == 1


async def test_a_recovery_code_is_good_once(app: Application) -> None:
    await switch_mfa_on(app)
    await sign_in(app, recoveryCode=CODE)

    symbol = await refused(Client(app), "auth.login", **RIGHT, recoveryCode=CODE)

    assert symbol == "UNAUTHENTICATED"


async def test_guessing_codes_with_the_right_password_leads_to_waits(app: Application) -> None:
    await switch_mfa_on(app)
    for _ in range(5):
        symbol = await refused(Client(app), "auth.login", **RIGHT, mfaCode="000000")
        assert symbol == "UNAUTHENTICATED"

    symbol = await refused(Client(app), "auth.login", **RIGHT, mfaCode="000000")

    assert symbol == "ACCOUNT_LOCKED"


@pytest.mark.parametrize("code", [{"mfaCode": "000000"}, {"recoveryCode": "aaaa-bbbb"}])
async def test_a_wrong_password_with_a_code_is_not_told_from_a_wrong_code(
    app: Application, code: dict[str, str]
) -> None:
    await switch_mfa_on(app)

    wrong_password = await failure(Client(app), "auth.login", WRONG | code)
    wrong_code = await failure(Client(app), "auth.login", RIGHT | code)

    assert wrong_password == wrong_code


async def test_a_code_that_is_wrong_uses_up_no_recovery_code(app: Application) -> None:
    await switch_mfa_on(app)
    for typed in ("aaaa-bbbb", CODE[:-1], CODE + "a"):
        await refused(Client(app), "auth.login", **RIGHT, recoveryCode=typed)

    await sign_in(app, recoveryCode=CODE)


async def test_a_second_factor_cannot_be_taken_up_by_who_only_found_the_desk_open(
    app: Application, clock: FrozenClock
) -> None:
    client = await sign_in(app)
    clock.advance(301)

    assert await refused(client, "auth.mfaEnrol") == "PASSWORD_REQUIRED"


# More sessions than fit


async def test_the_eleventh_session_ends_the_oldest(
    app: Application, clock: FrozenClock, store: Store
) -> None:
    clients = []
    for _ in range(10):
        clients.append(await sign_in(app))
        clock.advance(1)
    before = store.head_seq

    eleventh = await sign_in(app)

    assert await refused(clients[0], "auth.me") == "SESSION_EXPIRED"
    assert len((await eleventh.call("sessions.list"))["items"]) == 10
    assert (await clients[1].call("auth.me"))["user"]
    told = [(event, data.get("reason")) for event, _, data in await told_of(store, before)]
    assert told == [("auth.session_revoked", "too_many"), ("auth.login_succeeded", None)]


# Reaching for more


@pytest.mark.parametrize("role", [role for role in Role if role is not Role.OWNER])
@pytest.mark.parametrize(
    ("channel", "params"),
    [
        ("users.save", {"login": "mine", "roles": ["owner"]}),
        ("users.list", {}),
        ("sessions.list", {"userId": "usr_00000000-0000-7000-8000-000000000001"}),
        ("apikeys.create", {"name": "mine", "scopes": ["students:read"]}),
        ("apikeys.list", {}),
        (
            "auth.changePassword",
            {
                "userId": "usr_00000000-0000-7000-8000-000000000001",
                "newPassword": OTHER_PASSWORD,
            },
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
async def test_nobody_but_an_owner_makes_users_keys_or_others_passwords(
    app: Application, role: Role, channel: str, params: dict[str, Any]
) -> None:
    client = await signed_in(app, role)

    assert await refused(client, channel, **params) == "FORBIDDEN"


async def test_nobody_makes_himself_an_owner(app: Application) -> None:
    office = await signed_in(app, Role.OFFICE)
    me = (await office.call("auth.me"))["user"]

    symbol = await refused(
        office, "users.save", userId=me["id"], login="office", roles=["office", "owner"]
    )

    assert symbol == "FORBIDDEN"
    assert (await office.call("auth.me"))["roles"] == ["office"]


@pytest.mark.parametrize(
    ("channel", "params"),
    [
        ("users.save", {"login": "mine", "roles": ["owner"]}),
        ("users.list", {}),
        ("apikeys.create", {"name": "mine", "scopes": ["students:read"]}),
        ("auth.changePassword", {"currentPassword": PASSWORD, "newPassword": OTHER_PASSWORD}),
        ("auth.mfaEnrol", {}),
        ("auth.logout", {}),
        ("sessions.list", {}),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
async def test_an_api_key_of_an_owner_with_every_scope_reaches_no_people(
    app: Application, channel: str, params: dict[str, Any]
) -> None:
    owner = await sign_in(app)
    created = await owner.call("apikeys.create", name="all", scopes=ALL_SCOPES, **keyed())

    symbol = await refused(Client(app), channel, **params, **with_token(created["secret"]))

    assert symbol == "SCOPE_MISSING"


ALL_SCOPES = ["audit:read", "lessons:book", "lessons:read", "students:read", "students:write"]


@pytest.mark.parametrize(
    "params",
    [
        {"login": "mine", "roles": ["owner"]},
        {"login": "owner", "roles": ["owner"], "status": "disabled"},
    ],
    ids=["create", "disable"],
)
async def test_users_are_changed_only_by_who_just_gave_his_password(
    app: Application, clock: FrozenClock, params: dict[str, Any]
) -> None:
    client = await sign_in(app)
    clock.advance(301)

    assert await refused(client, "users.save", **params) == "PASSWORD_REQUIRED"


async def test_another_s_password_is_set_only_by_who_just_gave_his_own(
    app: Application, clock: FrozenClock
) -> None:
    office = await add_role(app, Role.OFFICE)
    client = await sign_in(app)
    clock.advance(301)

    symbol = await refused(
        client, "auth.changePassword", userId=office.id, newPassword=OTHER_PASSWORD
    )

    assert symbol == "PASSWORD_REQUIRED"


async def test_before_there_is_an_owner_nobody_can_be_made_who_would_shut_him_out(
    clock: FrozenClock,
) -> None:
    async with app_for_people(clock) as empty:
        client = Client(empty)

        assert await refused(client, "users.save", login="x", roles=["student"]) == "FORBIDDEN"
        making = {"name": "x", "scopes": ALL_SCOPES} | keyed()
        assert await refused(client, "apikeys.create", **making) == "FORBIDDEN"

        assert (await client.call("auth.me"))["isLocal"]


@pytest.mark.parametrize(
    "given",
    [{"roles": ["office"]}, {"status": "disabled"}, {"roles": ["student"], "status": "disabled"}],
    ids=["demoted", "disabled", "both"],
)
async def test_the_last_owner_stays(app: Application, given: dict[str, Any]) -> None:
    owner = await sign_in(app)
    me = (await owner.call("auth.me"))["user"]
    kept = {"userId": me["id"], "login": "owner", "roles": ["owner"]}
    # One who has no password, and one who is disabled, can help nobody.
    await owner.call("users.save", login="second", roles=["owner"])
    await owner.call("users.save", login="third", roles=["owner"], status="disabled")

    assert await refused(owner, "users.save", **kept | given) == "LAST_OWNER"

    assert (await owner.call("auth.me"))["user"] == me


async def test_two_owners_who_remove_each_other_at_once_leave_one(app: Application) -> None:
    first = await sign_in(app)
    second_user = await first.call("users.save", login="second", roles=["owner"])
    await first.call("auth.changePassword", userId=second_user["id"], newPassword=OTHER_PASSWORD)
    second = await sign_in(app, "second", password=OTHER_PASSWORD)
    first_user = (await first.call("auth.me"))["user"]

    replies = await asyncio.gather(
        first.start(
            "users.save", {"userId": second_user["id"], "login": "second", "roles": ["office"]}
        ),
        second.start(
            "users.save", {"userId": first_user["id"], "login": "owner", "roles": ["office"]}
        ),
    )

    assert sum("result" in reply for reply in replies) == 1


async def test_a_session_of_somebody_else_is_not_there(app: Application) -> None:
    answer = await log_in(Client(app))
    office = await signed_in(app, Role.OFFICE)

    theirs = await failure(office, "sessions.revoke", {"sessionId": answer["session"]["id"]})
    nobody_s = await failure(
        office, "sessions.revoke", {"sessionId": "ses_00000000-0000-7000-8000-00000000dead"}
    )

    assert theirs.keys() == nobody_s.keys()
    assert (theirs["code"], theirs["message"]) == (nobody_s["code"], nobody_s["message"])
    assert await Client(app).call("auth.me", **with_token(answer["accessToken"]))


# API keys


async def test_a_key_loses_what_its_maker_loses_and_dies_with_him(app: Application) -> None:
    owner = await sign_in(app)
    second = await owner.call("users.save", login="second", roles=["owner"])
    await owner.call("auth.changePassword", userId=second["id"], newPassword=OTHER_PASSWORD)
    maker = await sign_in(app, "second", password=OTHER_PASSWORD)
    key = with_token(
        (
            await maker.call(
                "apikeys.create", name="k", scopes=["audit:read", "students:read"], **keyed()
            )
        )["secret"]
    )
    elsewhere = Client(app)
    await elsewhere.call("students.list", **key)
    saved = {"userId": second["id"], "login": "second"}

    await owner.call("users.save", **saved, roles=["instructor"])
    assert (await elsewhere.call("students.list", **key))["items"] == []
    assert await refused(elsewhere, "vehicles.list", **key) == "SCOPE_MISSING"

    await owner.call("users.save", **saved, roles=["accountant"], status="disabled")
    assert await refused(elsewhere, "students.list", **key) == "SESSION_EXPIRED"

    await owner.call("users.save", **saved, roles=["owner"])
    assert await refused(elsewhere, "students.list", **key) == "SESSION_EXPIRED"


@pytest.mark.parametrize("at", [5, 20, -1], ids=["id", "secret", "checksum"])
async def test_a_tampered_key_opens_nothing(app: Application, at: int) -> None:
    owner = await sign_in(app)
    created = await owner.call("apikeys.create", name="k", scopes=ALL_SCOPES, **keyed())
    secret: str = created["secret"]
    chars = list(secret)
    chars[at] = "B" if chars[at] == "A" else "A"

    symbol = await refused(Client(app), "students.list", **with_token("".join(chars)))

    assert symbol == "UNAUTHENTICATED"


async def test_a_secret_is_in_no_stored_reply(app: Application, store: Store) -> None:
    """Of passwords and tokens no reply is stored at all, and a key's is stored without secret."""
    client = Client(app)
    answer = await log_in(client, _meta={"idempotencyKey": "k"})
    created = await client.call_with_meta(
        "apikeys.create", {"name": "k", "scopes": ALL_SCOPES, "_meta": {"idempotencyKey": "k"}}
    )

    async def unit(work: Work) -> list[str]:
        rows = await work.tx.all(
            "SELECT channel, result FROM idempotency_keys WHERE school_id = :school"
        )
        return [row["channel"] + row["result"] for row in rows]

    [stored] = await store.read(unit)

    assert stored.startswith("apikeys.create")
    assert created["secret"] not in stored
    assert answer["accessToken"] not in stored


async def test_a_login_sent_twice_with_one_key_opens_two_sessions(app: Application) -> None:
    """Idempotency keys must not become a way to fetch somebody's tokens."""
    keyed = {"_meta": {"idempotencyKey": "k"}}
    first, second = [await log_in(Client(app), **keyed) for _ in range(2)]

    assert first["session"]["id"] != second["session"]["id"]
    assert await refused(Client(app), "auth.login", **WRONG, **keyed) == "UNAUTHENTICATED"


# Hammering


@pytest.mark.parametrize("seconds", [12, 12.5, 0.7])
async def test_hammering_at_the_same_desk_costs_the_owner_a_minute_and_never_keeps_him_out(
    app: Application, clock: FrozenClock, seconds: float
) -> None:
    owner = await sign_in(app)
    hammer = Hammer(Client(app), clock, seconds)

    for _ in range(10):
        await hammer.go_on(360)
        waits = await come_in(owner, hammer)

        assert len(waits) <= 1
        assert sum(waits) <= 60


async def test_hammering_elsewhere_costs_nobody_anything_where_he_signed_in_before(
    app: Application, clock: FrozenClock
) -> None:
    owner, outside = await sign_in(app), Client(app)
    outside.server.audience = "http"
    hammer = Hammer(outside, clock, 12)

    for _ in range(10):
        await hammer.go_on(360)

        assert await come_in(owner, hammer) == []


async def test_signing_in_at_the_desk_gives_guessers_elsewhere_no_more_tries(
    app: Application, hashing: QuickHashing
) -> None:
    owner, outside = await sign_in(app), Client(app)
    outside.server.audience = "http"
    hashing.verified.clear()

    for _ in range(10):
        await refused(outside, "auth.login", **WRONG)
        await log_in(owner)

    assert len(hashing.verified) == 10 + 5


async def test_whoever_makes_the_first_owner_is_known_from_then_on(clock: FrozenClock) -> None:
    async with app_for_people(clock) as app:
        owner, outside = Client(app), Client(app)
        outside.server.audience = "http"
        await owner.call("auth.bootstrap", **RIGHT)
        for _ in range(5):
            await refused(outside, "auth.login", **WRONG)

        assert (await log_in(owner))["user"]["login"] == "owner"


async def test_codes_beside_a_right_password_wait_for_a_quarter_of_an_hour_on_every_device(
    app: Application, clock: FrozenClock
) -> None:
    await add_user(app, make_user(has_mfa=True), mfa_secret=SECRET)
    client = await sign_in(app, mfaCode=code_now(clock))

    waits = [0.0]
    for _ in range(60):
        clock.advance(waits[-1])
        told = await failure(client, "auth.login", RIGHT | {"mfaCode": "000000"})
        waits.append(told.get("retryAfterMs", 0) / 1_000)
        if waits[-1] > 512:
            break
    symbol = await refused(client, "auth.login", **RIGHT, mfaCode=code_now(clock))
    clock.advance(900)

    # The minute of the device is told first.
    assert max(waits) == 900 - 60
    assert symbol == "ACCOUNT_LOCKED"
    assert (await log_in(client, mfaCode=code_now(clock)))["user"]


async def test_logins_at_once_on_one_connection_leave_one_session(app: Application) -> None:
    client = Client(app)

    await asyncio.gather(*(log_in(client) for _ in range(5)))

    [session] = (await client.call("sessions.list"))["items"]
    assert session["id"] == client.server.session_id
