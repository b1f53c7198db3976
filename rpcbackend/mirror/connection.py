"""One connection of the mirror: uvicorn's protocol, with the times and the end that it lacks."""

import asyncio
import socket
import struct
import sys
from collections.abc import Callable
from enum import Enum, auto
from typing import Any, cast

import h11
from uvicorn.config import Config
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.server import ServerState

from rpcbackend.api_settings import KIB, ApiSettings

READ_AT_LEAST_BYTES = 32 * KIB
"""Who reads less of an answer than this in `stall_seconds` holds it for its own sake."""

LINGER_SECONDS = 1.0
"""How long more is taken, and thrown away, from whoever is being told that nothing is read.

To close at once would reset the connection, and the answer would be lost (RFC 9112 section 9.6).
"""

_RESET = struct.pack("HH" if sys.platform == "win32" else "ii", 1, 0)
"""Close by a reset, and keep nothing."""


class Unreadable(Enum):
    """Why no request could be read."""

    BAD = auto()
    """It is no HTTP/1.1."""
    TOO_MANY = auto()
    """It is one connection more than there may be."""
    TOO_SLOW = auto()
    """Its head took too long."""


Write = Callable[[Unreadable], bytes]
"""Writes the whole answer to one of them, ready to send."""


class Connection(H11Protocol):
    """uvicorn's protocol, with a time for heads, for readers, and a bound on connections."""

    def __init__(
        self, config: Config, state: ServerState, settings: ApiSettings, write: Write
    ) -> None:
        super().__init__(config, state, {})
        self._settings, self._write = settings, write
        self._head_timer: asyncio.TimerHandle | None = None
        self._stall_timer: asyncio.TimerHandle | None = None
        self._linger_timer: asyncio.TimerHandle | None = None
        self._unread = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn does
        """Begin, if there is room for one more."""
        super().connection_made(transport)
        # What uvicorn closes at once would be reset under the eyes of a client that still sends.
        self.transport = cast("asyncio.Transport", _Polite(transport, self._end))
        most = self._settings.connections
        if len(self.connections) <= most:
            self._await_head()
        elif len(self.connections) <= 2 * most:
            self._give_up(Unreadable.TOO_MANY)
        else:
            transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        """End."""
        self._cancel_timers()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Take what came, unless nothing more is wanted."""
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
        """Go on with the next request, or end."""
        if self.conn.their_state is h11.SEND_BODY:
            # The rest of a body that nobody wants might never end.
            self._end()
        super().on_response_complete()

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002 (ours says the same to all)
        """Say that this is no request."""
        self._give_up(Unreadable.BAD)

    def pause_writing(self) -> None:
        """Note that the client does not read as fast as it is answered."""
        super().pause_writing()
        self._unread = self.transport.get_write_buffer_size()
        self._await_reader()

    def resume_writing(self) -> None:
        """Note that it does again."""
        super().resume_writing()
        self._cancel(self._stall_timer)

    def _await_head(self) -> None:
        self._head_timer = self.loop.call_later(self._settings.header_seconds, self._look_at_head)

    def _look_at_head(self) -> None:
        begun, _ = self.conn.trailing_data
        if begun:
            self._give_up(Unreadable.TOO_SLOW)
        else:
            # Browsers open connections in advance: whoever asked nothing is told nothing.
            self._end()

    def _await_reader(self) -> None:
        self._cancel(self._stall_timer)
        self._stall_timer = self.loop.call_later(self._settings.stall_seconds, self._look_at_reader)

    def _look_at_reader(self) -> None:
        unread = self.transport.get_write_buffer_size()
        if not unread:
            return
        if self._unread - unread < READ_AT_LEAST_BYTES:
            # Or the kernel would go on holding what was written.
            sock = self.transport.get_extra_info("socket")
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
            self.transport.abort()
            return
        self._unread = unread
        self._await_reader()

    @property
    def _is_over(self) -> bool:
        return self.transport.is_closing()

    def _give_up(self, why: Unreadable) -> None:
        """Send an answer in the place of uvicorn, and end."""
        if not self._is_over:
            self.transport.write(self._write(why))
            self._linger()

    def _end(self) -> None:
        if self._is_over:
            return
        if self.conn.their_state is h11.SEND_BODY:
            self._linger()
        else:
            self._close()

    def _linger(self) -> None:
        """Send what there is, and throw away for a moment what still comes."""
        self._polite.is_over = True
        self._cancel_timers()
        if self._polite.inner.can_write_eof():
            self._polite.inner.write_eof()
        self._polite.inner.resume_reading()
        self._linger_timer = self.loop.call_later(LINGER_SECONDS, self._close)

    def _close(self) -> None:
        self._polite.is_over = True
        self._polite.inner.close()
        # It is closed once all is read; that must come to an end too.
        self._unread = self._polite.inner.get_write_buffer_size()
        if self._unread:
            self._await_reader()

    @property
    def _polite(self) -> "_Polite":
        return cast("_Polite", self.transport)

    def _cancel_timers(self) -> None:
        self._cancel(self._head_timer)
        self._cancel(self._stall_timer)
        self._cancel(self._linger_timer)

    @staticmethod
    def _cancel(timer: asyncio.TimerHandle | None) -> None:
        if timer is not None:
            timer.cancel()


class _Polite:
    """A transport whose end is left to somebody who knows whether the peer still sends.

    Args:
        inner: The transport.
        end: Is called in the place of `close`.
    """

    def __init__(self, inner: asyncio.Transport, end: Callable[[], None]) -> None:
        self.inner, self.close = inner, end
        self.is_over = False

    def is_closing(self) -> bool:
        """Tell whether nothing more is read or written."""
        return self.is_over or self.inner.is_closing()

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)
