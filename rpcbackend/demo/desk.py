"""The other end of the wire: a real backend process, spoken to line by line."""

import asyncio
import sys
import time
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rpcbackend.protocol import codec

TIMEOUT_SECONDS = 60.0
"""No step of the demo waits longer, on a slow and busy machine either."""

_MAX_LINE_BYTES = 16 * 1024 * 1024
"""The greatest reply (protocol section 7)."""


class DeskError(Exception):
    """The backend did not answer as the demo needs it."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back for one request."""

    content: dict[str, Any]
    """The result, or the error object."""
    is_error: bool
    ms: float
    bytes: int

    @property
    def result(self) -> dict[str, Any]:
        """The result.

        Raises:
            DeskError: It is an error.
        """
        if self.is_error:
            raise DeskError(f"{self.content['data']['code']}: {self.content['message']}")
        return self.content


@dataclass(slots=True)
class Backend:
    """A running `rpcbackend serve`."""

    process: asyncio.subprocess.Process
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    latencies_ms: list[float] = field(default_factory=list)
    events: int = 0
    """How many have arrived."""
    _waiting: deque[dict[str, Any]] = field(default_factory=deque)

    async def call(self, channel: str, params: dict[str, Any]) -> Answer:
        """Send a request and return its answer; what else arrives meanwhile is kept."""
        request_id = len(self.latencies_ms) + 1
        # Not the Clock: on Windows its monotonic time moves in steps of 15 ms.
        began = time.perf_counter()
        self.writer.write(codec.request(request_id, channel, params))
        while True:
            line = await self._read_line()
            ms = (time.perf_counter() - began) * 1_000
            message = codec.decode(line)
            if message.get("id") == request_id:
                self.latencies_ms.append(ms)
                is_error = "error" in message
                content = message["error" if is_error else "result"]
                return Answer(content, is_error, ms, len(line))
            self._waiting.append(message)

    async def news(self, method: str) -> dict[str, Any]:
        """Return the params of the next notification of that method."""
        while True:
            message = self._waiting.popleft() if self._waiting else await self._read()
            if message.get("method") == method:
                params: dict[str, Any] = message["params"]
                return params

    async def event(self, record_id: str) -> dict[str, Any]:
        """Return the next event about a record."""
        while True:
            event = await self.news("event")
            self.events += 1
            if event["aggregate"]["id"] == record_id:
                return event

    async def end(self) -> int:
        """Ask it to shut down and return its exit code."""
        await self.call("shutdown", {})
        self.writer.close()
        async with asyncio.timeout(TIMEOUT_SECONDS):
            return await self.process.wait()

    async def _read(self) -> dict[str, Any]:
        message: dict[str, Any] = codec.decode(await self._read_line())
        return message

    async def _read_line(self) -> bytes:
        async with asyncio.timeout(TIMEOUT_SECONDS):
            line = await self.reader.readline()
        if not line:
            raise DeskError("the backend has closed its end")
        return line


@asynccontextmanager
async def running_backend(directory: Path, *arguments: str) -> AsyncIterator[Backend]:
    """Run a backend on a data directory; whatever happens, it is gone afterwards.

    Args:
        directory: The data directory.
        arguments: More of them for `rpcbackend serve`.
    """
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "rpcbackend", "serve"),
        *("--data-dir", str(directory), "--log-level", "WARNING", *arguments),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        limit=_MAX_LINE_BYTES,
    )
    try:
        if process.stdin is None or process.stdout is None:  # pragma: no cover (both are pipes)
            raise DeskError("the backend has no pipes")
        yield Backend(process, process.stdout, process.stdin)
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()
