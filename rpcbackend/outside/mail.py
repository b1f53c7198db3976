"""Mail by SMTP, over connections that are kept for the next mail."""

import asyncio
import re
import ssl
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from email.message import EmailMessage
from email.policy import SMTPUTF8
from ipaddress import ip_address
from typing import TYPE_CHECKING

from rpcbackend.clock import Clock
from rpcbackend.outside.adapter import RefusedError, TryAgainError
from rpcbackend.outside.gate import Gate
from rpcbackend.outside.letters import is_address, write_letter
from rpcbackend.outside.providers import MailProvider
from rpcbackend.outside.smtp_troubles import Step, trouble_at
from rpcbackend.outside.sockets import LookUp, connect
from rpcbackend.store import Message

if TYPE_CHECKING:
    from aiosmtplib import SMTP

IDLE_SECONDS = 30.0
"""How long a connection is kept for the next mail: servers close theirs after some minutes."""

MOST_IDLE = 2
"""Connections that are kept; a burst may open as many as the gate lets through."""

REACH_SECONDS = 10.0
"""For connecting, encryption and login; at most half of what the gate gives the whole call."""

_QUEUED_AS = re.compile(r"queued as ([A-Za-z0-9._-]{1,100})")
"""What most servers call the mail; the rest of their answer may hold an address."""


class Mail:
    """Hands mail to one server.

    Args:
        provider: The server.
        gate: Lets calls through to it.
        clock: Dates the mail.
        look_up: Finds the server.
        is_plain_allowed: Whether mail may go in the clear to another machine.
        idle_seconds: How long a connection is kept.
        make_tls: Makes what verifies the server; it reads all certificates of the machine.
    """

    def __init__(
        self,
        provider: MailProvider,
        gate: Gate,
        *,
        clock: Clock,
        look_up: LookUp,
        is_plain_allowed: bool = False,
        idle_seconds: float = IDLE_SECONDS,
        make_tls: Callable[[], ssl.SSLContext] = ssl.create_default_context,
    ) -> None:
        self._provider, self._gate, self._clock = provider, gate, clock
        self._look_up, self._make_tls = look_up, make_tls
        self._may_send = (
            provider.security != "none" or is_plain_allowed or _is_loopback(provider.host)
        )
        self._reach_seconds = min(REACH_SECONDS, gate.policy.timeout_seconds / 2)
        self._tls: ssl.SSLContext | None = None
        self._rest = _Rest(idle_seconds)

    async def send(self, id: str, message: Message) -> str | None:  # noqa: A002 (its name)
        """Hand a mail over and return the server's name for it; see `Adapter.send`."""
        if not self._may_send:
            raise TryAgainError("mail would go in the clear to another machine", is_unreached=True)
        if not is_address(self._provider.sender):
            raise TryAgainError("the school's address is none; save another one", is_unreached=True)
        letter = write_letter(
            id,
            sender=self._provider.sender,
            recipient=message.recipient,
            payload=message.payload,
            at=datetime.fromtimestamp(self._clock.now_ms() // 1_000, UTC),
        )
        host = f"{self._provider.host}:{self._provider.port}"
        return await self._gate.call(host, lambda: self._hand_over(letter))

    async def close(self) -> None:
        """Let go of every connection."""
        await self._rest.close()

    async def _hand_over(self, letter: EmailMessage) -> str | None:
        from aiosmtplib import SMTPException, SMTPResponseException  # noqa: PLC0415 (first mail)

        talk = _Talk()
        try:
            async with asyncio.timeout(self._reach_seconds):
                talk.smtp = await self._rest.wake() or await self._connect()
            answer = await talk.hand_over(letter)
        except SMTPResponseException as error:
            # The server has answered, so the next mail can go over the same connection.
            self._rest.keep(talk.smtp)
            raise trouble_at(talk.step, error) from error
        except (SMTPException, OSError) as error:
            talk.break_off()
            raise trouble_at(talk.step, error) from error
        except BaseException:
            talk.break_off()
            raise
        self._rest.keep(talk.smtp)
        named = _QUEUED_AS.search(answer)
        return named[1] if named else None

    async def _connect(self) -> "SMTP":
        from aiosmtplib import SMTP  # noqa: PLC0415 (the first mail loads it)

        provider = self._provider
        if self._tls is None and provider.security != "none":
            self._tls = await asyncio.to_thread(self._make_tls)
        smtp = SMTP(
            hostname=provider.host,
            sock=await connect(provider.host, provider.port, self._look_up),
            username=provider.username,
            password=provider.password,
            # The name of this machine is nobody's business, and to look it up may take long.
            local_hostname="[127.0.0.1]",
            # The gate's time is the only one.
            timeout=None,
            use_tls=provider.security == "tls",
            start_tls=provider.security == "starttls",
            tls_context=self._tls,
        )
        await smtp.connect()
        return smtp


class _Talk:
    """One hand-over, and how far it has come."""

    def __init__(self) -> None:
        self.step = Step.REACH
        self.smtp: SMTP | None = None

    async def hand_over(self, letter: EmailMessage) -> str:
        """Say for whom the mail is, then what it says, and return the server's last answer."""
        smtp = self.smtp
        assert smtp is not None  # noqa: S101 (a connection was taken)
        sender, recipient = (letter[name].addresses[0].addr_spec for name in ("From", "To"))
        is_plain = sender.isascii() and recipient.isascii()
        if not is_plain:
            await self._check_letters(smtp, sender)
        self.step = Step.SENDER
        encoding = "ascii" if is_plain else "utf-8"
        options = [] if is_plain else ["SMTPUTF8"]
        await smtp.mail(sender, options=options, encoding=encoding)
        self.step = Step.RECIPIENT
        await smtp.rcpt(recipient, encoding=encoding)
        content = letter.as_bytes() if is_plain else letter.as_bytes(policy=SMTPUTF8)
        self.step = Step.TEXT
        return (await smtp.data(content)).message

    async def _check_letters(self, smtp: "SMTP", sender: str) -> None:
        if smtp.is_ehlo_or_helo_needed:
            await smtp.ehlo()
        if smtp.supports_extension("smtputf8"):
            return
        if not sender.isascii():
            reason = "the mail server does not take the letters of the school's address"
            raise TryAgainError(reason, is_unreached=True)
        raise RefusedError("the mail server takes no address with such letters")

    def break_off(self) -> None:
        """Close the connection at once: nobody knows what the server says next."""
        if self.smtp is not None:
            self.smtp.close()


class _Rest:
    """Connections that wait for the next mail."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._resting: list[SMTP] = []
        self._end: asyncio.TimerHandle | None = None

    def keep(self, smtp: "SMTP | None") -> None:
        """Keep a connection for a while."""
        if smtp is None:
            return
        if not smtp.is_connected or len(self._resting) >= MOST_IDLE:
            smtp.close()
            return
        self._resting.append(smtp)
        self._stir()
        self._end = asyncio.get_running_loop().call_later(self._seconds, self._part)

    async def wake(self) -> "SMTP | None":
        """Return a connection that still answers, if there is one."""
        from aiosmtplib import SMTPException  # noqa: PLC0415 (the first mail loads it)

        while self._resting:
            smtp = self._resting.pop()
            is_good = False
            try:
                with suppress(SMTPException, OSError):
                    await smtp.rset()
                    is_good = True
            finally:
                if not is_good:
                    smtp.close()
            if is_good:
                return smtp
        return None

    async def close(self) -> None:
        """Take leave of every server."""
        self._stir()
        if not self._resting:
            return
        from aiosmtplib import SMTPException  # noqa: PLC0415 (there was a mail)

        for smtp in self._resting:
            with suppress(SMTPException, OSError):
                async with asyncio.timeout(1):
                    await smtp.quit()
        self._part()

    def _stir(self) -> None:
        if self._end is not None:
            self._end.cancel()
            self._end = None

    def _part(self) -> None:
        while self._resting:
            self._resting.pop().close()


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
