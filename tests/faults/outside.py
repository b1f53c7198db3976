"""The four ways to the outside, each with a real host that counts what arrives, and a proxy."""

from collections import Counter
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from ssl import SSLContext
from typing import Any, Protocol

from rpcbackend.outside.adapter import Adapter, RefusedError, TryAgainError
from rpcbackend.outside.gate import BrokenOffError, Gate
from rpcbackend.outside.gateway import Gateway
from rpcbackend.outside.guard import Guard
from rpcbackend.outside.mail import Mail
from rpcbackend.outside.names import Names
from rpcbackend.outside.payment_requests import Link
from rpcbackend.outside.payments import PaymentLinks
from rpcbackend.outside.policy import Policy
from rpcbackend.outside.providers import MailProvider, WebProvider
from rpcbackend.outside.signing import make_secret
from rpcbackend.outside.sms import TextMessages
from rpcbackend.outside.web import Web
from rpcbackend.outside.webhooks import Endpoint, Webhooks
from rpcbackend.store import Message
from rpcbackend.testing import FrozenClock
from tests.faults.proxy import Proxy, proxy_to
from tests.outside.hosts import Caller, running
from tests.outside.postbox import PASSWORD, Postbox, listening
from tests.outside.posts import an_answer, read_post
from tests.outside.trust import make_trust

PATIENCE_SECONDS = 10.0
"""The deadline where nobody is to miss it."""

MESSAGES: Mapping[str, tuple[str, dict[str, Any]]] = {
    "mail": ("ada@example.org", {"subject": "Fahrstunde", "text": "Bis morgen", "language": "de"}),
    "sms": ("+491701234567", {"text": "Bis morgen"}),
    "payment": ("stu_1", {"reference": "pay_1", "amountMinor": 4_500, "currency": "EUR"}),
    "webhook": ("whk_1", {"seq": 7, "id": "evt_1", "type": "lessons.booked", "data": {}}),
}
CHANNELS = tuple(MESSAGES)


class Host(Protocol):
    """Somebody who takes messages, and what of them has arrived."""

    @property
    def arrived(self) -> list[str]:
        """The ids of what was taken, as often as it came."""
        ...

    def say(self, word: str) -> None:
        """Take nothing more, and say `busy` or `never`; `yes` takes again."""
        ...


class MailHost:
    """A mail server."""

    def __init__(self, box: Postbox) -> None:
        self._box = box

    @property
    def arrived(self) -> list[str]:
        """The ids that stand in the headers of what was taken."""
        return [mail["Message-ID"].strip("<>").partition("@")[0] for mail in self._box.mails]

    def say(self, word: str) -> None:
        """Answer the mail itself so."""
        answers = {"busy": "451 4.3.0 busy", "never": "554 5.7.1 never", "yes": "250 OK"}
        self._box.says["DATA"] = answers[word]


@dataclass
class WebHost:
    """A service that knows a message by its id, as the contract wants, or a receiver of events."""

    never: int = 422
    seen: int = 409
    arrived: list[str] = field(default_factory=list)
    _status: int | None = None

    def say(self, word: str) -> None:
        """Answer with a status."""
        self._status = {"busy": 503, "never": self.never, "yes": None}[word]

    async def serve(self, caller: Caller) -> None:
        """Hear one caller until it ends."""
        while request := await caller.read_request():
            post = read_post(request)
            id_ = post.headers.get("idempotency-key") or post.headers["webhook-id"]
            said = {"id": f"ref-{id_}", "url": f"https://pay.example/{id_}"}
            status = self._status or (self.seen if id_ in self.arrived else 201)
            if self._status is None:
                self.arrived.append(id_)
            caller.writer.write(an_answer(status, said))
            await caller.writer.drain()


@dataclass
class Way:
    """One channel: its host, the proxy before it, and what speaks to them."""

    channel: str
    host: Host
    proxy: Proxy
    clock: FrozenClock
    links: list[Link] = field(default_factory=list)
    names: Names = field(default_factory=Names)

    async def send(self, id: str, seconds: float = PATIENCE_SECONDS) -> str:
        """Send the channel's message as anew, and return what came of it in a word."""
        recipient, payload = MESSAGES[self.channel]
        message = Message(
            channel=self.channel, recipient=recipient, template="t", payload=payload, dedupe_key=id
        )
        policy = Policy(timeout_seconds=seconds, retry_attempts=0)
        gate = Gate(clock=self.clock, random=lambda: 0.0, policy=policy)
        web = Web(gate, Guard(self.names.look_up, allows_private=True), tls=make_trust().client)
        adapter = self._adapter(gate, web)
        try:
            await adapter.send(id, message)
        except BrokenOffError:
            return "unknown"
        except TryAgainError as error:
            return "unreached" if error.is_unreached else "later"
        except RefusedError:
            return "refused"
        finally:
            await adapter.close()
            await web.close()
        return "sent"

    @property
    def doubled(self) -> int:
        """How many messages came more than once."""
        return sum(times - 1 for times in Counter(self.host.arrived).values())

    def _adapter(self, gate: Gate, web: Web) -> Adapter:
        if self.channel == "mail":
            return self._mail(gate)
        url = f"https://127.0.0.1:{self.proxy.port}"
        if self.channel == "webhook":

            async def find(_: str) -> Endpoint:
                return Endpoint(url=url, secrets=(make_secret(bytes(32)),))

            return Webhooks(web, find, clock=self.clock)

        async def keep(link: Link) -> None:
            self.links.append(link)

        gateway = Gateway(WebProvider(url=url, secret="k"), web, clock=self.clock)  # noqa: S106 (of the test)
        return TextMessages(gateway) if self.channel == "sms" else PaymentLinks(gateway, keep)

    def _mail(self, gate: Gate) -> Mail:
        provider = MailProvider(
            host="127.0.0.1",
            port=self.proxy.port,
            security="starttls",
            sender="schule@fahrschule.example",
            username="schule",
            password=PASSWORD.decode(),
        )
        return Mail(
            provider,
            gate,
            clock=self.clock,
            look_up=self.names.look_up,
            make_tls=lambda: make_trust().client,
        )


@asynccontextmanager
async def way_of(channel: str, clock: FrozenClock, shown: SSLContext) -> AsyncIterator[Way]:
    """Open a way to a host that shows this certificate."""
    async with AsyncExitStack() as stack:
        host, port = await stack.enter_async_context(host_of(channel, shown))
        proxy = await stack.enter_async_context(proxy_to(port, lambda: len(host.arrived)))
        yield Way(channel, host, proxy, clock)


@asynccontextmanager
async def host_of(channel: str, shown: SSLContext | None) -> AsyncIterator[tuple[Host, int]]:
    """Run the host of a channel, encrypted if it shows a certificate, and tell its port."""
    if channel == "mail":
        async with listening(starttls=shown) as box:
            yield MailHost(box), box.port
        return
    # A receiver of events says yes to what it knows, and 410 when it wants nothing any more.
    host = WebHost(never=410, seen=200) if channel == "webhook" else WebHost()
    async with running(host.serve, tls=shown) as running_host:
        yield host, running_host.port
