"""The program that dies while a desk books lessons (`mortal.py`).

Arguments: how many commands, how many of them at once, how long the log may grow, and what
`PRAGMA synchronous` shall be. It says `ack KEY ID` for each command before its reply is seen by
anybody, `refused KEY SYMBOL OUTCOME` for others, and `ended CODE` when the process would end. When
the disk was full, it says `read N` for what can still be read, makes room, and sends again what was
refused.
"""

import asyncio
import base64
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from itertools import islice
from pathlib import Path

import orjson

from rpcbackend import PROTOCOL_VERSION
from rpcbackend.app import Application
from rpcbackend.config import Disk
from rpcbackend.schema.limits import Limits
from rpcbackend.store import driver, sqlite
from rpcbackend.surroundings import Surroundings
from rpcbackend.testing import Client, FrozenClock, running_app
from tests.factories import KEY
from tests.faults.budget import SECONDS
from tests.faults.deeds import Deed, deeds
from tests.faults.mortal import Task, run_lives, say

WIDE = Limits(command_per_second=1_000_000, command_ms=120_000)

UNWATCHED = Disk(first_look_seconds=3_600, retry_seconds=0.01)
"""Looked at only once it was full: a life may be shorter than the second after which it is."""

FULL = ("DISK_FULL", "READ_ONLY_MODE")
"""What a command hears that finds no room, and those behind it."""


async def work(task: Task) -> None:
    """Open the store, send every command, close."""
    commands, at_once, log_bytes, synchronous = task.arguments
    sqlite.CHECKPOINT_BYTES = sqlite.BUSY_CHECKPOINT_BYTES = int(log_bytes)
    if synchronous != "FULL":
        weaken(synchronous)
    ballast = task.directory / "ballast"
    ballast.touch()
    async with desk_at(task.directory, say) as desk:
        task.arm()
        await desk.send_all(list(islice(deeds(), int(commands))), int(at_once))
        if desk.found_no_room:
            say(f"read {len((await desk.call('students.list'))['items'])}")
            ballast.unlink()
            await desk.send_again()


async def rehearse() -> None:
    """Do in memory what a life does."""
    async with running_app(surroundings=Surroundings(clock=FrozenClock()), limits=WIDE) as app:
        await Desk(app, lambda _: None).send_all(list(islice(deeds(), 10)), 1)


def weaken(synchronous: str) -> None:
    """Let every connection of this process sync less than it should: the control."""
    pragmas = ",".join(driver._WRITER_PRAGMAS)  # noqa: SLF001 (nobody but a control may)
    weaker = pragmas.replace("synchronous = FULL", f"synchronous = {synchronous}")
    vars(driver)["_WRITER_PRAGMAS"] = tuple(weaker.split(","))


class Desk(Client):
    """A client that tells what was acknowledged before anybody else hears of it.

    Args:
        app: With an open store.
        tell: Takes the lines that are described above.
    """

    def __init__(self, app: Application, tell: Callable[[str], None]) -> None:
        super().__init__(app)
        self._tell = tell
        self._sent: dict[int, Deed] = {}
        self.found_no_room: list[Deed] = []
        """What was refused because the disk is full."""

    async def send_all(self, wanted: Sequence[Deed], at_once: int) -> None:
        """Send commands in their order, so many of them at once."""
        rest = iter(wanted)
        async with asyncio.TaskGroup() as group:
            for _ in range(at_once):
                group.create_task(self._send_each(rest))

    async def send_again(self) -> None:
        """Send what was refused for want of room, until writing goes on by itself."""
        async with asyncio.timeout(SECONDS):
            while refused := self.found_no_room:
                self.found_no_room = []
                await self.send_all(refused, 1)

    async def _send_each(self, rest: Iterator[Deed]) -> None:
        for deed in rest:
            self._sent[self.last_id + 1] = deed
            await self.start(deed.channel, deed.params)

    def send(self, line: bytes) -> None:
        """Take a line out (the application's side)."""
        reply = orjson.loads(line)
        deed = self._sent.pop(reply.get("id"), None)
        if deed is not None:
            told = _told(deed.key, reply)
            self._tell(told)
            if told.split()[2] in FULL:
                self.found_no_room.append(deed)
        super().send(line)


@asynccontextmanager
async def desk_at(
    directory: Path, tell: Callable[[str], None], *, key: bytes | None = KEY
) -> AsyncIterator[Desk]:
    """Open a school for a desk, and close it afterwards."""
    surroundings = Surroundings(clock=FrozenClock())
    async with running_app(directory, surroundings, limits=WIDE, disk=UNWATCHED) as app:
        desk = Desk(app, tell)
        await desk.call(
            "initialize",
            protocolVersion=PROTOCOL_VERSION,
            client={"name": "desk", "version": "1"},
            databaseKey=base64.urlsafe_b64encode(key).decode() if key else None,
        )
        yield desk
        if app.ended.is_set():
            tell(f"ended {app.exit_code}")


def _told(key: str, reply: dict[str, object]) -> str:
    match reply:
        case {"result": {"lesson": {"id": record}} | {"student": {"id": record}}}:
            return f"ack {key} {record}"
        case {"error": {"data": {"code": symbol, "outcome": outcome}}}:
            return f"refused {key} {symbol} {outcome}"
    raise ValueError(reply)


if __name__ == "__main__":
    run_lives(work, rehearse)
