"""What webhooks.receive believes, what it refuses, and what comes of what it is told."""

from collections.abc import Callable
from typing import Any

import orjson
import pytest

from rpcbackend.app import Application
from rpcbackend.outside.signing import sign
from rpcbackend.schema.providers import ProviderChannel
from rpcbackend.schema.users import Role
from rpcbackend.store import Message, Store, Work
from rpcbackend.testing import CallFailedError, Client, FrozenClock
from tests.factories import School, add_all, an_id, events_in, make_payment, told_of
from tests.people import signed_in
from tests.store.test_outbox import rows_in

SECRET = "a key of a service"  # noqa: S105 (of the test)
EUROS = {"amount": 4_500, "currency": "EUR"}


class Service:
    """A service that tells things, signed with what it shares with the school."""

    def __init__(self, client: Client, clock: FrozenClock, provider_id: str) -> None:
        self.client, self.clock, self.provider_id = client, clock, provider_id
        self._count = 0

    def request(self, told: Any, **given: Any) -> dict[str, Any]:
        """Return params of webhooks.receive, under an id of their own."""
        self._count += 1
        event_id = given.pop("event_id", f"evt_{self._count}")
        body = told if isinstance(told, bytes) else orjson.dumps(told)
        at_seconds = self.clock.now_ms() // 1_000
        headers = sign(event_id, body, at_seconds=at_seconds, secrets=[SECRET])
        params = {"provider": self.provider_id, "headers": headers, "rawBody": body.decode()}
        return params | given

    async def tell(self, told: Any, **given: Any) -> dict[str, Any]:
        """Tell it and return the answer."""
        return await self.client.call("webhooks.receive", **self.request(told, **given))

    async def refusal(self, told: Any, **given: Any) -> CallFailedError:
        """Tell it and return why not."""
        with pytest.raises(CallFailedError) as failed:
            await self.tell(told, **given)
        return failed.value


async def add_service(client: Client, clock: FrozenClock, channel: ProviderChannel) -> Service:
    saved = await client.call(
        "providers.save",
        channel=channel,
        name="Service",
        web={"url": "https://pay.example/v1"},
        secret=SECRET,
    )
    return Service(client, clock, saved["id"])


@pytest.fixture
async def service(client: Client, clock: FrozenClock, store: Store) -> Service:
    await add_all(store)

    async def unit(work: Work) -> None:
        await work.payments.add(make_payment())

    await store.write(unit, actor="tests")
    return await add_service(client, clock, ProviderChannel.PAYMENT)


def paid(**given: Any) -> dict[str, Any]:
    return {
        "type": "payment.paid",
        "reference": an_id("pay"),
        "amountMinor": 4_500,
        "currency": "EUR",
    } | given


TAKEN = {"outcome": "taken", "isDuplicate": False}


async def test_what_was_paid_as_it_was_asked_for_is_paid(
    client: Client, store: Store, service: Service
) -> None:
    before = store.head_seq

    assert await service.tell(paid(more="what we do not know")) == TAKEN

    payment = await client.call("payments.get", paymentId=an_id("pay"))
    assert (payment["state"], payment["received"], payment["version"]) == ("paid", EUROS, 2)
    data = {"paymentId": an_id("pay"), "studentId": an_id("stu"), "amount": EUROS}
    assert await told_of(store, before) == [
        ("payments.received", {"type": "payment", "id": an_id("pay"), "version": 2}, data)
    ]


async def test_the_same_message_counts_once_and_is_answered_the_same(
    store: Store, service: Service
) -> None:
    request = service.request(paid())
    before = store.head_seq
    first = await service.client.call("webhooks.receive", **request)
    second = await service.client.call("webhooks.receive", **request)

    assert (first, second) == (TAKEN, TAKEN | {"isDuplicate": True})
    assert len(await events_in(store, before)) == 1


async def test_an_id_counts_once_whatever_comes_under_it_later(
    client: Client, service: Service
) -> None:
    await service.tell(paid(), event_id="evt_a")
    again = await service.tell(
        {"type": "payment.reversed", "reference": an_id("pay")}, event_id="evt_a"
    )

    assert again == TAKEN | {"isDuplicate": True}
    assert (await client.call("payments.get", paymentId=an_id("pay")))["state"] == "paid"


@pytest.mark.parametrize(
    ("given", "received"),
    [
        ({"amountMinor": 1}, {"amount": 1, "currency": "EUR"}),
        ({"amountMinor": 4_501}, {"amount": 4_501, "currency": "EUR"}),
        ({"currency": "USD"}, {"amount": 4_500, "currency": "USD"}),
    ],
    ids=["less", "more", "another currency"],
)
async def test_what_was_not_asked_for_is_a_mismatch_and_pays_nothing(
    client: Client,
    store: Store,
    service: Service,
    given: dict[str, Any],
    received: dict[str, Any],
) -> None:
    before = store.head_seq

    assert await service.tell(paid(**given)) == TAKEN

    payment = await client.call("payments.get", paymentId=an_id("pay"))
    assert (payment["state"], payment["amount"], payment["received"]) == (
        "mismatch",
        EUROS,
        received,
    )
    [(happened, _, data)] = await told_of(store, before)
    assert happened == "payments.mismatched"
    assert (data["amount"], data["received"]) == (EUROS, received)


async def test_a_payment_that_was_taken_back_stays_so_whatever_is_told_late(
    client: Client, store: Store, service: Service
) -> None:
    before = store.head_seq
    reversed_ = {"type": "payment.reversed", "reference": an_id("pay")}

    assert await service.tell(reversed_) == TAKEN
    assert await service.tell(paid()) == {"outcome": "late", "isDuplicate": False}
    assert await service.tell({"type": "payment.failed", "reference": an_id("pay")}) == {
        "outcome": "late",
        "isDuplicate": False,
    }

    assert (await client.call("payments.get", paymentId=an_id("pay")))["state"] == "reversed"
    assert [event["type"] for event in await events_in(store, before)] == ["payments.reversed"]


@pytest.mark.parametrize(
    ("told", "happened"),
    [
        ("payment.failed", "payments.failed"),
        ("payment.refunded", "payments.refunded"),
        ("payment.reversed", "payments.reversed"),
    ],
)
async def test_what_else_becomes_of_a_payment_is_told(
    store: Store, service: Service, told: str, happened: str
) -> None:
    before = store.head_seq

    assert await service.tell({"type": told, "reference": an_id("pay")}) == TAKEN

    assert [event["type"] for event in await events_in(store, before)] == [happened]


@pytest.mark.parametrize(
    "told",
    [
        paid(reference=an_id("pay", 404)),
        paid(reference="x"),
        {"type": "payment.considered", "reference": an_id("pay")},
        {"type": "customer.created", "id": 7},
        {"type": "message.delivered", "reference": an_id("msg")},
    ],
    ids=["another payment", "no id", "another step", "another thing", "of a message"],
)
async def test_what_nobody_here_knows_is_accepted_and_changes_nothing(
    store: Store, service: Service, told: dict[str, Any]
) -> None:
    before = store.head_seq
    if told["type"] == "payment.considered":
        failed = await service.refusal(told)
        assert failed.symbol == "INVALID_PARAMS"
        return

    assert await service.tell(told, event_id="evt_u") == {
        "outcome": "unknown",
        "isDuplicate": False,
    }
    assert await service.tell(told, event_id="evt_u") == {
        "outcome": "unknown",
        "isDuplicate": True,
    }
    assert store.head_seq == before


@pytest.mark.parametrize(
    ("told", "rule"),
    [
        (b"not JSON", "json"),
        (b"[]", "type"),
        (b"{}", "type"),
        (b'{"type": 7}', "type"),
        (paid(reference=7), "form"),
        (paid(reference=""), "form"),
        (paid(amountMinor="4500"), "form"),
        (paid(amountMinor=45.5), "form"),
        (paid(amountMinor=None), "amount"),
        (paid(amountMinor=0), "amount"),
        (paid(amountMinor=-4_500), "amount"),
        (paid(currency=None), "amount"),
        (paid(currency="eur"), "amount"),
    ],
    ids=str,
)
async def test_what_is_signed_and_has_no_form_is_refused_and_not_remembered(
    service: Service, told: Any, rule: str
) -> None:
    failed = await service.refusal(told, event_id="evt_f")

    assert failed.symbol == "INVALID_PARAMS"
    assert failed.details == {"errors": [{"path": "rawBody", "rule": rule}]}
    assert await service.tell(paid(), event_id="evt_f") == TAKEN


# Who tells


async def test_whoever_knows_the_password_of_a_mail_server_tells_nothing(
    client: Client, clock: FrozenClock, store: Store
) -> None:
    """It is known to the mail server, and to every mail program that it was typed into."""
    server = {"host": "mail.example", "port": 587, "security": "starttls", "sender": "a@b.example"}
    saved = await client.call(
        "providers.save", channel="mail", name="Mail", mail=server, secret=SECRET
    )
    mail, before = Service(client, clock, saved["id"]), store.head_seq

    failed = await mail.refusal({"type": "message.delivered", "reference": an_id("msg")})
    unknown = await Service(client, clock, an_id("prv", 404)).refusal(paid())

    assert failed.symbol == "SIGNATURE_INVALID"
    assert (failed.symbol, failed.message, failed.details) == (
        unknown.symbol,
        unknown.message,
        unknown.details,
    )
    assert store.head_seq == before


def tampered(**given: Any) -> Callable[[dict[str, Any]], dict[str, Any]]:
    def change(params: dict[str, Any]) -> dict[str, Any]:
        headers = params["headers"] | given.get("headers", {})
        return params | given | {"headers": headers}

    return change


@pytest.mark.parametrize(
    "change",
    [
        tampered(rawBody='{"type":"payment.paid"}'),
        tampered(headers={"webhook-id": "evt_x"}),
        tampered(headers={"webhook-timestamp": "1"}),
        tampered(headers={"webhook-signature": "v1,AAAA"}),
        tampered(provider=an_id("prv", 404)),
    ],
    ids=["another body", "another id", "another time", "another signature", "another provider"],
)
async def test_whoever_does_not_know_the_secret_is_told_the_same_whatever_he_tries(
    service: Service, store: Store, change: Callable[[dict[str, Any]], dict[str, Any]]
) -> None:
    before = store.head_seq
    with pytest.raises(CallFailedError) as failed:
        await service.client.call("webhooks.receive", **change(service.request(paid())))

    assert (failed.value.symbol, failed.value.details) == ("SIGNATURE_INVALID", None)
    assert store.head_seq == before


@pytest.mark.parametrize("late", [301, -301])
async def test_what_was_signed_more_than_five_minutes_away_is_a_replay(
    service: Service, clock: FrozenClock, late: int
) -> None:
    request = service.request(paid())
    clock.set_wall(late)
    with pytest.raises(CallFailedError) as failed:
        await service.client.call("webhooks.receive", **request)

    assert failed.value.symbol == "REPLAY_DETECTED"


async def test_nobody_has_to_sign_in_where_there_are_users(
    app: Application, service: Service
) -> None:
    await signed_in(app, Role.OWNER)
    stranger = Client(app)

    assert await stranger.call("webhooks.receive", **service.request(paid())) == TAKEN


async def test_only_a_provider_of_payments_can_tell_of_payments(
    client: Client, clock: FrozenClock, service: Service
) -> None:
    other = await add_service(client, clock, ProviderChannel.SMS)

    assert await other.tell(paid()) == {"outcome": "unknown", "isDuplicate": False}
    assert (await client.call("payments.get", paymentId=an_id("pay")))["state"] == "requested"
    assert service.provider_id != other.provider_id


# Messages


@pytest.fixture
async def carrier(client: Client, clock: FrozenClock) -> Service:
    await School(client).open()
    return await add_service(client, clock, ProviderChannel.SMS)


async def sent_message(store: Store, channel: str = "sms", *, is_sent: bool = True) -> str:
    """Leave a message in the outbox that was sent, and return its id."""
    message = Message(
        channel=channel, recipient="+491", template="message", payload={}, dedupe_key="k"
    )

    async def unit(work: Work) -> None:
        await work.outbox.queue(message)
        if not is_sent:
            return
        epoch = await work.outbox.begin_epoch()
        [lease] = await work.due.lease(epoch, room={channel: 1})
        await work.outbox.sent(lease)

    await store.write(unit, actor="tests")
    [row] = [row for row in await rows_in(store) if row["dedupe_key"] == "k"]
    return str(row["id"])


@pytest.mark.parametrize("state", ["delivered", "bounced"])
async def test_a_message_has_arrived_or_come_back(
    store: Store, carrier: Service, state: str
) -> None:
    message_id = await sent_message(store)
    before = store.head_seq
    told = {"type": f"message.{state}", "reference": message_id}

    assert await carrier.tell(told) == TAKEN
    assert await carrier.tell(told) == {"outcome": "late", "isDuplicate": False}

    [row] = [row for row in await rows_in(store) if row["id"] == message_id]
    assert row["state"] == state
    [(happened, aggregate, data)] = await told_of(store, before)
    assert (happened, aggregate["id"]) == (f"messages.{state}", message_id)
    assert data == {"messageId": message_id, "channel": "sms"}


async def test_a_message_that_is_not_known_to_be_sent_is_to_be_told_of_again(
    store: Store, carrier: Service
) -> None:
    message_id = await sent_message(store, is_sent=False)
    told = {"type": "message.delivered", "reference": message_id}

    failed = await carrier.refusal(told, event_id="evt_m")

    assert (failed.symbol, failed.data["retryable"]) == ("UNAVAILABLE", True)
    assert failed.data["retryAfterMs"] == 60_000


async def test_nobody_tells_of_a_message_that_went_another_way(
    store: Store, carrier: Service
) -> None:
    message_id = await sent_message(store, "mail")

    assert await carrier.tell({"type": "message.bounced", "reference": message_id}) == {
        "outcome": "unknown",
        "isDuplicate": False,
    }
