"""The mirror of a real process, beside its desk."""

import asyncio
from pathlib import Path

import httpx2

from tests.e2e.backend import TIMEOUT_SECONDS, Backend
from tests.people import PASSWORD


async def url_of(backend: Backend) -> str:
    """Ask until the mirror listens, and return where."""
    async with asyncio.timeout(TIMEOUT_SECONDS):
        while (url := (await backend.call("system.health"))["mirrorUrl"]) is None:
            pass
    return str(url)


async def test_a_process_serves_its_desk_and_the_mirror_until_its_stdin_ends(
    tmp_path: Path,
) -> None:
    backend = await Backend.start(tmp_path / "data", "--http", "127.0.0.1:0")
    try:
        await backend.line()
        await backend.call("auth.bootstrap", login="ada", password=PASSWORD)
        url = await url_of(backend)
        async with httpx2.AsyncClient(base_url=url, timeout=TIMEOUT_SECONDS) as http:
            signed_in = await http.post(
                "/api/auth.login", json={"login": "ada", "password": PASSWORD}
            )
            token = signed_in.json()["data"]["accessToken"]
            listed = await http.post(
                "/api/students.list", json={}, headers={"Authorization": f"Bearer {token}"}
            )
    finally:
        assert await backend.end() == 0

    assert listed.json()["data"]["items"] == []


async def test_an_address_that_is_taken_ends_the_start(tmp_path: Path) -> None:
    first = await Backend.start(tmp_path / "first", "--http", "127.0.0.1:0")
    try:
        await first.line()
        port = (await url_of(first)).rpartition(":")[2]
        second = await Backend.start(tmp_path / "second", "--http", f"127.0.0.1:{port}")
        assert await second.exit_code() == 69
    finally:
        assert await first.end() == 0

    assert f"127.0.0.1 port {port} cannot be listened on" in second.stderr


async def test_an_open_address_without_encryption_ends_the_start(tmp_path: Path) -> None:
    backend = await Backend.start(tmp_path / "data", "--http", "0.0.0.0:0")

    assert await backend.exit_code() == 78
    assert "it needs https, or api.trusted_proxies" in backend.stderr
