"""Text messages and payments over a real HTTP server: what is asked, and what answers mean."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import orjson
import pytest

from rpcbackend.outside.adapter import RefusedError, TryAgainError
from rpcbackend.outside.gate import Gate
from rpcbackend.outside.gateway import Gateway
from rpcbackend.outside.guard import Guard
from rpcbackend.outside.names import Names
from rpcbackend.outside.payment_requests import Link
from rpcbackend.outside.payments import PaymentLinks
from rpcbackend.outside.policy import Policy
from rpcbackend.outside.providers import WebProvider
from rpcbackend.outside.sms import TextMessages
from rpcbackend.outside.web import Web
from rpcbackend.store import Message
from rpcbackend.testing import FrozenClock
from tests.outside.hosts import Host
from tests.outside.posts import an_answer, read_posts, web_to

ID = "msg_01a2076b-4400-7001-b656-ebf2f2a4d27b"
SECRET = "sk_a key"  # noqa: S105 (of the test)

TEXT = Message(
    channel="sms",
    recipient="+491701234567",
    template="message",
    payload={"text": "Fahrstunde morgen um 9"},
    dedupe_key="k",
)
PAYMENT = Message(
    channel="payment",
    recipient="stu_1",
    template="payment_link",
    payload={
        "reference": "pay_1",
        "amountMinor": 4_500,
        "currency": "EUR",
        "description": "Fahrstunde",
        "returnUrl": None,
    },
    dedupe_key="p",
)
SENT = an_answer(201, {"id": "sms-7"})


@asynccontextmanager
async def gateway_to(
    clock: FrozenClock, *answers: bytes, path: str = "/v1"
) -> AsyncIterator[tuple[Gateway, Host]]:
    async with web_to(clock, *answers) as (web, host, url):
        provider = WebProvider(url=url + path, secret=SECRET, sender="FAHRSCHULE")
        yield Gateway(provider, web, clock=clock), host


async def test_a_text_message_is_posted_under_its_id_and_secret(clock: FrozenClock) -> None:
    async with gateway_to(clock, SENT) as (gateway, host):
        assert await TextMessages(gateway).send(ID, TEXT) == "sms-7"

    [post] = read_posts(host)
    assert post.path == "/v1/messages"
    assert post.headers["idempotency-key"] == ID
    assert post.headers["authorization"] == f"Bearer {SECRET}"
    assert post.headers["content-type"] == "application/json"
    assert orjson.loads(post.body) == {
        "to": "+491701234567",
        "from": "FAHRSCHULE",
        "text": "Fahrstunde morgen um 9",
        "segments": 1,
    }


async def test_an_address_that_ends_with_a_slash_is_the_same_address(clock: FrozenClock) -> None:
    async with gateway_to(clock, SENT, path="/v1/") as (gateway, host):
        await TextMessages(gateway).send(ID, TEXT)

    assert read_posts(host)[0].path == "/v1/messages"


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (an_answer(200, {"id": "a"}), "a"),
        (an_answer(202, {"id": "b", "more": [1]}), "b"),
        (an_answer(409, {"id": "c"}), "c"),
        (an_answer(409, b"seen"), None),
        (an_answer(409, b""), None),
    ],
    ids=["200", "202", "409 with its name", "409 with a text", "409 with nothing"],
)
async def test_what_a_service_took_or_has_seen_before_is_sent(
    clock: FrozenClock, answer: bytes, expected: str | None
) -> None:
    async with gateway_to(clock, answer) as (gateway, _):
        assert await TextMessages(gateway).send(ID, TEXT) == expected


@pytest.mark.parametrize(
    ("answer", "expected", "is_unreached", "wait"),
    [
        (an_answer(429, {}, retry_after="7"), TryAgainError, False, 7.0),
        (an_answer(503, {}, retry_after="Mon, 23 Nov 2026 08:01:00 GMT"), TryAgainError, False, 60),
        (an_answer(503, {}, retry_after="Mon, 23 Nov 2026 07:00:00 GMT"), TryAgainError, False, 0),
        (an_answer(503, {}, retry_after="soon"), TryAgainError, False, None),
        (an_answer(429, {}, retry_after="9" * 30), TryAgainError, False, None),
        (an_answer(429, {}, retry_after="99999999"), TryAgainError, False, 86_400.0),
        (an_answer(408, {}), TryAgainError, False, None),
        (an_answer(500, {}), TryAgainError, False, None),
        (an_answer(502, b"<html>"), TryAgainError, False, None),
        (an_answer(401, {}), TryAgainError, True, None),
        (an_answer(403, {}), TryAgainError, True, None),
        (an_answer(404, {}), TryAgainError, True, None),
        (an_answer(302, {}, location="http://127.0.0.1:1/"), TryAgainError, True, None),
        (an_answer(400, {}), RefusedError, None, None),
        (an_answer(422, {"error": "+491701234567"}), RefusedError, None, None),
        (an_answer(200, b"not JSON"), TryAgainError, False, None),
        (an_answer(200, []), TryAgainError, False, None),
        (an_answer(200, {"id": 7}), TryAgainError, False, None),
        (an_answer(200, {"id": ""}), TryAgainError, False, None),
        (an_answer(200, {"id": "x" * 201}), TryAgainError, False, None),
        (an_answer(200, {"id": "x", "more": "x" * 70_000}), TryAgainError, False, None),
    ],
    ids=lambda value: value[:60].decode("latin-1") if isinstance(value, bytes) else str(value),
)
async def test_an_answer_of_the_service_means_later_never_or_not_this_service(
    clock: FrozenClock,
    answer: bytes,
    expected: type[Exception],
    is_unreached: bool | None,
    wait: float | None,
) -> None:
    async with gateway_to(clock, answer) as (gateway, host):
        with pytest.raises((TryAgainError, RefusedError)) as failed:
            await TextMessages(gateway).send(ID, TEXT)

    assert type(failed.value) is expected
    assert getattr(failed.value, "is_unreached", None) is is_unreached
    assert getattr(failed.value, "retry_after_seconds", None) == wait
    assert len(host.requests) == 1
    assert not any(part in failed.value.reason for part in (SECRET, "+49", "127.0.0.1"))


async def test_an_address_that_may_not_be_called_is_a_fault_of_the_settings(
    clock: FrozenClock,
) -> None:
    """It was saved while the file of the settings allowed it: no message is given up for that."""
    gate = Gate(clock=clock, random=lambda: 0.0, policy=Policy())
    web = Web(gate, Guard(Names().look_up))
    for url in ("http://127.0.0.1:9/v1", "https://10.0.0.7/v1", "https://printer/v1"):
        gateway = Gateway(WebProvider(url=url, secret=SECRET), web, clock=clock)
        with pytest.raises(TryAgainError) as failed:
            await TextMessages(gateway).send(ID, TEXT)

        assert failed.value.is_unreached
        assert url not in failed.value.reason


@pytest.mark.parametrize("secret", ["", "key "], ids=["none", "one that no header can hold"])
async def test_a_key_that_cannot_be_sent_is_a_fault_of_the_settings(
    clock: FrozenClock, secret: str
) -> None:
    """It was not given for another host, cannot be opened, or was saved by an older version."""
    async with web_to(clock, SENT) as (web, host, url):
        gateway = Gateway(WebProvider(url=url, secret=secret), web, clock=clock)
        with pytest.raises(TryAgainError) as failed:
            await TextMessages(gateway).send(ID, TEXT)

    assert failed.value.is_unreached
    assert "key" in failed.value.reason
    assert host.requests == []


@pytest.mark.parametrize("text", ["", "ж" * 671], ids=["nothing", "eleven parts"])
async def test_a_text_that_no_telephone_puts_together_is_refused_before_anybody_is_called(
    clock: FrozenClock, text: str
) -> None:
    message = Message(
        channel="sms", recipient="+491", template="t", payload={"text": text}, dedupe_key="k"
    )
    async with gateway_to(clock, SENT) as (gateway, host):
        with pytest.raises(RefusedError):
            await TextMessages(gateway).send(ID, message)

    assert host.connections == 0


# Payments


class Kept:
    """Remembers links."""

    def __init__(self) -> None:
        self.links: list[Link] = []

    async def keep(self, link: Link) -> None:
        """Keep one."""
        self.links.append(link)


async def test_a_payment_is_asked_for_as_it_stands_and_its_link_kept(clock: FrozenClock) -> None:
    kept = Kept()
    made = an_answer(201, {"id": "pl_9", "url": "https://pay.example/pl_9"})
    async with gateway_to(clock, made) as (gateway, host):
        assert await PaymentLinks(gateway, kept.keep).send(ID, PAYMENT) == "pl_9"

    [post] = read_posts(host)
    assert (post.path, post.headers["idempotency-key"]) == ("/v1/payments", ID)
    assert orjson.loads(post.body) == PAYMENT.payload
    assert kept.links == [Link("pay_1", "pl_9", "https://pay.example/pl_9")]


async def test_a_service_that_has_seen_the_payment_before_tells_its_link_again(
    clock: FrozenClock,
) -> None:
    kept = Kept()
    seen = an_answer(409, {"id": "pl_9", "url": "https://pay.example/pl_9"})
    async with gateway_to(clock, seen) as (gateway, _):
        assert await PaymentLinks(gateway, kept.keep).send(ID, PAYMENT) == "pl_9"

    assert len(kept.links) == 1


async def test_a_service_that_took_a_payment_before_and_tells_no_link_is_asked_again(
    clock: FrozenClock,
) -> None:
    """It has made a link, which may be paid: nobody may say that there is none."""
    kept = Kept()
    made = an_answer(409, {"id": "pl_9", "url": "https://pay.example/pl_9"})
    async with gateway_to(clock, an_answer(409, b""), made) as (gateway, host):
        payments = PaymentLinks(gateway, kept.keep)
        with pytest.raises(TryAgainError) as failed:
            await payments.send(ID, PAYMENT)
        assert await payments.send(ID, PAYMENT) == "pl_9"

    assert not failed.value.is_unreached
    assert {post.headers["idempotency-key"] for post in read_posts(host)} == {ID}
    assert kept.links == [Link("pay_1", "pl_9", "https://pay.example/pl_9")]


async def test_a_name_without_a_link_of_what_it_took_before_is_no_refusal(
    clock: FrozenClock,
) -> None:
    kept = Kept()
    async with gateway_to(clock, an_answer(409, {"id": "pl_9"})) as (gateway, _):
        with pytest.raises(TryAgainError) as failed:
            await PaymentLinks(gateway, kept.keep).send(ID, PAYMENT)

    assert not failed.value.is_unreached
    assert kept.links == []


@pytest.mark.parametrize(
    "said",
    [
        {"id": "pl_9"},
        {"id": "pl_9", "url": None},
        {"id": "pl_9", "url": "http://pay.example/"},
        {"id": "pl_9", "url": "javascript:alert(1)"},
        {"id": "pl_9", "url": "https://pay.example/\n"},
        {"id": "pl_9", "url": "https://" + "x" * 2_000},
    ],
    ids=str,
)
async def test_a_link_that_nobody_should_follow_is_refused(
    clock: FrozenClock, said: dict[str, Any]
) -> None:
    kept = Kept()
    async with gateway_to(clock, an_answer(201, said)) as (gateway, _):
        with pytest.raises(RefusedError):
            await PaymentLinks(gateway, kept.keep).send(ID, PAYMENT)

    assert kept.links == []
