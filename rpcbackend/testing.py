"""A client in memory: the real codec, validation, rings and store, without process or pipe."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson

from rpcbackend.app import Application
from rpcbackend.config import CacheSettings, Disk
from rpcbackend.dispatch.server import Server
from rpcbackend.outside_settings import OutsideSettings
from rpcbackend.schema.limits import Limits
from rpcbackend.surroundings import Surroundings

TIMEOUT_SECONDS = 30.0
"""No test waits longer for a reply."""


class FrozenClock:
    """A clock that stands still until it is told otherwise."""

    def __init__(self, now: datetime = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)) -> None:
        self._now_ms = round(now.timestamp() * 1_000)
        self._monotonic = 0.0

    def now_ms(self) -> int:
        """Milliseconds since the Unix epoch, UTC."""
        return self._now_ms

    def monotonic(self) -> float:
        """Seconds since the clock was made."""
        return self._monotonic

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        self.set_wall(seconds)
        self._monotonic += seconds

    def set_wall(self, seconds: float) -> None:
        """Set the wall clock on, or back by less than 0; no time passes."""
        self._now_ms += round(seconds * 1_000)


class CallFailedError(Exception):
    """The backend answered with an error."""

    def __init__(self, error: dict[str, Any]) -> None:
        self.code: int = error["code"]
        self.message: str = error["message"]
        self.data: dict[str, Any] = error["data"]
        self.symbol: str = self.data["code"]
        self.details: dict[str, Any] | None = self.data.get("details")
        super().__init__(f"{self.symbol} {self.message}")


class Client:
    """Speaks to an application in memory, line by line."""

    def __init__(self, app: Application) -> None:
        self._replies: dict[object, asyncio.Future[dict[str, Any]]] = {}
        self._next_id = 0
        self.lines: asyncio.Queue[Any] = asyncio.Queue()
        """Lines out that answer no `call`: notifications, batches, replies to raw lines."""
        self.server: Server = app.connect(self)

    async def call(self, channel: str, /, **params: Any) -> dict[str, Any]:
        """Call *channel* and return its result without `_meta`.

        Raises:
            CallFailedError: It answered with an error.
        """
        result = await self.call_with_meta(channel, params)
        result.pop("_meta", None)
        return result

    async def call_with_meta(self, channel: str, params: dict[str, Any]) -> dict[str, Any]:
        """Call *channel* and return its result, `_meta` included.

        Raises:
            CallFailedError: It answered with an error.
        """
        async with asyncio.timeout(TIMEOUT_SECONDS):
            reply = await self.start(channel, params)
        if "error" in reply:
            raise CallFailedError(reply["error"])
        result: dict[str, Any] = reply["result"]
        return result

    def start(self, channel: str, params: dict[str, Any]) -> "asyncio.Future[dict[str, Any]]":
        """Send a request and return the future of its whole reply; its id is `last_id`."""
        self._next_id += 1
        future: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
        self._replies[self._next_id] = future
        self.server.receive(
            orjson.dumps(
                {"jsonrpc": "2.0", "id": self._next_id, "method": channel, "params": params}
            )
        )
        return future

    @property
    def last_id(self) -> int:
        """The id of the request that was sent last."""
        return self._next_id

    async def next_line(self) -> Any:
        """Return the next line out that answers no `call`."""
        async with asyncio.timeout(TIMEOUT_SECONDS):
            return await self.lines.get()

    async def raw(self, line: bytes) -> Any:
        """Send a line as it is and return the next line out that answers no `call`."""
        self.server.receive(line)
        return await self.next_line()

    def send(self, line: bytes) -> None:
        """Take a line out (the application's side)."""
        message = orjson.loads(line)
        waiting = self._replies.pop(message.get("id"), None) if isinstance(message, dict) else None
        if waiting is not None and not waiting.done():
            waiting.set_result(message)
        else:
            self.lines.put_nowait(message)

    is_writable = True
    is_backed_up = False

    async def writable(self) -> None:
        """Read everything at once (the application's side)."""


@asynccontextmanager
async def running_app(
    directory: Path | None = None,
    surroundings: Surroundings | None = None,
    *,
    limits: Limits | None = None,
    disk: Disk | None = None,
    cache: CacheSettings | None = None,
    outside: OutsideSettings | None = None,
) -> AsyncIterator[Application]:
    """Run an application and close it; in memory unless a *directory* or a server is given."""
    cache = cache or CacheSettings(warm=False)
    app = Application(
        directory,
        surroundings,
        limits=limits,
        disk=disk,
        cache=cache,
        outside=outside,
    )
    await app.boot()
    try:
        yield app
    finally:
        await app.close()
