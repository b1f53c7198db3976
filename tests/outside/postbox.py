"""A real mail server on this machine, that says what a test wants it to."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import SMTP as POLICY
from ssl import SSLContext
from typing import Any

from aiosmtpd.smtp import SMTP, AuthResult

PASSWORD = b"a password of many words"


class Postbox:
    """Takes mail; its answers stand in `says` until a test has others."""

    def __init__(self) -> None:
        self.says = {"MAIL": "250 OK", "RCPT": "250 OK", "DATA": "250 2.0.0 Ok: queued as 4F1A2"}
        self.raw: list[bytes] = []
        self.envelopes: list[tuple[str, list[str]]] = []
        self.connections = 0
        self.ended = asyncio.Event()
        """Set when a connection has ended."""
        self.port = 0

    @property
    def mails(self) -> list[EmailMessage]:
        """All that arrived, in order."""
        return [message_from_bytes(raw, policy=POLICY) for raw in self.raw]

    # Hooks of aiosmtpd: each is given the server, the session, the envelope, and more.

    async def handle_MAIL(self, *given: Any) -> str:  # noqa: D102, N802 (aiosmtpd's name)
        _, _, envelope, address, options = given
        if self.says["MAIL"].startswith("250"):
            envelope.mail_from = address
            envelope.mail_options.extend(options)
        return self.says["MAIL"]

    async def handle_RCPT(self, *given: Any) -> str:  # noqa: D102, N802 (aiosmtpd's name)
        _, _, envelope, address, _ = given
        if self.says["RCPT"].startswith("250"):
            envelope.rcpt_tos.append(address)
        return self.says["RCPT"]

    async def handle_DATA(self, *given: Any) -> str:  # noqa: D102, N802 (aiosmtpd's name)
        _, _, envelope = given
        if self.says["DATA"].startswith("250"):
            self.raw.append(envelope.original_content)
            self.envelopes.append((envelope.mail_from, envelope.rcpt_tos))
        return self.says["DATA"]


class _Talk(SMTP):
    def __init__(self, box: Postbox, **given: Any) -> None:
        super().__init__(box, hostname="localhost", timeout=60, **given)
        self._box = box
        box.connections += 1

    def connection_lost(self, error: Exception | None) -> None:
        super().connection_lost(error)
        self._box.ended.set()


def _log_in(*given: Any) -> AuthResult:
    return AuthResult(success=given[-1].password == PASSWORD, handled=False)


@asynccontextmanager
async def listening(
    *, tls: SSLContext | None = None, starttls: SSLContext | None = None, **given: Any
) -> AsyncIterator[Postbox]:
    """Run a mail server, encrypted from the first byte on, or later, or never."""
    box, loop = Postbox(), asyncio.get_running_loop()
    # It cannot tell that what is encrypted from the first byte on is encrypted.
    options = {
        "tls_context": starttls,
        "authenticator": _log_in,
        "auth_require_tls": not tls,
    } | given
    if starttls is not None:
        options |= {"tls_context": starttls, "require_starttls": True}
    server = await loop.create_server(
        lambda: _Talk(box, loop=loop, **options), "127.0.0.1", 0, ssl=tls
    )
    box.port = server.sockets[0].getsockname()[1]
    async with server:
        yield box
