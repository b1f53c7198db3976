"""Listens by uvicorn in the loop of the process: bounded, with a time for everything.

uvicorn's own server would take over signals and wake up ten times a second; what is needed of it
here is its protocol on h11, which reads requests as strictly as the specification wants.
"""

import asyncio
import logging
import socket
import ssl

from starlette.types import ASGIApp
from uvicorn.config import Config
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.server import ServerState

from rpcbackend.api_settings import ApiSettings
from rpcbackend.mirror.connection import Connection, Write
from rpcbackend.mirror.guard import HEADER_BYTES

CLOSE_SECONDS = 2.0
"""How long answers may take to go out when all is closed."""

_BACKLOG = 128


class Listener:
    """Accepts connections and serves them.

    Args:
        app: Answers requests.
        settings: Bounds, and the certificate.
        sock: Is bound already.
        write: Writes what is sent to what is no HTTP.
    """

    def __init__(
        self, app: ASGIApp, settings: ApiSettings, sock: socket.socket, write: Write
    ) -> None:
        # uvicorn tells what it does by the standard library's logging; the access log tells ours.
        logging.getLogger("uvicorn.error").setLevel(logging.CRITICAL)
        self._config = Config(
            app=app,
            http=H11Protocol,
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            proxy_headers=False,
            server_header=False,
            date_header=False,
            h11_max_incomplete_event_size=HEADER_BYTES,
            timeout_keep_alive=settings.keep_alive_seconds,  # type: ignore[arg-type]  # any number does
        )
        self._config.load()
        self._settings, self._socket, self._write = settings, sock, write
        self._state = ServerState()
        self._server: asyncio.Server | None = None

    async def start(self) -> None:
        """Listen."""
        is_https = self._settings.protocol == "https"
        self._server = await asyncio.get_running_loop().create_server(
            lambda: Connection(self._config, self._state, self._settings, self._write),
            sock=self._socket,
            ssl=_encryption(self._settings),
            ssl_handshake_timeout=self._settings.header_seconds if is_https else None,
            backlog=_BACKLOG,
        )

    async def close(self) -> None:
        """Accept no more, let answers go out for a moment, and cut off the rest."""
        if self._server is None:
            self._socket.close()
        else:
            self._server.close()
        for connection in tuple(self._state.connections):
            connection.shutdown()
        if self._state.tasks:
            await asyncio.wait(tuple(self._state.tasks), timeout=CLOSE_SECONDS)
        for connection in tuple(self._state.connections):
            if connection.transport is not None:
                connection.transport.abort()
        for task in tuple(self._state.tasks):
            task.cancel()


def _encryption(settings: ApiSettings) -> ssl.SSLContext | None:
    if settings.protocol != "https":
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    assert settings.tls.certificate is not None  # noqa: S101 (the settings were checked)
    context.load_cert_chain(settings.tls.certificate, settings.tls.key)
    return context


def bind(settings: ApiSettings) -> socket.socket:
    """Return a socket bound to the address of the settings.

    Raises:
        OSError: It is taken, or none of this machine's.
    """
    host = "127.0.0.1" if settings.host == "localhost" else settings.host
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind((host, settings.port))
        sock.setblocking(False)
    except OSError:
        sock.close()
        raise
    return sock
