"""Listens by uvicorn in the loop of the process: bounded, with a time for everything.

uvicorn's own server would take over signals and wake up ten times a second; what is needed of it
here is its protocol on h11, which reads requests as strictly as the specification wants.
"""

import asyncio
import logging
import socket
import ssl

import h11
from starlette.types import ASGIApp
from uvicorn.config import Config
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.server import ServerState

from rpcbackend.api_settings import KIB, ApiSettings

HEADER_BYTES = 16 * KIB

READ_AT_LEAST_BYTES = 32 * KIB
"""Who reads less of an answer than this in `stall_seconds` holds it for its own sake."""

LINGER_SECONDS = 1.0
"""How long more is taken, and thrown away, from whoever is being told that nothing is read.

To close at once would reset the connection, and the answer would be lost (RFC 9112 section 9.6).
"""

CLOSE_SECONDS = 2.0
"""How long answers may take to go out when all is closed."""

_BACKLOG = 128


class Listener:
    """Accepts connections and serves them.

    Args:
        app: Answers requests.
        settings: Bounds, and the certificate.
        sock: Is bound already.
        unreadable: What is sent to what is no HTTP.
    """

    def __init__(
        self, app: ASGIApp, settings: ApiSettings, sock: socket.socket, unreadable: "Unreadable"
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
        self._settings, self._socket, self._unreadable = settings, sock, unreadable
        self._state = ServerState()
        self._server: asyncio.Server | None = None

    async def start(self) -> None:
        """Listen."""
        is_https = self._settings.protocol == "https"
        self._server = await asyncio.get_running_loop().create_server(
            lambda: _Connection(self._config, self._state, self._settings, self._unreadable),
            sock=self._socket,
            ssl=_encryption(self._settings),
            ssl_handshake_timeout=self._settings.header_seconds if is_https else None,
            backlog=_BACKLOG,
        )

    async def close(self) -> None:
        """Accept no more, let answers go out for a moment, and cut off the rest."""
        if self._server is not None:
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


class Unreadable:
    """Answers that are sent where no request could be read: the whole of each, ready to send.

    Args:
        bad: What is no HTTP/1.1.
        too_many: One connection more than there may be.
        too_slow: A head that took too long.
    """

    def __init__(self, *, bad: bytes, too_many: bytes, too_slow: bytes) -> None:
        self.bad, self.too_many, self.too_slow = bad, too_many, too_slow


class _Connection(H11Protocol):
    """uvicorn's protocol, with a time for heads, for readers, and a bound on connections."""

    def __init__(
        self, config: Config, state: ServerState, settings: ApiSettings, unreadable: Unreadable
    ) -> None:
        super().__init__(config, state, {})
        self._settings, self._unreadable = settings, unreadable
        self._head_timer: asyncio.TimerHandle | None = None
        self._stall_timer: asyncio.TimerHandle | None = None
        self._linger_timer: asyncio.TimerHandle | None = None
        self._unread = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn does
        super().connection_made(transport)
        most = self._settings.connections
        if len(self.connections) <= most:
            self._await_head()
        elif len(self.connections) <= 2 * most:
            self._give_up(self._unreadable.too_many)
        else:
            transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        self._cancel_timers()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._is_over:
            return
        super().data_received(data)
        if self._is_over:
            return
        if self.conn.their_state is not h11.IDLE:
            self._cancel(self._head_timer)
            self._head_timer = None
        elif self._head_timer is None and self.conn.our_state is h11.IDLE:
            self._await_head()

    def on_response_complete(self) -> None:
        if not self._is_over and self.conn.their_state is h11.SEND_BODY:
            # The rest of a body that nobody wants might never end.
            self._linger()
        elif not self._is_over:
            super().on_response_complete()

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002 (ours says the same to all)
        self._give_up(self._unreadable.bad)

    def pause_writing(self) -> None:
        super().pause_writing()
        self._unread = self.transport.get_write_buffer_size()
        self._await_reader()

    def resume_writing(self) -> None:
        super().resume_writing()
        self._cancel(self._stall_timer)

    def timeout_keep_alive_handler(self) -> None:
        super().timeout_keep_alive_handler()
        if self.transport.get_write_buffer_size():
            # It is closed once all is read; that must come to an end too.
            self._unread = self.transport.get_write_buffer_size()
            self._await_reader()

    def _await_head(self) -> None:
        self._head_timer = self.loop.call_later(
            self._settings.header_seconds, self._give_up, self._unreadable.too_slow
        )

    def _await_reader(self) -> None:
        self._cancel(self._stall_timer)
        self._stall_timer = self.loop.call_later(self._settings.stall_seconds, self._look_at_reader)

    def _look_at_reader(self) -> None:
        unread = self.transport.get_write_buffer_size()
        if not unread:
            return
        if self._unread - unread < READ_AT_LEAST_BYTES:
            self.transport.abort()
            return
        self._unread = unread
        self._await_reader()

    @property
    def _is_over(self) -> bool:
        return self._linger_timer is not None or self.transport.is_closing()

    def _give_up(self, answer: bytes) -> None:
        if not self._is_over:
            self.transport.write(answer)
            self._linger()

    def _linger(self) -> None:
        self._cancel_timers()
        if self.transport.can_write_eof():
            self.transport.write_eof()
        self.transport.resume_reading()
        self._linger_timer = self.loop.call_later(LINGER_SECONDS, self.transport.close)

    def _cancel_timers(self) -> None:
        self._cancel(self._head_timer)
        self._cancel(self._stall_timer)
        self._cancel(self._linger_timer)

    @staticmethod
    def _cancel(timer: asyncio.TimerHandle | None) -> None:
        if timer is not None:
            timer.cancel()


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
