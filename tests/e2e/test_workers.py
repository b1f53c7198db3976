"""`rpcbackend http --workers N`: several processes behind one address, over one database."""

import asyncio
import os
import signal
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import httpx2
import psutil

from rpcbackend.store import Place
from rpcbackend.surroundings import Surroundings
from rpcbackend.testing import Client, running_app
from tests.e2e.backend import COMMAND, TIMEOUT_SECONDS
from tests.e2e.test_mirror_alone import LOGIN, url_of
from tests.postgres import Cluster


async def make_owner(url: str) -> None:
    async with running_app(surroundings=Surroundings(place=Place(url=url))) as app:
        await app.open_store()
        await Client(app).call("auth.bootstrap", **LOGIN)


@asynccontextmanager
async def crew(data_dir: Path, database: str, count: int) -> AsyncIterator[tuple[str, int]]:
    """Run workers, give their address and their parent, and end them by a signal."""
    process = await asyncio.create_subprocess_exec(
        *(*COMMAND, "http", "--data-dir", str(data_dir), "--bind", "127.0.0.1:0"),
        *("--workers", str(count)),
        env=os.environ | {"RPCBACKEND_DATABASE__URL": database},
        stdin=PIPE,
        stderr=PIPE,
    )
    try:
        yield await url_of(process), process.pid
    finally:
        process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(TIMEOUT_SECONDS):
            assert await process.wait() == 0


async def until(is_so: Callable[[], bool]) -> None:
    async with asyncio.timeout(TIMEOUT_SECONDS):
        while not is_so():  # noqa: ASYNC110 (it happens to another process)
            await asyncio.sleep(0.01)


def workers_of(pid: int) -> set[int]:
    return {child.pid for child in psutil.Process(pid).children()}


async def save(url: str, token: str, number: int) -> int:
    """Save a branch and look for it, on a connection of its own: whoever answers."""
    headers = {"Authorization": f"Bearer {token}"}
    branch = {"name": str(number), "zone": "Europe/Berlin", "currency": "EUR"}
    async with httpx2.AsyncClient(base_url=url, headers=headers, timeout=TIMEOUT_SECONDS) as http:
        assert (await http.post("/api/branches.save", json=branch)).status_code == 200
    async with httpx2.AsyncClient(base_url=url, headers=headers, timeout=TIMEOUT_SECONDS) as http:
        listed = (await http.post("/api/branches.list", json={})).json()["data"]["items"]
    return len(listed)


async def test_whoever_answers_all_see_what_was_done_and_one_that_dies_is_replaced(
    tmp_path: Path, cluster: Cluster
) -> None:
    database = cluster.create()
    await make_owner(database)

    async with crew(tmp_path, database, 2) as (url, parent):
        await until(lambda: len(workers_of(parent)) == 2)
        before = workers_of(parent)
        async with httpx2.AsyncClient(base_url=url, timeout=TIMEOUT_SECONDS) as http:
            signed = (await http.post("/api/auth.login", json=LOGIN)).json()["data"]

        counts = [await save(url, signed["accessToken"], number) for number in range(10)]
        assert counts == list(range(1, 11))

        os.kill(min(before), signal.SIGKILL)
        await until(lambda: len(workers_of(parent)) == 2 and workers_of(parent) != before)

        assert await save(url, signed["accessToken"], 10) == 11

    assert {"worker-1", "worker-2"} <= set(os.listdir(tmp_path))  # noqa: PTH208 (not of a loop's)
