"""`rpcbackend http`: the mirror in a process of its own."""

import asyncio
import os
import re
import signal
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx2
import pytest

from rpcbackend.alone import NO_USERS
from rpcbackend.exits import EX_TIMED_OUT
from tests.e2e.backend import COMMAND, INITIALIZE, KEY, TIMEOUT_SECONDS, Backend, run
from tests.people import PASSWORD

LOGIN = {"login": "ada", "password": PASSWORD}


async def make_school(data_dir: Path, **initialize: str) -> None:
    """Make a store with one owner at its desk."""
    backend = await Backend.start(data_dir)
    await backend.line()
    await backend.call("initialize", **INITIALIZE, **initialize)
    await backend.call("auth.bootstrap", **LOGIN)
    assert await backend.end() == 0


@asynccontextmanager
async def alone(data_dir: Path, *arguments: str, given: bytes = b"") -> AsyncIterator[str]:
    """Run the mirror alone, give its address, and end it by a signal."""
    process = await asyncio.create_subprocess_exec(
        *(*COMMAND, "http", "--data-dir", str(data_dir), "--bind", "127.0.0.1:0", *arguments),
        stdin=PIPE,
        stderr=PIPE,
    )
    assert process.stdin is not None
    process.stdin.write(given)
    process.stdin.close()
    try:
        yield await url_of(process)
    finally:
        process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(TIMEOUT_SECONDS):
            assert await process.wait() == 0


async def url_of(process: Process) -> str:
    """Return the address that the log tells."""
    assert process.stderr is not None
    async with asyncio.timeout(TIMEOUT_SECONDS):
        while line := await process.stderr.readline():
            if found := re.search(rb"http://[0-9.:]+", line):
                return found[0].decode()
    raise AssertionError("it ended")


async def sign_in(url: str) -> int:
    async with httpx2.AsyncClient(base_url=url, timeout=TIMEOUT_SECONDS) as http:
        return (await http.post("/api/auth.login", json=LOGIN)).status_code


async def test_a_plain_store_is_served_until_a_signal_comes(tmp_path: Path) -> None:
    await make_school(tmp_path / "data")

    async with alone(tmp_path / "data") as url:
        assert await sign_in(url) == 200
        taken, _, _ = await run("http", "--data-dir", str(tmp_path / "data"))

    assert taken == 69


async def test_told_to_end_it_says_so_to_a_balancer_and_serves_on_until_it_is_told_again(
    tmp_path: Path,
) -> None:
    await make_school(tmp_path / "data")
    process = await asyncio.create_subprocess_exec(
        *(*COMMAND, "http", "--data-dir", str(tmp_path / "data"), "--bind", "127.0.0.1:0"),
        env=os.environ
        | {
            "RPCBACKEND_API__LEAVE_SECONDS": "60",
            "RPCBACKEND_SECURITY__RATE_LIMIT__MAX": "1000000",
        },
        stdin=PIPE,
        stderr=PIPE,
    )
    url = await url_of(process)
    async with (
        asyncio.timeout(TIMEOUT_SECONDS),
        httpx2.AsyncClient(base_url=url, timeout=TIMEOUT_SECONDS) as http,
    ):
        process.send_signal(signal.SIGTERM)
        # Told by the signal, which comes some time.
        while (told := await http.get("/api/health")).status_code == 200:
            pass

        assert (told.status_code, told.json()["error"]["code"]) == (503, "SHUTTING_DOWN")
        assert await sign_in(url) == 200
        process.send_signal(signal.SIGTERM)
        assert await process.wait() == EX_TIMED_OUT


async def test_the_key_of_an_encrypted_store_comes_on_stdin_or_in_a_file(tmp_path: Path) -> None:
    await make_school(tmp_path / "data", databaseKey=KEY)
    key_file = tmp_path / "key"
    key_file.write_text(KEY + "\n", encoding="utf-8")
    key_file.chmod(0o600)

    async with alone(tmp_path / "data", given=KEY.encode() + b"\n") as url:
        assert await sign_in(url) == 200
    async with alone(tmp_path / "data", "--key-file", str(key_file)) as url:
        assert await sign_in(url) == 200


@pytest.mark.parametrize(
    ("given", "code", "reason"),
    [
        (b"", 64, "its key is wanted"),
        (b"no key\n", 64, "its key is wanted"),
        (b"B" * 43 + b"\n", 77, "does not open"),
    ],
    ids=["none", "no key", "another"],
)
async def test_without_its_key_an_encrypted_store_is_not_served(
    tmp_path: Path, given: bytes, code: int, reason: str
) -> None:
    await make_school(tmp_path / "data", databaseKey=KEY)

    ended, _, err = await run("http", "--data-dir", str(tmp_path / "data"), given=given)

    assert ended == code
    assert reason in err


async def test_a_key_that_others_may_read_is_not_read(tmp_path: Path) -> None:
    await make_school(tmp_path / "data", databaseKey=KEY)
    key_file = tmp_path / "key"
    key_file.write_text(KEY, encoding="utf-8")
    key_file.chmod(0o644)

    ended, _, err = await run(
        "http", "--data-dir", str(tmp_path / "data"), "--key-file", str(key_file)
    )

    assert ended == 64
    assert "others may read" in err


async def test_where_nobody_could_sign_in_nothing_is_served(tmp_path: Path) -> None:
    ended, _, err = await run("http", "--data-dir", str(tmp_path / "data"))

    assert ended == 64
    assert "there is no database" in err


async def test_of_a_school_without_users_the_log_says_what_to_do(tmp_path: Path) -> None:
    assert (await run("call", "branches.list", "--data-dir", str(tmp_path / "data")))[0] == 0
    process = await asyncio.create_subprocess_exec(
        *(*COMMAND, "http", "--data-dir", str(tmp_path / "data"), "--bind", "127.0.0.1:0"),
        stdin=DEVNULL,
        stderr=PIPE,
    )
    assert process.stderr is not None

    async with asyncio.timeout(TIMEOUT_SECONDS):
        told = await process.stderr.readuntil(b"the mirror listens")
        process.send_signal(signal.SIGTERM)
        await process.communicate()

    assert f"WARNING {NO_USERS}" in told.decode()
    await make_school(tmp_path / "data")
    async with alone(tmp_path / "data") as url:
        assert await sign_in(url) == 200


async def test_one_process_is_all_that_a_file_can_have(tmp_path: Path) -> None:
    ended, _, err = await run("http", "--data-dir", str(tmp_path), "--workers", "2")

    assert ended == 64
    assert "SQLite" in err
