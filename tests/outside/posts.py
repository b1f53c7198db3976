"""What was posted to a real host, and a web that may call it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import orjson

from rpcbackend.outside.gate import Gate
from rpcbackend.outside.guard import Guard
from rpcbackend.outside.names import Names
from rpcbackend.outside.policy import Policy
from rpcbackend.outside.web import Web
from rpcbackend.testing import FrozenClock
from tests.outside.hosts import Host, answering, running


def an_answer(status: int, content: Any = None, **headers: str) -> bytes:
    """Write an answer of HTTP; underscores in names of headers become hyphens."""
    body = content if isinstance(content, bytes) else orjson.dumps(content)
    told = {"content-length": str(len(body))} | {
        name.replace("_", "-"): value for name, value in headers.items()
    }
    lines = "".join(f"{name}: {value}\r\n" for name, value in told.items())
    return f"HTTP/1.1 {status} X\r\n{lines}\r\n".encode() + body


@dataclass(frozen=True, slots=True)
class Post:
    """One request."""

    path: str
    headers: dict[str, str]
    body: bytes


def read_posts(host: Host) -> list[Post]:
    """Return all that a host was asked, in order."""
    return [read_post(request) for request in host.requests]


def read_post(request: bytes) -> Post:
    """Read one request."""
    head, _, body = request.partition(b"\r\n\r\n")
    first, *lines = head.decode().split("\r\n")
    headers = dict(line.split(": ", 1) for line in lines)
    return Post(first.split(" ")[1], {name.lower(): v for name, v in headers.items()}, body)


@asynccontextmanager
async def web_to(clock: FrozenClock, *answers: bytes) -> AsyncIterator[tuple[Web, Host, str]]:
    """Run a host that answers so, and return what calls it, the host, and its address."""
    gate = Gate(clock=clock, random=lambda: 0.0, policy=Policy(retry_attempts=0, timeout_seconds=5))
    web = Web(gate, Guard(Names().look_up, allows_private=True))
    async with running(answering(*answers)) as host:
        try:
            yield web, host, f"http://127.0.0.1:{host.port}"
        finally:
            await web.close()
