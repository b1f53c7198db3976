"""Answers made smaller: zstd or gzip, as the caller takes them; streams and secrets are left alone.

An answer that holds tokens is sent as it is: whoever can put his own text beside a secret reads it
from the length of what was compressed (BREACH).
"""

import asyncio
import gzip
import sys
from collections.abc import Callable
from importlib import import_module
from typing import Any, cast

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from rpcbackend.mirror.accepted import weights_of

LEAST_BYTES = 1_024
"""Below a packet or so there is nothing to win."""

ON_A_THREAD_FROM_BYTES = 128 * 1_024
"""So much takes a millisecond or two, in which the desk would wait."""

GZIP_LEVEL, ZSTD_LEVEL = 5, 3

_TEXTS = ("application/json", "application/problem+json", "text/", "image/svg+xml")
_SECRET_PATHS = (
    *("/api/auth.", "/api/apikeys.", "/api/feeds.create", "/api/feeds.revoke"),
    *("/api/webhooks.save", "/rpc"),
)

Pack = Callable[[bytes], bytes]


class Compression:
    """Compresses whole answers of some size.

    Args:
        inner: Answers.
    """

    def __init__(self, inner: ASGIApp) -> None:
        self._inner = inner

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        coding = coding_of(Headers(scope=scope).getlist("accept-encoding"))
        if coding is None or is_secret(scope["path"]):
            await self._inner(scope, receive, send)
            return
        await self._inner(scope, receive, _Packing(send, coding))


def is_secret(path: str) -> bool:
    """Tell whether what is answered there may hold what opens something."""
    return path.startswith(_SECRET_PATHS)


class _Packing:
    """Sends an answer, compressed if it comes whole."""

    def __init__(self, send: Send, coding: str) -> None:
        self._send, self._coding = send, coding
        self._start: Message | None = None

    async def __call__(self, message: Message) -> None:
        """Send a part of it."""
        if message["type"] == "http.response.start":
            self._start = message
            return
        if self._start is not None:
            start, self._start = self._start, None
            await self._send_first(start, message)
            return
        await self._send(message)

    async def _send_first(self, start: Message, message: Message) -> None:
        headers = MutableHeaders(scope=start)
        body: bytes = message.get("body", b"")
        if headers.get("content-type", "").startswith(_TEXTS):
            headers.add_vary_header("Accept-Encoding")
            if len(body) >= LEAST_BYTES and not message.get("more_body", False):
                body = await _pack(body, self._coding)
                headers["Content-Encoding"] = self._coding
                headers["Content-Length"] = str(len(body))
        await self._send(start)
        await self._send({**message, "body": body})


def coding_of(accepted: list[str]) -> str | None:
    """Return the coding to use, by RFC 9110 section 12.5.3; zstd where both are as welcome."""
    weights = weights_of(accepted)
    best = max(("zstd", "gzip"), key=lambda name: weights.get(name, weights.get("*", 0.0)))
    return best if weights.get(best, weights.get("*", 0.0)) > 0 else None


async def _pack(body: bytes, coding: str) -> bytes:
    pack = _zstd if coding == "zstd" else _gzip
    if len(body) < ON_A_THREAD_FROM_BYTES:
        return pack(body)
    return await asyncio.get_running_loop().run_in_executor(None, pack, body)


def _gzip(body: bytes) -> bytes:
    # Without a time: equal answers stay equal.
    return gzip.compress(body, GZIP_LEVEL, mtime=0)


def _zstd(body: bytes) -> bytes:
    return cast("bytes", _zstd_module().compress(body, ZSTD_LEVEL))


def _zstd_module() -> Any:
    # The standard library has it from Python 3.14 on.
    return import_module("compression.zstd" if sys.version_info >= (3, 14) else "backports.zstd")
