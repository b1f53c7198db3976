"""What a student is told of a payment, once its link is there."""

from typing import Any

import pytest

from rpcbackend.outside.payment_requests import Link, keep_link
from rpcbackend.schema.providers import ProviderChannel
from rpcbackend.store import Store, Work
from rpcbackend.testing import Client, FrozenClock
from tests.clauses import clause
from tests.factories import School, events_in, keyed
from tests.methods.test_webhooks_receive import add_service, paid
from tests.notices.desk import ADA, PHONE, agree
from tests.notices.outbox import Row, outbox_of
from tests.store.test_outbox import lease

HOUR = 3_600
URL = "https://pay.example/9"


async def ask(client: Client, school: School, **given: Any) -> dict[str, Any]:
    """Ask for a payment."""
    return await client.call(
        "payments.createLink",
        studentId=school.student["id"],
        amount={"amount": 4_500, "currency": "EUR"},
        description="Fahrstunde am 24.11.",
        **keyed(),
        **given,
    )


async def keep(store: Store, payment: dict[str, Any], url: str = URL) -> None:
    """Let the service tell the link."""

    async def unit(work: Work) -> None:
        await keep_link(work, Link(payment["id"], "pl_9", url))

    await store.write(unit, actor="sender")


async def letters(store: Store, *states: str) -> list[Row]:
    """Return what goes to the student."""
    return [row for row in await outbox_of(store, *states) if row.channel != "payment"]


async def told_by(store: Store) -> str | None:
    """Return by which way the student is told, as events say."""
    events = await events_in(store)
    [created] = [each["data"] for each in events if each["type"] == "payments.link_created"]
    queued = [each["data"] for each in events if each["type"] == "messages.queued"]
    assert [each["channel"] for each in queued] == [created["toldBy"]] * len(queued)
    way: str | None = created["toldBy"]
    return way


async def test_the_link_goes_to_the_student_by_itself(
    client: Client, store: Store, school: School
) -> None:
    payment = await ask(client, school)
    early = await letters(store)

    await keep(store, payment)

    assert early == []
    (row,) = await letters(store)
    assert (row.template, row.channel, row.recipient) == ("payment_link", "mail", ADA)
    assert row.key == f"{school.student['id']}/payments/{payment['id']}/2/payment_link"
    assert row.quiet == ["Europe/Berlin", "21:00", "08:00"]
    assert row.payload == {
        "subject": "Bitte um Zahlung von 45,00 €",
        "text": "Hallo Ada,\n\nbitte zahle 45,00 € für Fahrstunde am 24.11.:\n"
        "https://pay.example/9\n\nVielen Dank!\n\nMitte",
        "language": "de",
    }
    assert await told_by(store) == "mail"


async def test_it_reads_in_the_student_s_language_and_the_school_s_words(
    client: Client, store: Store, school: School
) -> None:
    await client.call("students.update", studentId=school.student["id"], language="en")
    words = {"subject": "{amount}!", "text": "{description}: {link}"}
    await client.call("templates.save", kind="payment_link", channel="mail", language="en", **words)

    await keep(store, await ask(client, school))

    (row,) = await letters(store)
    assert (row.payload["subject"], row.payload["text"]) == (
        "€45.00!",
        "Fahrstunde am 24.11.: https://pay.example/9",
    )


@clause("messages-consent")
async def test_who_agreed_to_sms_about_payments_has_it_by_sms(
    client: Client, store: Store, school: School
) -> None:
    await client.call("students.update", studentId=school.student["id"], phone=PHONE)
    await agree(client, school, "sms", purpose="payments")

    await keep(store, await ask(client, school))

    (row,) = await letters(store)
    assert (row.channel, row.recipient) == ("sms", PHONE)
    assert row.payload == {
        "text": "Bitte zahle 45,00 € für Fahrstunde am 24.11.: https://pay.example/9 Mitte"
    }
    assert await told_by(store) == "sms"


async def test_a_link_that_an_sms_would_cut_goes_by_mail(
    client: Client, store: Store, school: School
) -> None:
    await client.call("students.update", studentId=school.student["id"], phone=PHONE)
    await agree(client, school, "sms", purpose="payments")
    url = URL + "x" * 1_500

    await keep(store, await ask(client, school), url)

    (row,) = await letters(store)
    assert row.channel == "mail"
    assert f"\n{url}\n" in row.payload["text"]


@clause("messages-consent")
@pytest.mark.parametrize("why", ["refuses", "has no address", "is gone"])
async def test_who_may_not_be_told_is_not_and_the_office_hears_of_it(
    client: Client, store: Store, school: School, why: str
) -> None:
    student_id = school.student["id"]
    payment = await ask(client, school)
    if why == "refuses":
        await agree(client, school, "mail", purpose="payments", is_granted=False)
    elif why == "has no address":
        await client.call("students.update", studentId=student_id, email=None)
    else:
        for state in ("graduated", "archived"):
            await client.call("students.transition", studentId=student_id, to=state)

    await keep(store, payment)

    assert await letters(store) == []
    assert await told_by(store) is None
    assert (await client.call("payments.get", paymentId=payment["id"]))["url"] == URL


async def test_who_is_not_to_pay_any_more_is_not_asked_to_though_the_link_was_under_way(
    client: Client, store: Store, school: School
) -> None:
    payment = await ask(client, school)
    [request] = await lease(store, room={"payment": 1})
    await client.call("outbox.retry", ids=[request.id], action="cancel")

    await keep(store, payment)

    assert await letters(store) == []
    assert await told_by(store) is None
    assert (await client.call("payments.get", paymentId=payment["id"]))["url"] == URL


@clause("messages-quiet-hours")
async def test_at_night_it_waits_for_the_morning(
    client: Client, store: Store, school: School, clock: FrozenClock
) -> None:
    payment = await ask(client, school)
    clock.advance(14 * HOUR)

    await keep(store, payment)

    (row,) = await letters(store)
    assert row.at == "2026-11-24T07:00:00Z"


@pytest.mark.parametrize("told", ["payment.paid", "payment.refunded", "payment.reversed"])
async def test_who_has_paid_meanwhile_is_not_asked_to(
    client: Client, store: Store, school: School, clock: FrozenClock, told: str
) -> None:
    service = await add_service(client, clock, ProviderChannel.PAYMENT)
    payment = await ask(client, school)
    await keep(store, payment)

    await service.tell(paid(type=told, reference=payment["id"]))

    assert [row.state for row in await letters(store)] == ["cancelled"]


async def test_who_paid_before_the_link_came_is_not_asked_to(
    client: Client, store: Store, school: School, clock: FrozenClock
) -> None:
    service = await add_service(client, clock, ProviderChannel.PAYMENT)
    payment = await ask(client, school)
    await service.tell(paid(reference=payment["id"]))

    await keep(store, payment)

    assert await letters(store) == []


async def test_another_link_takes_the_place_of_the_one_that_nobody_read(
    client: Client, store: Store, school: School
) -> None:
    payment = await ask(client, school)
    for url in (URL, URL, "https://pay.example/10"):
        await keep(store, payment, url)

    (row,) = await letters(store, "queued")
    assert "https://pay.example/10" in row.payload["text"]
    assert len(await letters(store)) == 2
