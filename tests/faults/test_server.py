"""Desks in several processes, while the server ends their connections, and dies, and comes back."""

import asyncio
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import pytest

from rpcbackend.store import Place, Store, Work, open_server_store
from rpcbackend.store.audit import ROOT
from tests.faults.budget import SECONDS
from tests.postgres import Cluster

DESKS, COMMANDS = 4, 100

MOST_BLOWS = 120
"""A machine that is so slow that the desks are not done by then lets them finish in peace."""

_END_THEM = """
SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
WHERE application_name = 'rpcbackend' AND random() < 0.5
"""


@pytest.fixture
def safe() -> Iterator[Cluster]:
    """A server that keeps what it has acknowledged."""
    cluster = Cluster(fsync="on", synchronous_commit="on", full_page_writes="on")
    yield cluster
    cluster.stop()


async def test_what_was_answered_is_there_once_whatever_the_server_goes_through(
    safe: Cluster,
) -> None:
    url = safe.create()
    await (await open_server_store(Place(url=url))).close()
    desks = [await start(url, f"desk {number}") for number in range(DESKS)]

    ends = asyncio.gather(*(said_by(desk) for desk in desks))
    kills = 0
    async with asyncio.timeout(SECONDS):
        while kills < MOST_BLOWS and not ends.done():
            await asyncio.wait([ends], timeout=0.5)
            if kills % 6 == 5:
                await asyncio.to_thread(safe.kill)
                await asyncio.to_thread(safe.start)
            else:
                await end_connections(url)
            kills += 1
        told = await ends

    assert [len(ids) for ids in told] == [COMMANDS] * DESKS
    store = await open_server_store(Place(url=url))
    try:
        await check(store, [branch for ids in told for branch in ids])
    finally:
        await store.close()


async def check(store: Store, told: list[str]) -> None:
    """Everything that was answered is there, once, in the tables, the stream and the audit."""

    async def unit(work: Work) -> tuple[list[str], list[str], int, int]:
        branches = await work.tx.all("SELECT id FROM branches WHERE school_id = :school")
        events = await work.tx.all(
            "SELECT aggregate_id FROM events WHERE school_id = :school ORDER BY seq"
        )
        head = await work.audit.head()
        link = await work.audit.follow(ROOT, head.seq, 10_000)
        return [row[0] for row in branches], [row[0] for row in events], head.seq, link.seq

    branches, events, written, right = await store.read(unit)
    assert sorted(told) == sorted(branches) == sorted(events)
    assert written == right == len(told) == len(set(told))
    assert await store.engine.look_through(lambda *_: None) == []


async def start(url: str, name: str) -> Process:
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.faults.server_desk", url, name, str(COMMANDS)),
        cwd=Path(__file__).parent.parent.parent,
        stdout=PIPE,
    )


async def said_by(desk: Process) -> list[str]:
    said, _ = await desk.communicate()
    assert desk.returncode == 0
    return said.decode().split()


async def end_connections(url: str) -> None:
    connection = await asyncpg.connect(url)
    await connection.execute(_END_THEM)
    await connection.close()
