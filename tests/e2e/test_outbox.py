"""The real process and a real mail server: killed amid a send, and ended amid one."""

import asyncio
import signal
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from email import message_from_bytes
from typing import Any

from aiosmtpd.smtp import SMTP

from tests.clauses import clause
from tests.e2e.backend import Backend, Start
from tests.outside.postbox import Postbox

MAILS = 8
"""As many as a burst of tries may be."""


class SlowPostbox(Postbox):
    """Takes each mail, and says so only when it is let."""

    def __init__(self) -> None:
        super().__init__()
        self.may_say = asyncio.Event()
        self.took = asyncio.Event()

    @property
    def arrived(self) -> Counter[str]:
        """How often each message arrived."""
        return Counter(message_from_bytes(raw)["Message-ID"] for raw in self.raw)

    async def handle_DATA(self, *given: Any) -> str:  # noqa: N802 (aiosmtpd's name)
        """Take a mail, and wait."""
        said = await super().handle_DATA(*given)
        self.took.set()
        await self.may_say.wait()
        return said


@asynccontextmanager
async def slow_postbox() -> AsyncIterator[SlowPostbox]:
    box, loop = SlowPostbox(), asyncio.get_running_loop()
    server = await loop.create_server(
        lambda: SMTP(box, hostname="localhost", loop=loop), "127.0.0.1", 0
    )
    box.port = server.sockets[0].getsockname()[1]
    try:
        yield box
    finally:
        box.may_say.set()
        server.close()


async def save_provider(backend: Backend, port: int) -> str:
    mail = {"host": "127.0.0.1", "port": port, "security": "none", "sender": "a@b.example"}
    saved = await backend.call("providers.save", channel="mail", name="Mail", mail=mail)
    provider_id: str = saved["id"]
    return provider_id


async def states(backend: Backend) -> Counter[str]:
    found = await backend.call("outbox.list")
    return Counter(message["state"] for message in found["items"])


async def until_sent(backend: Backend, number: int) -> None:
    """Wait until so many messages were sent, ever, as events tell of it."""
    await backend.call("events.subscribe", types=["messages.sent"], afterSeq=0)
    sent: set[str] = set()
    while len(sent) < number:
        sent.add((await backend.line())["params"]["data"]["messageId"])


@clause("outbox-at-least-once")
async def test_a_kill_amid_a_send_loses_nothing_and_doubles_only_what_was_not_marked(
    start: Start,
) -> None:
    async with slow_postbox() as box:
        backend = await start()
        provider = await save_provider(backend, box.port)
        for number in range(MAILS):
            await backend.call(
                "providers.test", providerId=provider, recipient=f"{number}@x.example"
            )
        await box.took.wait()
        backend.signal(signal.SIGKILL)
        await backend.exit_code()
        before = box.arrived
        box.may_say.set()

        backend = await start()
        # What was on its way was tried once, as a test is.
        await backend.call("outbox.retry", ids=await unsent(backend), action="retry")
        await until_sent(backend, MAILS)

    assert len(box.arrived) == MAILS
    doubled = {message for message, times in box.arrived.items() if times > 1}
    assert doubled <= set(before)
    assert max(box.arrived.values()) <= 2


async def unsent(backend: Backend) -> list[str]:
    """Return the ids of what was not sent."""
    found = (await backend.call("outbox.list"))["items"]
    return [message["id"] for message in found if message["state"] != "sent"]


async def test_an_end_amid_a_send_lets_it_arrive_and_marks_it(start: Start) -> None:
    async with slow_postbox() as box:
        backend = await start()
        provider = await save_provider(backend, box.port)
        await backend.call("providers.test", providerId=provider, recipient="ada@x.example")
        await box.took.wait()
        backend.close_stdin()

        box.may_say.set()
        assert await backend.exit_code() == 0

        backend = await start()
        assert await states(backend) == {"sent": 1}
    assert sum(box.arrived.values()) == 1


async def test_a_host_that_never_answers_holds_up_no_end(start: Start) -> None:
    async with slow_postbox() as box:
        backend = await start()
        provider = await save_provider(backend, box.port)
        await backend.call("providers.test", providerId=provider, recipient="ada@x.example")
        await box.took.wait()
        backend.close_stdin()

        assert await backend.exit_code() == 0
