"""A mirror for as long as an application runs, and why there can be none."""

import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from rpcbackend.app import Application
from rpcbackend.clock import Clock
from rpcbackend.config import Settings
from rpcbackend.door import ExitRequestedError
from rpcbackend.exits import EX_CONFIG, EX_UNAVAILABLE
from rpcbackend.mirror.mirror import Mirror


@asynccontextmanager
async def mirrored(
    app: Application, settings: Settings, clock: Clock, sock: socket.socket | None = None
) -> AsyncIterator[Mirror]:
    """Serve the application over HTTP, on the socket if there is one already.

    Raises:
        ExitRequestedError: Its address is not to be had, or its certificate cannot be used.
    """
    api = settings.api
    try:
        mirror = Mirror(app, api, settings.security, clock, sock)
    except OSError as error:
        await app.close()
        raise ExitRequestedError(
            EX_UNAVAILABLE, f"{api.host} port {api.port} cannot be listened on: {error.strerror}"
        ) from None
    try:
        await mirror.start()
    except OSError as error:
        await mirror.close()
        await app.close()
        raise ExitRequestedError(
            EX_CONFIG, f"the certificate in {api.tls.certificate} cannot be used: {error.strerror}"
        ) from None
    try:
        yield mirror
    finally:
        await mirror.close()
