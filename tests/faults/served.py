"""The real process behind pipes, and a desk that pipelines keyed commands to it."""

import asyncio
import base64
import math
import os
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import orjson

from tests.e2e.backend import COMMAND, INITIALIZE, QUIET
from tests.factories import KEY
from tests.faults.checker import Checker
from tests.faults.deeds import Deed

IN_FLIGHT = 200

WIDE = {
    "RPCBACKEND_LIMITS__COMMAND_PER_SECOND": "1000000",
    # A machine that has others to serve may take its time.
    "RPCBACKEND_LIMITS__COMMAND_MS": "120000",
}


class Backend:
    """A process that serves a desk; what it answers goes to the checker."""

    def __init__(
        self, process: asyncio.subprocess.Process, checker: Checker, most: int = IN_FLIGHT
    ) -> None:
        self._process, self._checker, self._most = process, checker, most
        self._half = b""

    def send(self, wanted: Iterator[Deed]) -> None:
        """Send commands until enough of them wait for their replies."""
        assert self._process.stdin is not None
        lines = []
        while self._checker.unanswered < self._most and (deed := next(wanted, None)):
            lines.append(orjson.dumps(self._checker.send(deed)))
        if lines:
            self._process.stdin.write(b"\n".join(lines) + b"\n")

    async def hear(self) -> bool:
        """Take in what it says next; False at its end."""
        assert self._process.stdout is not None
        chunk = await self._process.stdout.read(1 << 16)
        *lines, self._half = (self._half + chunk).split(b"\n")
        for line in lines:
            self._checker.hear(orjson.loads(line))
        return bool(chunk)

    async def serve(self, wanted: Iterator[Deed], replies: float = math.inf) -> None:
        """Send what is wanted and hear so many replies, or all."""
        enough = self._checker.heard + replies
        self.send(wanted)
        while self._checker.unanswered and self._checker.heard < enough and await self.hear():
            self.send(wanted)

    async def call(self, channel: str, **params: Any) -> dict[str, Any]:
        """Call a channel past the checker, while nothing else waits."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        request = {"jsonrpc": "2.0", "id": channel, "method": channel, "params": params}
        self._process.stdin.write(orjson.dumps(request) + b"\n")
        reply = orjson.loads(await self._process.stdout.readline())
        result: dict[str, Any] = reply["result"]
        return result

    async def kill(self) -> None:
        """Kill it, and hear what it had said before."""
        self._process.kill()
        while await self.hear():
            pass
        await self._process.wait()

    async def end(self) -> int:
        """Let it end, and return its exit code."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        return await self._process.wait()


@asynccontextmanager
async def started(directory: Path, **environment: str) -> AsyncIterator[asyncio.subprocess.Process]:
    """Start the real process and hand it the key."""
    unmeasured = {name: value for name, value in os.environ.items() if name[:8] != "COVERAGE"}
    with (directory.parent / "stderr").open("ab") as errors:
        process = await asyncio.create_subprocess_exec(
            *(*COMMAND, "serve", "--data-dir", str(directory), "--log-level", "ERROR"),
            stdin=PIPE,
            stdout=PIPE,
            stderr=errors,
            env=unmeasured | WIDE | QUIET | environment,
        )
    try:
        assert process.stdin is not None
        params = INITIALIZE | {"databaseKey": base64.urlsafe_b64encode(KEY).decode()}
        process.stdin.write(
            orjson.dumps({"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": params})
            + b"\n"
        )
        yield process
    finally:
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()


@asynccontextmanager
async def backend(directory: Path, checker: Checker, **environment: str) -> AsyncIterator[Backend]:
    """Start the real process and wait until its store is open."""
    async with started(directory, **environment) as process:
        assert process.stdout is not None
        assert orjson.loads(await process.stdout.readline())["method"] == "system.ready"
        assert "result" in orjson.loads(await process.stdout.readline())
        yield Backend(process, checker)
