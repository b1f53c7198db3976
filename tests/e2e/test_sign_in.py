"""People sign in to the real process: what holds across a restart, and what stays secret."""

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from rpcbackend.security.totp import STEP_MS, code_at
from tests.clauses import clause
from tests.e2e.backend import Backend, shown
from tests.machine import request

PASSWORD = "Zwiebelfisch quert Gurkenmond"  # noqa: S105 (looked for in files)
WRONG = "Nachtkauz ohne Pudelmuetze"
LOGIN = "wolkenstein@example.org"

Start = Callable[..., Awaitable[Backend]]


@pytest.fixture
async def start(tmp_path: Path) -> AsyncIterator[Start]:
    """Start processes on one data directory, at the level that logs most."""
    started: list[Backend] = []

    async def start_one() -> Backend:
        settings = {"RPCBACKEND_LIMITS__AUTH_PER_MINUTE": "100"}
        backend = await Backend.start(tmp_path / "data", "--log-level", "TRACE", **settings)
        started.append(backend)
        assert (await backend.line())["method"] == "system.ready"
        return backend

    yield start_one
    for backend in started:
        await backend.end()


async def refused(backend: Backend, channel: str, **params: Any) -> str:
    return shown(await backend.ask(request(1, channel, **params)))[2]


@clause("access-from-the-first-user-on")
async def test_from_the_first_user_on_everybody_signs_in_also_after_a_restart(
    start: Start,
) -> None:
    first = await start()
    assert (await first.call("auth.me"))["isLocal"]
    signed_in = await first.call("auth.bootstrap", login=LOGIN, password=PASSWORD)
    assert (await first.call("branches.list"))["items"] == []
    await first.end()

    second = await start()
    assert await refused(second, "branches.list") == "UNAUTHENTICATED"
    assert await refused(second, "auth.login", login=LOGIN, password=WRONG) == "UNAUTHENTICATED"
    assert await refused(second, "auth.bootstrap", login="x", password=WRONG) == "FORBIDDEN"
    token = {"_meta": {"token": signed_in["accessToken"]}}
    assert "result" in await second.ask(request(1, "branches.list", **token))

    await second.call("auth.login", login=LOGIN.upper(), password=PASSWORD)
    assert (await second.call("auth.me"))["user"]["login"] == LOGIN
    await second.call("auth.logout")
    assert await refused(second, "branches.list") == "UNAUTHENTICATED"


@clause("no-secret-outside")
async def test_no_secret_is_in_any_file_or_log_even_of_a_plain_store(
    start: Start, tmp_path: Path
) -> None:
    backend = await start()
    signed_in = await backend.call("auth.bootstrap", login=LOGIN, password=PASSWORD)
    await refused(backend, "auth.login", login=LOGIN, password=WRONG)
    refreshed = await backend.call("auth.refresh", refreshToken=signed_in["refreshToken"])
    key = await backend.call(
        "apikeys.create", name="script", scopes=["students:read"], _meta={"idempotencyKey": "k"}
    )
    uri = (await backend.call("auth.mfaEnrol"))["secretUri"]
    secret = uri.partition("secret=")[2].partition("&")[0]
    code = code_at(secret, (await now_ms(backend)) // STEP_MS)
    enrolled = await backend.call("auth.mfaEnrol", code=code)
    stolen = {"_meta": {"token": key["secret"]}}
    await refused(backend, "branches.save", name="x", zone="UTC", currency="EUR", **stolen)

    secrets = [
        *(PASSWORD, WRONG, key["secret"], *enrolled["recoveryCodes"]),
        *(signed_in["accessToken"], signed_in["refreshToken"]),
        *(refreshed["accessToken"], refreshed["refreshToken"]),
    ]
    files = {file: file.read_bytes() for file in (tmp_path / "data").iterdir()}
    texts = [*files.values(), backend.stderr.encode()]
    assert [text for text in secrets if any(text.encode() in held for held in texts)] == []
    # Proves that the search would find what is there.
    assert any(LOGIN.encode() in held for held in texts)


async def now_ms(backend: Backend) -> int:
    """Tell the process's own time: every error carries it."""
    refusal = await backend.ask(request(1, "no.such"))
    stamp: int = refusal["error"]["data"]["timestamp"]
    return stamp
