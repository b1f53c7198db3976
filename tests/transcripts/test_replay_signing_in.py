"""People who signed in while it was recorded do so in a replay, at the time at which they did."""

import asyncio
from pathlib import Path

from rpcbackend.security.totp import STEP_MS, code_at
from rpcbackend.testing import FrozenClock
from tests.clauses import clause
from tests.factories import save_branch
from tests.people import HeldHashing
from tests.transcripts.desks import (
    ADA,
    assert_same,
    recorded,
    refused,
    replayed,
)


@clause("transcript-replays")
async def test_people_sign_in_again(tmp_path: Path) -> None:
    async with recorded(tmp_path) as client:
        await client.call("auth.bootstrap", **ADA)
        assert await refused(client, "auth.login", **ADA | {"password": "no"}) == "UNAUTHENTICATED"
        again = await client.call("auth.login", **ADA)
        await client.call("auth.refresh", refreshToken=again["refreshToken"])
        await client.call("sessions.list")
        key = await client.call_with_meta(
            "apikeys.create",
            {"name": "k", "scopes": ["students:read"], "_meta": {"idempotencyKey": "1"}},
        )
        meta = {"_meta": {"token": key["secret"]}}
        await client.call_with_meta("students.list", meta)
        await client.call("apikeys.list")
        await client.call("apikeys.revoke", keyId=key["key"]["id"])
        await client.call(
            "auth.changePassword",
            currentPassword=ADA["password"],
            newPassword=f"another {ADA['password']}",
        )
        assert (
            await refused(client, "auth.changePassword", newPassword="x", currentPassword="x")
        ) == "INVALID_PARAMS"
        await client.call("auth.logout")
        assert await refused(client, "students.list") == "UNAUTHENTICATED"

    assert_same(await replayed(tmp_path))


@clause("transcript-replays")
async def test_people_sign_in_with_a_second_factor_again(tmp_path: Path) -> None:
    clock = FrozenClock()

    def code(uri: str) -> str:
        secret = uri.partition("secret=")[2].partition("&")[0]
        return code_at(secret, clock.now_ms() // STEP_MS)

    async with recorded(tmp_path, clock) as client:
        await client.call("auth.bootstrap", **ADA)
        uri = (await client.call("auth.mfaEnrol"))["secretUri"]
        assert await refused(client, "auth.mfaEnrol", code="000000") == "INVALID_PARAMS"
        codes = (await client.call("auth.mfaEnrol", code=code(uri)))["recoveryCodes"]
        clock.advance(30)
        assert await refused(client, "auth.login", **ADA) == "MFA_REQUIRED"
        await client.call("auth.login", **ADA, mfaCode=code(uri))
        await client.call("auth.login", **ADA, recoveryCode=codes[3])

    assert_same(await replayed(tmp_path), compared=7)


@clause("transcript-replays")
async def test_a_day_on_which_the_clock_was_put_back_comes_again(tmp_path: Path) -> None:
    clock, hashing = FrozenClock(), HeldHashing()
    async with recorded(tmp_path, clock) as client, asyncio.timeout(30):
        client.app.hashing = hashing
        await client.call("auth.bootstrap", **ADA)
        clock.advance(100)
        signing_in = asyncio.ensure_future(client.start("auth.login", ADA))
        await hashing.begun.wait()
        clock.set_wall(-60)
        await client.call("auth.me")
        hashing.goes_on.set()
        await signing_in
        for _ in range(3):
            clock.advance(1)
            await client.call("auth.me")

    outcome = await replayed(tmp_path)

    assert_same(outcome, compared=6)
    assert (outcome.unanswered, outcome.overlapped) == (0, 2)


@clause("transcript-replays")
async def test_no_call_depends_on_how_far_a_login_beside_it_was_when_the_clock_was_put_back(
    tmp_path: Path,
) -> None:
    clock, hashing = FrozenClock(), HeldHashing()
    async with recorded(tmp_path, clock) as client, asyncio.timeout(30):
        client.app.hashing = hashing
        await client.call("auth.bootstrap", **ADA)
        clock.advance(100)
        signing_in = asyncio.ensure_future(client.start("auth.login", ADA))
        await hashing.begun.wait()
        clock.set_wall(-60)
        first = await client.call("auth.me")
        await client.app.access.noted()
        second = await client.call("auth.me")
        hashing.goes_on.set()
        await signing_in
        clock.advance(90)
        third = await client.call("auth.me")

    seen = [each["session"]["lastSeenAt"] for each in (first, second, third)]
    assert seen == ["2026-11-23T08:01:40Z", "2026-11-23T08:01:40Z", "2026-11-23T08:03:10Z"]
    assert_same(await replayed(tmp_path), compared=5)


@clause("transcript-replays")
async def test_a_login_has_the_time_of_its_arrival_though_others_were_done_before_it(
    tmp_path: Path,
) -> None:
    clock, hashing = FrozenClock(), HeldHashing()
    async with recorded(tmp_path, clock) as client, asyncio.timeout(30):
        client.app.hashing = hashing
        await client.call("auth.bootstrap", **ADA)
        signing_in = asyncio.ensure_future(client.start("auth.login", ADA))
        await hashing.begun.wait()
        clock.advance(2)
        await save_branch(client)
        hashing.goes_on.set()
        token = (await signing_in)["result"]["accessToken"]
        await client.call("auth.me", _meta={"token": token})

    assert_same(await replayed(tmp_path))
