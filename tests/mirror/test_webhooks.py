"""What services tell by HTTP, against a real uvicorn."""

from typing import Any

import orjson
import pytest

from rpcbackend.schema.providers import ProviderChannel
from rpcbackend.store import Store, Work
from rpcbackend.testing import Client, FrozenClock
from tests.factories import add_all, an_id, make_payment
from tests.methods.test_webhooks_receive import TAKEN, Service, add_service, paid
from tests.mirror.test_guard import refusal
from tests.mirror.test_openapi import OPERATIONS
from tests.mirror.test_openapi_examples import fits
from tests.mirror.web import Answer, Web


@pytest.fixture
async def service(web: Web, client: Client, clock: FrozenClock, store: Store) -> Service:
    """A payment service, of a school that wants to be paid, and the mirror beside them."""
    assert web.mirror.port
    await add_all(store)

    async def unit(work: Work) -> None:
        await work.payments.add(make_payment())

    await store.write(unit, actor="tests")
    return await add_service(client, clock, ProviderChannel.PAYMENT)


async def tell(web: Web, request: dict[str, Any], **more: str) -> Answer:
    """Send what the service signed, as it would."""
    fields = {"Content-Type": "application/json"} | request["headers"] | more
    body = request["rawBody"].encode()
    return await web.ask(f"POST /api/webhooks/{request['provider']}", body=body, **fields)


async def test_what_a_service_signed_counts_once(web: Web, service: Service) -> None:
    request = service.request(paid(note="Ä, and\tmore"))

    first = await tell(web, request, Authorization="Token of-its-own")
    second = await tell(web, request)

    assert (first.status, first.body["data"] | {"_meta": None}) == (200, TAKEN | {"_meta": None})
    assert second.body["data"]["isDuplicate"] is True
    payment = await service.client.call("payments.get", paymentId=an_id("pay"))
    assert payment["state"] == "paid"
    schema = OPERATIONS["webhook"]["responses"]["200"]["content"]["application/json"]["schema"]
    fits(schema, first.body)


async def test_what_it_did_not_sign_byte_for_byte_counts_nothing(
    web: Web, service: Service
) -> None:
    request = service.request(paid())
    for changed in (
        request | {"rawBody": request["rawBody"] + " "},
        request | {"provider": an_id("prv", 404)},
        request | {"headers": {}},
        request | {"headers": request["headers"] | {"webhook-id": "another"}},
    ):
        assert refusal(await tell(web, changed)) == (401, "SIGNATURE_INVALID")

    payment = await service.client.call("payments.get", paymentId=an_id("pay"))
    assert payment["state"] == "requested"


async def test_a_field_that_comes_twice_is_one_that_nobody_signed(
    web: Web, service: Service
) -> None:
    request = service.request(paid())
    fields = [*request["headers"].items(), ("webhook-id", "evt_1")]
    lines = "".join(f"{name}: {value}\r\n" for name, value in fields)
    body = request["rawBody"].encode()
    head = (
        f"POST /api/webhooks/{request['provider']} HTTP/1.1\r\nHost: {web.host}\r\n{lines}"
        "Content-Type: application/json\r\nConnection: close\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )

    assert refusal(Answer.of(await web.raw(head.encode() + body))) == (401, "SIGNATURE_INVALID")


async def test_what_was_signed_long_ago_is_told_so(
    web: Web, clock: FrozenClock, service: Service
) -> None:
    request = service.request(paid())
    clock.advance(301)

    answer = await tell(web, request)

    assert refusal(answer)[1] == "REPLAY_DETECTED"
    assert str(answer.status) in OPERATIONS["webhook"]["responses"]


async def test_a_body_that_is_no_text_is_no_request(web: Web, service: Service) -> None:
    answer = await web.ask(
        f"POST /api/webhooks/{service.provider_id}",
        body=b"\xff",
        Content_Type="application/json",
    )

    assert refusal(answer) == (400, "INVALID_REQUEST")


async def test_an_address_tells_no_more_than_it_may(web: Web, service: Service) -> None:
    answers = [await tell(web, service.request(paid())) for _ in range(21)]

    assert answers[-1].status == 429
    assert orjson.loads(answers[-1].content)["error"]["code"] == "RATE_LIMITED"
    assert int(answers[-1].headers["retry-after"]) > 0
