"""From a command to a real host and back: every channel in a whole application, on loopback."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from typing import Any

import orjson
import pytest

from rpcbackend.outbound import real_channels
from rpcbackend.outside.signing import sign, verify
from rpcbackend.outside_settings import OutsideSettings
from rpcbackend.schema.providers import ProviderChannel, WebService
from rpcbackend.store import Work
from rpcbackend.surroundings import Surroundings
from rpcbackend.testing import Client, FrozenClock, running_app
from tests.factories import School, keyed
from tests.outside.carrying import Hosts
from tests.outside.hosts import Host, answering, running
from tests.outside.postbox import PASSWORD, listening
from tests.outside.posts import an_answer, read_posts
from tests.store.test_outbox import HELLO
from tests.store.test_providers import make_provider
from tests.test_outbound import Office

KEY = "a key of a service"
TEXT = {"text": "Fahrstunde morgen um 9"}


class Desk:
    """An application that sends for real, and its desk."""

    def __init__(self, client: Client, school: School, stack: AsyncExitStack) -> None:
        self.client, self.school, self._stack = client, school, stack

    async def until_told(self, type_: str) -> dict[str, Any]:
        """Return the next event of this type."""
        while True:
            event: dict[str, Any] = (await self.client.next_line())["params"]
            if event["type"] == type_:
                return event

    async def host(self, *answers: bytes) -> tuple[Host, str]:
        """Run a host until the end, and return it with its address."""
        host = await self._stack.enter_async_context(running(answering(*answers)))
        return host, f"http://127.0.0.1:{host.port}"

    async def service(self, channel: str, *answers: bytes) -> tuple[Host, str]:
        """Run a service that carries a channel, and return it with the provider's id."""
        host, url = await self.host(*answers)
        saved = await self.client.call(
            "providers.save", channel=channel, name="Service", web={"url": url}, secret=KEY
        )
        return host, saved["id"]


@pytest.fixture
async def desk(clock: FrozenClock) -> AsyncIterator[Desk]:
    async with _open_desk(clock) as opened, asyncio.timeout(30):
        yield opened


@asynccontextmanager
async def _open_desk(clock: FrozenClock) -> AsyncIterator[Desk]:
    bugs: list[Exception] = []
    surroundings = Surroundings(
        clock=clock, report_bug=lambda bug, _: bugs.append(bug), channels=real_channels
    )
    outside = OutsideSettings(allow_private=True)
    async with AsyncExitStack() as stack:
        # Hosts outlive the application.
        app = await stack.enter_async_context(
            running_app(surroundings=surroundings, outside=outside)
        )
        client = Client(app)
        school = await School(client).open()
        await client.call("events.subscribe", afterSeq=app.store.head_seq)
        yield Desk(client, school, stack)
    if bugs:
        raise bugs[0]


async def test_a_mail_goes_through_a_provider_to_a_mail_server(desk: Desk) -> None:
    async with listening() as box:
        server = {
            "host": "127.0.0.1",
            "port": box.port,
            "security": "none",
            "sender": "schule@fahrschule.example",
        }
        saved = await desk.client.call(
            "providers.save", channel="mail", name="Mail", mail=server, secret=PASSWORD.decode()
        )
        tested = await desk.client.call(
            "providers.test", providerId=saved["id"], recipient="ada@example.org"
        )

        assert (await desk.until_told("messages.sent"))["data"]["messageId"] == tested["messageId"]

    [mail] = box.mails
    assert mail["To"] == "ada@example.org"
    assert mail["Message-ID"] == f"<{tested['messageId']}@fahrschule.example>"


async def test_a_text_message_goes_through_a_service(desk: Desk) -> None:
    host, provider_id = await desk.service("sms", an_answer(201, {"id": "sms-1"}))

    tested = await desk.client.call(
        "providers.test", providerId=provider_id, recipient="+491701234567"
    )

    await desk.until_told("messages.sent")
    [post] = read_posts(host)
    assert post.headers["idempotency-key"] == tested["messageId"]
    assert orjson.loads(post.body)["to"] == "+491701234567"
    [message] = (await desk.client.call("outbox.list"))["items"]
    assert message["providerRef"] == "sms-1"


async def test_a_payment_is_asked_for_its_link_comes_back_and_what_was_paid_is_told(
    desk: Desk, clock: FrozenClock
) -> None:
    link = {"id": "pl_1", "url": "https://pay.example/pl_1"}
    host, provider_id = await desk.service("payment", an_answer(201, link))

    payment = await desk.client.call(
        "payments.createLink",
        studentId=desk.school.student["id"],
        amount={"amount": 4_500, "currency": "EUR"},
        description="Fahrstunde",
        **keyed(),
    )
    created = await desk.until_told("payments.link_created")

    assert created["data"]["paymentId"] == payment["id"]
    kept = await desk.client.call("payments.get", paymentId=payment["id"])
    assert (kept["state"], kept["url"]) == ("link_created", link["url"])
    asked = orjson.loads(read_posts(host)[0].body)
    told = {"type": "payment.paid"} | {
        name: asked[name] for name in ("reference", "amountMinor", "currency")
    }
    body = orjson.dumps(told)
    now_seconds = clock.now_ms() // 1_000
    await desk.client.call(
        "webhooks.receive",
        provider=provider_id,
        headers=sign("evt_1", body, at_seconds=now_seconds, secrets=[KEY]),
        rawBody=body.decode(),
    )
    assert (await desk.until_told("payments.received"))["data"]["paymentId"] == payment["id"]


async def test_a_payment_that_the_service_refuses_fails_and_is_asked_for_again_by_the_same_key(
    desk: Desk,
) -> None:
    link = {"id": "pl_1", "url": "https://pay.example/pl_1"}
    host, _ = await desk.service("payment", an_answer(422, {}), an_answer(201, link))
    payment = await desk.client.call(
        "payments.createLink",
        studentId=desk.school.student["id"],
        amount={"amount": 4_500, "currency": "EUR"},
        description="Fahrstunde",
        **keyed(),
    )
    failed = await desk.until_told("payments.failed")

    asked = await desk.client.call("payments.retryLink", paymentId=payment["id"])
    created = await desk.until_told("payments.link_created")

    assert failed["data"]["paymentId"] == payment["id"]
    assert asked["state"] == "requested"
    assert created["data"]["state"] == "link_created"
    assert [post.headers["idempotency-key"] for post in read_posts(host)] == [
        failed["data"]["messageId"]
    ] * 2


async def test_an_event_goes_to_a_webhook_signed_and_what_becomes_of_it_to_none(
    desk: Desk, clock: FrozenClock
) -> None:
    host, url = await desk.host(an_answer(204, b""))
    saved = await desk.client.call(
        "webhooks.save", url=f"{url}/hook", types=["lessons.booked", "messages.sent"]
    )

    lesson = await desk.school.book()
    sent = await desk.until_told("messages.sent")

    [post] = read_posts(host)
    now_seconds = clock.now_ms() // 1_000
    message_id = verify(post.headers, post.body, now_seconds=now_seconds, secret=saved["secret"])
    assert sent["data"] == {"messageId": message_id, "channel": "webhook"}
    assert orjson.loads(post.body)["data"]["lessonId"] == lesson["id"]
    [listed] = (await desk.client.call("webhooks.list", deliveries=5))["items"]
    assert [(one["messageId"], one["state"]) for one in listed["deliveries"]] == [
        (message_id, "sent")
    ]


async def test_an_address_that_may_not_be_called_any_more_loses_no_message_and_health_tells_why(
    clock: FrozenClock,
) -> None:
    """It was saved while the file of the settings allowed it."""
    surroundings = Surroundings(clock=clock, channels=real_channels)
    async with running_app(surroundings=surroundings) as app, asyncio.timeout(30):
        await app.open_store()
        office = Office(app, Client(app), Hosts())
        here = WebService(url="http://127.0.0.1:9/v1", sender="School")
        provider = make_provider(channel=ProviderChannel.SMS, mail=None, web=here)

        async def unit(work: Work) -> None:
            await work.providers.put(provider, KEY)
            for key in "abc":
                await work.outbox.queue(replace(HELLO, channel="sms", dedupe_key=key, payload=TEXT))

        await app.store.write(unit, actor="tests")
        await office.until_delayed("unreached")

        health = await office.health()

    assert (health["queued"], health["failed"]) == (3, 0)
    [delay] = health["delayed"]
    assert (delay["channel"], delay["lastError"]) == (
        "sms",
        "The address has to begin with https://.",
    )
