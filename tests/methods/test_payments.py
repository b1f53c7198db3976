"""What the payments.* channels answer, and what they leave."""

from typing import Any

import pytest

from rpcbackend.app import Application
from rpcbackend.outside.payments import Link, keep_link
from rpcbackend.schema.users import Role
from rpcbackend.store import Store, Work
from rpcbackend.testing import CallFailedError, Client, FrozenClock
from tests.factories import School, an_id, create_student, events_in, keyed, save_branch
from tests.people import refused, signed_in
from tests.store.test_outbox import rows_in

EUROS = {"amount": 4_500, "currency": "EUR"}


@pytest.fixture
async def school(client: Client) -> School:
    return await School(client).open()


async def ask(client: Client, school: School, key: str = "k", **given: Any) -> dict[str, Any]:
    fields = {
        "studentId": school.student["id"],
        "amount": EUROS,
        "description": "Fahrstunde am 24.11.",
    }
    return await client.call("payments.createLink", **fields | given | keyed(key))


async def test_a_payment_is_asked_for_and_goes_out_with_its_cause(
    client: Client, store: Store, school: School
) -> None:
    before = store.head_seq

    payment = await ask(client, school, returnUrl="https://fahrschule.example/danke")

    assert payment == {
        "id": payment["id"],
        "studentId": school.student["id"],
        "amount": EUROS,
        "description": "Fahrstunde am 24.11.",
        "returnUrl": "https://fahrschule.example/danke",
        "state": "requested",
        "url": None,
        "providerRef": None,
        "received": None,
        "createdAt": "2026-11-23T08:00:00Z",
        "changedAt": "2026-11-23T08:00:00Z",
        "version": 1,
    }
    assert await client.call("payments.get", paymentId=payment["id"]) == payment
    [row] = [row for row in await rows_in(store) if row["channel"] == "payment"]
    assert (row["recipient"], row["state"]) == (school.student["id"], "queued")
    [event] = await events_in(store, before)
    assert (event["type"], event["data"]) == (
        "payments.requested",
        {"paymentId": payment["id"], "studentId": school.student["id"]},
    )


async def test_a_payment_is_asked_for_once_however_often_the_call_is_delivered(
    client: Client, store: Store, school: School
) -> None:
    assert await ask(client, school) == await ask(client, school)

    assert len((await client.call("payments.list"))["items"]) == 1
    assert len([row for row in await rows_in(store) if row["channel"] == "payment"]) == 1


async def test_nobody_is_asked_without_a_key(client: Client, school: School) -> None:
    with pytest.raises(CallFailedError) as failed:
        await client.call(
            "payments.createLink",
            studentId=school.student["id"],
            amount=EUROS,
            description="Fahrstunde",
        )

    assert failed.value.symbol == "INVALID_PARAMS"


@pytest.mark.parametrize(
    ("given", "path"),
    [
        ({"amount": {"amount": 0, "currency": "EUR"}}, "amount.amount"),
        ({"amount": {"amount": -1, "currency": "EUR"}}, "amount.amount"),
        ({"amount": {"amount": 45.5, "currency": "EUR"}}, "amount.amount"),
        ({"amount": {"amount": 10**12, "currency": "EUR"}}, "amount.amount"),
        ({"amount": {"amount": 4_500, "currency": "eur"}}, "amount.currency"),
        ({"description": ""}, "description"),
        ({"description": "a\r\nb"}, "description"),
        ({"returnUrl": "http://fahrschule.example/"}, "returnUrl"),
        ({"returnUrl": "javascript:alert(1)"}, "returnUrl"),
        ({"returnUrl": "https://a b"}, "returnUrl"),
    ],
    ids=str,
)
async def test_what_nobody_can_pay_is_refused(
    client: Client, school: School, given: dict[str, Any], path: str
) -> None:
    with pytest.raises(CallFailedError) as failed:
        await ask(client, school, **given)

    assert failed.value.symbol == "INVALID_PARAMS"
    assert failed.value.details is not None
    assert [one["path"] for one in failed.value.details["errors"]] == [path]


async def test_a_branch_takes_its_own_currency_alone(client: Client, school: School) -> None:
    with pytest.raises(CallFailedError) as failed:
        await ask(client, school, amount={"amount": 4_500, "currency": "USD"})

    assert (failed.value.symbol, failed.value.details) == (
        "CURRENCY_MISMATCH",
        {"currency": "EUR"},
    )


async def test_a_student_whom_nobody_knows_is_not_found(client: Client, school: School) -> None:
    with pytest.raises(CallFailedError) as failed:
        await ask(client, school, studentId=an_id("stu", 404))

    assert failed.value.symbol == "NOT_FOUND"


async def test_an_unknown_payment_is_not_found(client: Client) -> None:
    with pytest.raises(CallFailedError) as failed:
        await client.call("payments.get", paymentId=an_id("pay", 404))

    assert failed.value.symbol == "NOT_FOUND"


async def test_payments_are_listed_in_pages_and_by_student_and_state(
    client: Client, school: School
) -> None:
    other = await create_student(client, school.branch["id"], givenName="Eva")
    made = [await ask(client, school, str(number)) for number in range(4)]
    made.append(await ask(client, school, "other", studentId=other["id"]))

    page = await client.call("payments.list", limit=3)
    rest = await client.call("payments.list", limit=3, cursor=page["nextCursor"])
    own = await client.call("payments.list", studentId=other["id"])
    paid = await client.call("payments.list", state="paid")

    assert page["items"] + rest["items"] == made[::-1]
    assert rest["nextCursor"] is None
    assert own["items"] == made[-1:]
    assert paid["items"] == []
    with pytest.raises(CallFailedError) as failed:
        await client.call("payments.list", cursor="x")
    assert failed.value.symbol == "CURSOR_INVALID"


# The link


async def keep(store: Store, payment_id: str, url: str = "https://pay.example/9") -> None:
    link = Link(payment_id, "pl_9", url)

    async def unit(work: Work) -> None:
        await keep_link(work, link)

    await store.write(unit, actor="sender")


async def test_a_link_that_came_back_is_told_without_its_address(
    client: Client, store: Store, school: School, clock: FrozenClock
) -> None:
    payment = await ask(client, school)
    before = store.head_seq
    clock.advance(60)

    await keep(store, payment["id"])
    await keep(store, payment["id"])

    assert await client.call("payments.get", paymentId=payment["id"]) == payment | {
        "state": "link_created",
        "url": "https://pay.example/9",
        "providerRef": "pl_9",
        "changedAt": "2026-11-23T08:01:00Z",
        "version": 2,
    }
    [event] = await events_in(store, before)
    assert event["type"] == "payments.link_created"
    assert event["aggregate"] == {"type": "payment", "id": payment["id"], "version": 2}
    assert event["data"] == {
        "paymentId": payment["id"],
        "studentId": school.student["id"],
        "state": "link_created",
    }


async def test_a_link_to_a_payment_that_nobody_knows_is_kept_nowhere(store: Store) -> None:
    before = store.head_seq

    await keep(store, an_id("pay", 404))

    assert store.head_seq == before


async def test_students_and_instructors_neither_ask_nor_see(app: Application) -> None:
    for role in (Role.STUDENT, Role.INSTRUCTOR):
        client = await signed_in(app, role)
        assert await refused(client, "payments.list") == "FORBIDDEN"


async def test_a_payment_of_another_branch_has_its_currency(client: Client, school: School) -> None:
    branch = await save_branch(client, name="Zürich", zone="Europe/Zurich", currency="CHF")
    student = await create_student(client, branch["id"])

    payment = await ask(
        client, school, studentId=student["id"], amount={"amount": 9_000, "currency": "CHF"}
    )

    assert payment["amount"]["currency"] == "CHF"
