"""Tokens of the mirror under a secret of the configuration, and their life."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

from rpcbackend.security.signing import Signing
from rpcbackend.surroundings import Surroundings
from rpcbackend.testing import FrozenClock, running_app
from tests.mirror.test_routes import refusal
from tests.mirror.web import Web, mirrored
from tests.people import PASSWORD, add_user, be_quick, make_user

SECRET, OTHER = b"a" * 32, b"b" * 32


@asynccontextmanager
async def school(
    directory: Path, clock: FrozenClock, secret: bytes | None, life_seconds: int = 600
) -> AsyncIterator[Web]:
    """Open the mirror of the same school under a secret."""
    signing = Signing(secret=secret, life_seconds=life_seconds)
    async with running_app(directory, Surroundings(clock=clock, over_http=signing)) as app:
        be_quick(app)
        await app.open_store()
        if not await app.store.read(lambda work: work.users.any()):
            await add_user(app, make_user(login="ada"))
        async with mirrored(app, clock) as web:
            yield web


async def signed_in(web: Web) -> dict[str, Any]:
    """Sign the owner in."""
    answer = await web.call("auth.login", login="ada", password=PASSWORD)
    data: dict[str, Any] = answer.json()["data"]
    return data


async def test_a_token_is_good_under_its_secret_alone(tmp_path: Path, clock: FrozenClock) -> None:
    async with school(tmp_path, clock, SECRET) as web:
        token = (await signed_in(web))["accessToken"]
        assert (await web.call("students.list", token)).status_code == 200
    async with school(tmp_path, clock, SECRET) as web:
        assert (await web.call("students.list", token)).status_code == 200

    for secret in (OTHER, None):
        async with school(tmp_path, clock, secret) as web:
            assert refusal(await web.call("students.list", token)) == (401, "UNAUTHENTICATED")


async def test_a_token_from_before_there_was_a_secret_is_good_no_more(
    tmp_path: Path, clock: FrozenClock
) -> None:
    async with school(tmp_path, clock, None) as web:
        token = (await signed_in(web))["accessToken"]

    async with school(tmp_path, clock, SECRET) as web:
        assert refusal(await web.call("students.list", token)) == (401, "UNAUTHENTICATED")


async def test_a_token_lives_as_long_as_it_is_set(tmp_path: Path, clock: FrozenClock) -> None:
    began_ms = clock.now_ms()
    async with school(tmp_path, clock, SECRET, 120) as web:
        data = await signed_in(web)
        token = data["accessToken"]
        ends_at = datetime.fromisoformat(data["expiresAt"]).timestamp()
        clock.advance(124)
        before = await web.call("students.list", token)
        clock.advance(1)
        after = await web.call("students.list", token)
        renewed = await web.call("auth.refresh", token, refreshToken=data["refreshToken"])

    assert ends_at == began_ms / 1_000 + 120
    # With the five seconds that clocks may differ by.
    assert before.status_code == 200
    assert refusal(after) == (401, "SESSION_EXPIRED")
    assert renewed.status_code == 200


async def test_a_shorter_life_holds_for_the_tokens_that_are_out(
    tmp_path: Path, clock: FrozenClock
) -> None:
    async with school(tmp_path, clock, SECRET, 3_600) as web:
        token = (await signed_in(web))["accessToken"]
        assert (await web.call("students.list", token)).status_code == 200

    async with school(tmp_path, clock, SECRET, 600) as web:
        assert refusal(await web.call("students.list", token)) == (401, "UNAUTHENTICATED")
