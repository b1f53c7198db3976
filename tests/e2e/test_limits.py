"""What one caller may, over real processes of one school: guesses exactly, rates nearly."""

import asyncio
import os
import signal
import time
from asyncio.subprocess import PIPE
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import httpx2

from tests.e2e.backend import COMMAND, TIMEOUT_SECONDS
from tests.e2e.test_mirror_alone import LOGIN, url_of
from tests.e2e.test_workers import make_owner
from tests.people import PASSWORD
from tests.postgres import Cluster

FREE = {
    "RPCBACKEND_LIMITS__AUTH_PER_MINUTE": "1000",
    "RPCBACKEND_SECURITY__RATE_LIMIT__MAX": "100000",
}
"""Rates of which these tests do not speak."""


@asynccontextmanager
async def served(data_dir: Path, database: str, **settings: str) -> AsyncIterator[str]:
    """Run the mirror alone, give its address, and end it by a signal."""
    process = await asyncio.create_subprocess_exec(
        *(*COMMAND, "http", "--data-dir", str(data_dir), "--bind", "127.0.0.1:0"),
        env=os.environ | FREE | {"RPCBACKEND_DATABASE__URL": database} | settings,
        stdin=PIPE,
        stderr=PIPE,
    )
    try:
        yield await url_of(process)
    finally:
        process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(TIMEOUT_SECONDS):
            await process.communicate()


@asynccontextmanager
async def workers(
    directory: Path, database: str, count: int, **settings: str
) -> AsyncIterator[list[httpx2.AsyncClient]]:
    """Run so many processes, and give a connection to each."""
    async with AsyncExitStack() as stack:
        clients = []
        for number in range(count):
            place = directory / str(number)
            url = await stack.enter_async_context(served(place, database, **settings))
            clients.append(
                await stack.enter_async_context(
                    httpx2.AsyncClient(base_url=url, timeout=TIMEOUT_SECONDS)
                )
            )
        yield clients


async def guess(client: httpx2.AsyncClient, number: int) -> int:
    """Try a password on an account that nobody tried before."""
    login = {"login": f"user{number}", "password": PASSWORD}
    return (await client.post("/api/auth.login", json=login)).status_code


async def test_guesses_that_are_spread_over_two_processes_lock_as_those_at_one(
    tmp_path: Path, cluster: Cluster
) -> None:
    database = cluster.create()
    await make_owner(database)

    async with workers(tmp_path, database, 2) as (one, two):
        spread = await asyncio.gather(*(guess((one, two)[n % 2], n) for n in range(30)))
        later = [await guess(client, 100) for client in (one, two)]

    assert Counter(spread) == {401: 20, 429: 10}
    assert later == [429, 429]


RATE, WORKERS, LAG_SECONDS = 20, 4, 0.5


async def test_a_caller_who_is_spread_over_four_workers_has_his_rate_and_a_burst_at_each(
    tmp_path: Path, cluster: Cluster
) -> None:
    """By themselves they would let pass four times the rate, for as long as he asks."""
    database = cluster.create()
    await make_owner(database)
    limit = {"RPCBACKEND_LIMITS__QUERY_PER_SECOND": str(RATE)}

    async with workers(tmp_path, database, WORKERS, **limit) as clients:
        signed = (await clients[0].post("/api/auth.login", json=LOGIN)).json()["data"]
        headers = {"Authorization": f"Bearer {signed['accessToken']}"}

        async def ask(client: httpx2.AsyncClient) -> Counter[int]:
            answers: Counter[int] = Counter()
            # He goes on until he was refused for long after what he may have at once.
            while answers[429] < 300:
                answer = await client.post("/api/branches.list", json={}, headers=headers)
                answers[answer.status_code] += 1
            return answers

        began = time.monotonic()
        counts = await asyncio.gather(*(ask(client) for client in clients))
        seconds = time.monotonic() - began

    total = sum(counts, Counter())
    assert total.keys() == {200, 429}
    # What passes at each before it has heard of the others, and hears of them late.
    slack = WORKERS * (2 * RATE + RATE * LAG_SECONDS)
    assert 2 * RATE <= total[200] <= RATE * seconds + slack
