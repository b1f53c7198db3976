"""A mirror for as long as an application runs, and why there can be none."""

import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from errno import EADDRINUSE

from rpcbackend.api_settings import ApiSettings
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
        raise _taken(api, error) from None
    try:
        await mirror.start()
    except OSError as error:
        await mirror.close()
        await app.close()
        # Two that were bound at once find out when the second one listens.
        raise (
            _taken(api, error) if error.errno == EADDRINUSE else _no_certificate(api, error)
        ) from None
    try:
        yield mirror
    finally:
        await mirror.close()


def _taken(api: ApiSettings, error: OSError) -> ExitRequestedError:
    return ExitRequestedError(
        EX_UNAVAILABLE, f"{api.host} port {api.port} cannot be listened on: {error.strerror}"
    )


def _no_certificate(api: ApiSettings, error: OSError) -> ExitRequestedError:
    return ExitRequestedError(
        EX_CONFIG, f"the certificate in {api.tls.certificate} cannot be used: {error.strerror}"
    )
