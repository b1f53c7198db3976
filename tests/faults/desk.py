"""The program that dies while a desk books lessons (`mortal.py`).

Arguments: how many commands, how many of them at once, how long the log may grow, and what
`PRAGMA synchronous` shall be. It says `ack KEY ID` for each command before its reply is seen by
anybody, `refused KEY SYMBOL OUTCOME` for others, and `poison` when the process would have to end.
"""

import asyncio
import base64
from collections.abc import Iterator
from itertools import islice

import orjson

from rpcbackend import PROTOCOL_VERSION
from rpcbackend.app import Application, Outside
from rpcbackend.schema.limits import Limits
from rpcbackend.store import driver, sqlite
from rpcbackend.testing import Client, FrozenClock, running_app
from tests.factories import KEY
from tests.faults.deeds import Deed, deeds
from tests.faults.mortal import Task, run_lives, say

WIDE = Limits(command_per_second=1_000_000, command_ms=120_000)


async def work(task: Task) -> None:
    """Open the store, send every command, close."""
    commands, at_once, log_bytes, synchronous = task.arguments
    sqlite.CHECKPOINT_BYTES = sqlite.BUSY_CHECKPOINT_BYTES = int(log_bytes)
    if synchronous != "FULL":
        weaken(synchronous)
    outside = Outside(clock=FrozenClock())
    async with running_app(task.directory, outside, limits=WIDE) as app:
        desk = Desk(app)
        await desk.unlock()
        task.arm()
        rest = islice(deeds(), int(commands))
        async with asyncio.TaskGroup() as group:
            for _ in range(int(at_once)):
                group.create_task(desk.send_all(rest))
        if app.ended.is_set():
            say(f"ended {app.exit_code}")


def weaken(synchronous: str) -> None:
    """Let every connection of this process sync less than it should: the control."""
    pragmas = ",".join(driver._WRITER_PRAGMAS)  # noqa: SLF001 (nobody but a control may)
    weaker = pragmas.replace("synchronous = FULL", f"synchronous = {synchronous}")
    vars(driver)["_WRITER_PRAGMAS"] = tuple(weaker.split(","))


class Desk(Client):
    """A client that says what was acknowledged before anybody else hears of it."""

    def __init__(self, app: Application) -> None:
        super().__init__(app)
        self._keys: dict[int, str] = {}

    async def unlock(self) -> None:
        """Open the encrypted store."""
        key = base64.urlsafe_b64encode(KEY).decode()
        client = {"name": "desk", "version": "1"}
        await self.call(
            "initialize", protocolVersion=PROTOCOL_VERSION, client=client, databaseKey=key
        )

    async def send_all(self, rest: Iterator[Deed]) -> None:
        """Send one command after the other."""
        for deed in rest:
            self._keys[self.last_id + 1] = deed.key
            await self.start(deed.channel, deed.params)

    def send(self, line: bytes) -> None:
        """Take a line out (the application's side)."""
        reply = orjson.loads(line)
        key = self._keys.pop(reply.get("id"), None)
        if key is not None:
            say(_told(key, reply))
        super().send(line)


def _told(key: str, reply: dict[str, object]) -> str:
    match reply:
        case {"result": {"lesson": {"id": record}} | {"student": {"id": record}}}:
            return f"ack {key} {record}"
        case {"error": {"data": {"code": symbol, "outcome": outcome}}}:
            return f"refused {key} {symbol} {outcome}"
    raise ValueError(reply)


if __name__ == "__main__":
    run_lives(work)
