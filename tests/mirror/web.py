"""A client of the mirror: httpx2 for what is well-formed, a socket for what is not."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

import httpx2
import orjson

from rpcbackend.api_settings import ApiSettings, SecuritySettings
from rpcbackend.app import Application
from rpcbackend.mirror.mirror import Mirror
from rpcbackend.testing import FrozenClock

TIMEOUT_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Answer:
    """What came over the socket, taken apart."""

    status: int
    headers: dict[str, str]
    content: bytes
    raw: bytes

    @classmethod
    def of(cls, raw: bytes) -> "Answer":
        """Take the first answer apart."""
        head, _, rest = raw.partition(b"\r\n\r\n")
        first, *fields = head.decode("latin-1").split("\r\n")
        pairs = (field.partition(": ") for field in fields)
        headers = {name.lower(): value for name, _, value in pairs}
        length = int(headers.get("content-length", len(rest)))
        return cls(int(first.split()[1]), headers, rest[:length], raw)

    @property
    def body(self) -> Any:
        """The JSON of it."""
        return orjson.loads(self.content)


@dataclass(slots=True)
class Web:
    """Speaks to a mirror."""

    mirror: Mirror
    http: httpx2.AsyncClient

    @property
    def host(self) -> str:
        """What it is called by."""
        return f"127.0.0.1:{self.mirror.port}"

    async def call(
        self, channel: str, token: str | None = None, /, **params: Any
    ) -> httpx2.Response:
        """Call a channel, by a token or nobody's."""
        return await self.post(f"/api/{channel}", params, token)

    async def post(
        self, path: str, body: Any, token: str | None = None, **headers: str
    ) -> httpx2.Response:
        """Post JSON, by a token or nobody's."""
        return await self.http.post(path, json=body, headers=bearer(token) | named(headers))

    async def get(self, path: str, token: str | None = None, **headers: str) -> httpx2.Response:
        """Get a page, by a token or nobody's."""
        return await self.http.get(path, headers=bearer(token) | named(headers))

    async def ask(self, line: str, body: bytes = b"", **headers: str) -> Answer:
        """Send a request as it is written, body and length with it, and return the answer."""
        length = {"Content-Length": str(len(body))} if body else {}
        return Answer.of(await self.raw(self.head(line, **length, **headers) + body))

    async def until_answered(self, line: str) -> Answer:
        """Ask until there is room, and return the answer."""
        async with asyncio.timeout(TIMEOUT_SECONDS):
            while (answer := await self.ask(line)).status == HTTPStatus.SERVICE_UNAVAILABLE:
                pass
        return answer

    async def raw(self, *parts: bytes) -> bytes:
        """Send bytes as they are and return what comes until the connection is closed."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.mirror.port)
        try:
            async with asyncio.timeout(TIMEOUT_SECONDS):
                with suppress(ConnectionError):
                    for part in parts:
                        writer.write(part)
                        await writer.drain()
                return await reader.read()
        finally:
            writer.close()

    def head(self, line: str, **headers: str) -> bytes:
        """Write a head; `Host` is right unless given, and it asks to be closed after."""
        fields = {"Host": self.host, "Connection": "close"} | named(headers)
        lines = [f"{line} HTTP/1.1", *(f"{name}: {value}" for name, value in fields.items())]
        return "\r\n".join([*lines, "", ""]).encode()


def bearer(token: str | None) -> dict[str, str]:
    """Return the header of a token."""
    return {"Authorization": f"Bearer {token}"} if token else {}


def named(headers: dict[str, str]) -> dict[str, str]:
    """Return headers by their names, of those by which Python lets them be given."""
    return {name.replace("_", "-"): value for name, value in headers.items()}


@asynccontextmanager
async def mirrored(
    app: Application,
    clock: FrozenClock,
    security: SecuritySettings | None = None,
    **api: Any,
) -> AsyncIterator[Web]:
    """Open a mirror on a free port of loopback, and a client of it."""
    mirror = Mirror(app, ApiSettings(**api), security or SecuritySettings(), clock)
    await mirror.start()
    try:
        async with httpx2.AsyncClient(base_url=mirror.url, timeout=TIMEOUT_SECONDS) as http:
            yield Web(mirror, http)
    finally:
        await mirror.close()
