"""Real processes of one school, of which the one that leads is stopped, woken and killed."""

import asyncio
import os
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import asyncpg

from rpcbackend.store import Message, Place, Work, open_server_store
from tests.postgres import Cluster

TIMEOUT_SECONDS = 120
"""A leader that is stopped is believed for ten seconds; then another one looks each second."""


_UNMARKED = "SELECT count(*) FROM outbox WHERE state <> 'sent'"


class Leader:
    """Such a process, and what it said."""

    def __init__(self, process: Process) -> None:
        self._process = process
        self.said: list[str] = []

    async def until(self, *lines: str) -> None:
        """Read until it has said all of these."""
        assert self._process.stdout is not None
        async with asyncio.timeout(TIMEOUT_SECONDS):
            while not set(lines) <= set(self.said):
                line = await self._process.stdout.readline()
                assert line, "it ended"
                self.said.append(line.decode().strip())

    async def rest(self) -> None:
        """Kill it, and read what it said since."""
        self.signal(signal.SIGKILL)
        said, _ = await self._process.communicate()
        self.said += said.decode().split()

    def signal(self, number: int) -> None:
        """Stop it, wake it, kill it."""
        os.kill(self._process.pid, number)

    @property
    def sent(self) -> list[str]:
        """The messages that it handed over."""
        return [line for line in self.said if line != "leads"]


@asynccontextmanager
async def leader(url: str) -> AsyncIterator[Leader]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.faults.leading", url),
        cwd=Path(__file__).parent.parent.parent,
        stdout=PIPE,
    )
    try:
        yield Leader(process)
    finally:
        if process.returncode is None:
            process.kill()
            await process.communicate()


async def queue(url: str, batch: str) -> list[str]:
    """Queue ten messages, and return to whom."""
    messages = [
        Message(
            channel="webhook",
            recipient=f"{batch}-{number}",
            template="t",
            payload={},
            dedupe_key=f"{batch}-{number}",
        )
        for number in range(10)
    ]

    async def unit(work: Work) -> None:
        for message in messages:
            await work.outbox.queue(message)

    # Gone at once, for it might come to lead, and sends nothing.
    store = await open_server_store(Place(url=url))
    await store.write(unit, actor="tests")
    await store.close()
    return [message.recipient for message in messages]


async def until_marked(url: str) -> None:
    """Wait until all that was handed over is known to be: what is not goes out again."""
    connection = await asyncpg.connect(url)
    async with asyncio.timeout(TIMEOUT_SECONDS):
        while await connection.fetchval(_UNMARKED):  # noqa: ASYNC110 (it is for another process)
            await asyncio.sleep(0.05)
    await connection.close()


async def test_when_the_one_that_leads_hangs_another_sends_and_nothing_goes_out_twice(
    cluster: Cluster,
) -> None:
    url = cluster.create()
    async with leader(url) as one:
        await one.until("leads")
        async with leader(url) as two:
            before = await queue(url, "before")
            await one.until(*before)
            await until_marked(url)

            one.signal(signal.SIGSTOP)
            stopped = await queue(url, "stopped")
            await two.until("leads", *stopped)

            one.signal(signal.SIGCONT)
            woken = await queue(url, "woken")
            await two.until(*woken)
            await until_marked(url)
            await two.rest()

        killed = await queue(url, "killed")
        await one.until(*killed)
        await one.rest()

    # Each once: by the first before it was stopped and after the second had died, else by that.
    assert sorted(one.sent) == sorted(before + killed)
    assert sorted(two.sent) == sorted(stopped + woken)
