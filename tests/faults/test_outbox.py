"""A sender that is killed loses no message, and sends again only what it had not marked."""

import asyncio
import os
import signal
import sys
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson

from rpcbackend.store import Work
from tests.clauses import clause
from tests.factories import store_in
from tests.store.test_outbox import HELLO, rows_in

MESSAGES = 20
SECONDS = 60

LIVES = [("between", 1), ("before", 2), ("between", 6), ("mark", 3), ("between", 1)]
"""Where each sender dies, and at which of its messages."""


class Receiver:
    """Takes messages over a socket, and says so."""

    def __init__(self) -> None:
        self.received: list[dict[str, Any]] = []
        self.port = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Hear one sender until it ends."""
        while line := await reader.readline():
            self.received.append(orjson.loads(line))
            writer.write(b"ok\n")
        writer.close()


@asynccontextmanager
async def listening() -> AsyncIterator[Receiver]:
    receiver = Receiver()
    server = await asyncio.start_server(receiver.serve, "127.0.0.1", 0)
    receiver.port = server.sockets[0].getsockname()[1]
    async with server:
        yield receiver


async def send(directory: Path, port: int, place: str, at: int) -> int:
    """Run a sender to its end and return how it ended."""
    command = (sys.executable, "-m", "tests.faults.mailer")
    process = await asyncio.create_subprocess_exec(
        *(*command, str(directory), str(port), place, str(at)),
        env=os.environ | {"PYTHONASYNCIODEBUG": ""},
    )
    async with asyncio.timeout(SECONDS):
        return await process.wait()


async def queue_all(work: Work) -> None:
    for number in range(MESSAGES):
        await work.outbox.queue(replace(HELLO, dedupe_key=f"message {number}"))


@clause("outbox-at-least-once", "outbox-leases")
async def test_senders_that_are_killed_lose_nothing_and_repeat_only_what_they_had_not_marked(
    tmp_path: Path,
) -> None:
    async with store_in(tmp_path) as store:
        await store.write(queue_all, actor="tests")
    unmarked = Counter[str]()

    async with listening() as receiver:
        for place, at in LIVES:
            before = len(receiver.received)
            assert await send(tmp_path, receiver.port, place, at) == -signal.SIGKILL
            arrived = receiver.received[before:]
            # What the one before had leased is taken over at once: nobody waits for a lease to end.
            assert len(arrived) == at - (place == "before")
            if place == "between":
                unmarked[arrived[-1]["id"]] += 1
        assert await send(tmp_path, receiver.port, "never", 0) == 0

    times = Counter(message["id"] for message in receiver.received)
    async with store_in(tmp_path) as store:
        rows = await rows_in(store)
    assert {row["state"] for row in rows} == {"sent"}
    assert times == Counter([row["id"] for row in rows]) + unmarked
    assert {(message["id"], message["key"]) for message in receiver.received} == {
        (row["id"], row["dedupe_key"]) for row in rows
    }
    assert sum(unmarked.values()) == sum(1 for place, _ in LIVES if place == "between")
