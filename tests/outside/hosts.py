"""Real hosts on loopback, each of which does one thing, and counts who came."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import trustme

OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nx-id: 7\r\n\r\nok"

Serve = Callable[["Caller"], Awaitable[None]]


@dataclass(slots=True)
class Caller:
    """One connection, as the host sees it."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def read_request(self) -> bytes:
        """Return one request; empty when the caller is gone."""
        try:
            head = await self.reader.readuntil(b"\r\n\r\n")
        except asyncio.IncompleteReadError:
            return b""
        length = 0
        for line in head.lower().split(b"\r\n"):
            name, _, value = line.partition(b":")
            if name == b"content-length":
                length = int(value)
        return head + await self.reader.readexactly(length)

    async def reset(self) -> None:
        """Break the connection off."""
        self.writer.transport.abort()


@dataclass(slots=True)
class Host:
    """What came to it."""

    port: int = 0
    connections: int = 0
    requests: list[bytes] = field(default_factory=list)
    at_once: int = 0
    most_at_once: int = 0


def answering(*answers: bytes) -> Serve:
    """Serve each request with the next answer, and the last for ever."""
    left = list(answers)

    async def serve(caller: Caller) -> None:
        while request := await caller.read_request():
            HOSTS[caller.writer].requests.append(request)
            caller.writer.write(left.pop(0) if len(left) > 1 else left[0])
            await caller.writer.drain()

    return serve


HOSTS: dict[asyncio.StreamWriter, Host] = {}
"""Which host a connection came to."""


@asynccontextmanager
async def running(serve: Serve, *, tls: ssl.SSLContext | None = None) -> AsyncIterator[Host]:
    """Run a host until the end of the block."""
    host, tasks = Host(), set[asyncio.Task[None]]()

    async def meet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        HOSTS[writer] = host
        host.connections += 1
        host.at_once += 1
        host.most_at_once = max(host.most_at_once, host.at_once)
        try:
            await serve(Caller(reader, writer))
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            host.at_once -= 1
            del HOSTS[writer]
            writer.close()

    server = await asyncio.start_server(meet, "127.0.0.1", 0, ssl=tls)
    host.port = server.sockets[0].getsockname()[1]
    try:
        yield host
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks, timeout=5)


def trusted(*names: str) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """Return what a host of these names shows, and what its caller trusts."""
    authority = trustme.CA()
    shown = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(*names).configure_cert(shown)
    trust = ssl.create_default_context()
    authority.configure_trust(trust)
    return shown, trust
