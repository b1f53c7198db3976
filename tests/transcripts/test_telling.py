"""What services tell comes again in a replay, signed anew, and a transcript holds no body of it."""

from pathlib import Path
from typing import Any

import orjson
import pytest

from rpcbackend.outside.signing import sign
from rpcbackend.testing import Client, FrozenClock
from rpcbackend.transcripts.telling import event_in, says_in
from tests.clauses import clause
from tests.factories import School, an_id, keyed
from tests.transcripts.desks import NAME, assert_same, recorded, refused, replayed

KEY, WHO = "a key of a service", "Ada Byron"
PAYMENT = {"type": "payment.paid", "reference": an_id("pay"), "amountMinor": 4_500}


class Service:
    """A service that tells things to a desk that is recorded."""

    def __init__(self, client: Client, clock: FrozenClock, provider_id: str) -> None:
        self._client, self._clock, self._id = client, clock, provider_id

    def told(self, told: Any, event: str, *, key: str = KEY, ago: int = 0) -> dict[str, Any]:
        """Return the params of webhooks.receive."""
        body = told if isinstance(told, bytes) else orjson.dumps(told)
        at_seconds = self._clock.now_ms() // 1_000 - ago
        headers = sign(event, body, at_seconds=at_seconds, secrets=[key])
        return {"provider": self._id, "headers": headers, "rawBody": body.decode()}

    async def tell(self, told: Any, event: str) -> tuple[str, bool]:
        """Tell it, and return what the desk makes of it."""
        answer = await self._client.call("webhooks.receive", **self.told(told, event))
        return answer["outcome"], answer["isDuplicate"]

    async def refusal(self, told: Any, event: str, **given: Any) -> str:
        """Tell it, and return why not."""
        return await refused(self._client, "webhooks.receive", **self.told(told, event, **given))


async def add_service(client: Client, clock: FrozenClock) -> Service:
    web = {"url": "https://pay.example/v1"}
    saved = await client.call("providers.save", channel="payment", name="Pay", web=web, secret=KEY)
    return Service(client, clock, saved["id"])


@clause("transcript-replays")
@clause("transcript-no-secret")
async def test_what_a_service_tells_comes_again(tmp_path: Path) -> None:
    clock = FrozenClock()
    async with recorded(tmp_path, clock) as client:
        school = await School(client).open()
        service = await add_service(client, clock)
        amount = {"amount": 4_500, "currency": "EUR"}
        payment = await client.call(
            "payments.createLink",
            studentId=school.student["id"],
            amount=amount,
            description="Lessons",
            **keyed(),
        )
        paid = {"type": "payment.paid", "reference": payment["id"]}
        whole = paid | {"amountMinor": 4_500, "currency": "EUR", "payer": WHO}

        assert await service.refusal(whole, "evt_0", key="another key") == "SIGNATURE_INVALID"
        assert await service.refusal(whole, "evt_0", ago=301) == "REPLAY_DETECTED"
        assert await service.refusal(b"Ada", "evt_0") == "INVALID_PARAMS"
        assert await service.refusal({"who": WHO}, "evt_0") == "INVALID_PARAMS"
        assert await service.refusal({"type": "payment.paid", "who": WHO}, "e") == "INVALID_PARAMS"
        assert await service.refusal(paid, "evt_0") == "INVALID_PARAMS"
        assert await service.refusal({"type": "payment.seen"}, "evt_0") == "INVALID_PARAMS"
        other = {"type": "invoice.seen", "who": WHO}
        assert await service.tell(other, "evt_1") == ("unknown", False)
        assert await service.tell(whole | {"reference": WHO}, "evt_2") == ("unknown", False)
        assert await service.tell(whole, "evt_3") == ("taken", False)
        assert await service.tell(whole, "evt_3") == ("taken", True)
        assert await service.tell(whole, "evt_4") == ("late", False)
        assert await service.tell(paid | {"type": "payment.refunded"}, "evt_5") == ("taken", False)
        clock.advance(60)
        assert await service.tell(whole, "evt_3") == ("taken", True)
        assert (await client.call("payments.get", paymentId=payment["id"]))["state"] == "refunded"
        unsigned = {"provider": service.told({}, "e")["provider"], "rawBody": "{}"}
        assert await refused(client, "webhooks.receive", **unsigned, headers={}) == (
            "SIGNATURE_INVALID"
        )
        assert await refused(client, "webhooks.receive", **unsigned, headers=7) == (
            "INVALID_PARAMS"
        )
        stranger = unsigned | {"provider": an_id("prv", 9)}
        assert await refused(client, "webhooks.receive", **stranger, headers={}) == (
            "SIGNATURE_INVALID"
        )

    assert_same(await replayed(tmp_path))
    text = (tmp_path / NAME).read_text(encoding="utf-8")
    assert [word for word in (KEY, WHO, "Ada", "payer", "evt_", "v1,") if word in text] == []


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ("Ada", {}),
        (b"{}", {}),
        ("[]", {}),
        ('{"type":"student.born","reference":"Ada"}', {}),
        ('{"type":"payment.paid","reference":7,"amountMinor":true,"currency":"Ada"}', {}),
        ('{"type":"payment.paid","amountMinor":1e3}', {}),
        ('{"type":"payment.paid","reference":"Ada"}', {"reference": "<Ada>"}),
        (
            orjson.dumps(PAYMENT | {"who": "Ada"}).decode(),
            {name: PAYMENT[name] for name in ("reference", "amountMinor")},
        ),
    ],
)
def test_a_body_says_ids_and_amounts_alone(body: Any, says: dict[str, Any]) -> None:
    told = says_in(body, lambda text: f"<{text}>")

    told.pop("type", None)
    assert told == says


@pytest.mark.parametrize(
    ("headers", "event"),
    [
        ({"Webhook-ID": "evt_1"}, "evt_1"),
        ({"webhook-id": 7}, None),
        ({"id": "evt_1"}, None),
        ([], None),
    ],
)
def test_the_id_of_what_is_told_stands_in_the_headers(headers: Any, event: str | None) -> None:
    assert event_in(headers) == event
