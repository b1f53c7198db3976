"""What the payments.* channels answer, and what they leave."""

from typing import Any

import pytest

from rpcbackend.app import Application
from rpcbackend.outside.delivery import Later, Refused
from rpcbackend.outside.ends import End
from rpcbackend.outside.payment_requests import Link, keep_link
from rpcbackend.outside.rounds import Round
from rpcbackend.outside.waits import Waits
from rpcbackend.schema.payments import PaymentState
from rpcbackend.schema.users import Role
from rpcbackend.store import Store, Work
from rpcbackend.store.driver import IntegrityError
from rpcbackend.store.old_messages import TOLD_MS, forget_messages
from rpcbackend.store.outbox import MAX_ATTEMPTS
from rpcbackend.store.transaction import Transaction
from rpcbackend.testing import CallFailedError, Client, FrozenClock
from tests.factories import (
    School,
    add_all,
    an_id,
    create_student,
    events_in,
    keyed,
    make_payment,
    save_branch,
)
from tests.people import refused, signed_in
from tests.store.test_outbox import lease, rows_in

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
    assert row["owner_id"] == school.student["id"]
    listed = await client.call("outbox.list", owner=school.student["id"])
    assert [one["id"] for one in listed["items"]] == [row["id"]]
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
        "toldBy": None,
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


# A request that fails


async def end(store: Store, outcome: Refused | Later, *, is_last: bool = False) -> str:
    """Let the sender end a try, the last one if that is wanted, and return the message's id."""
    if is_last:
        await store.write(
            lambda work: work.tx.run(
                "UPDATE outbox SET attempts = :attempts WHERE school_id = :school",
                attempts=MAX_ATTEMPTS - 1,
            ),
            actor="tests",
        )
    [leased] = await lease(store, room={"payment": 1})
    round_ = Round(
        epoch=1,
        leads=_leads,
        held=set(),
        ends=[End.of(leased, outcome, Waits(lambda: 0.5))],
        room={},
        tests_of=(),
        takes_over=False,
        behind=(),
        resting=(),
        to_one={},
        channels=(),
        providers=(),
    )
    await store.write(round_.run, actor="sender")
    return leased.id


async def _leads(tx: Transaction) -> bool:  # noqa: ARG001 (the form)
    return True


async def fail(client: Client, store: Store, school: School) -> tuple[dict[str, Any], str]:
    """Ask for a payment that the service refuses, and return it with its message's id."""
    payment = await ask(client, school)
    message_id = await end(store, Refused("the service refuses it (422)"))
    return await client.call("payments.get", paymentId=payment["id"]), message_id


@pytest.mark.parametrize(
    ("outcome", "is_last"),
    [(Refused("the service refuses it (422)"), False), (Later("no answer in time"), True)],
    ids=["refused", "after the last try"],
)
async def test_a_payment_whose_request_failed_has_failed_and_that_is_told(
    client: Client, store: Store, school: School, outcome: Refused | Later, is_last: bool
) -> None:
    payment = await ask(client, school)
    before = store.head_seq

    message_id = await end(store, outcome, is_last=is_last)

    assert await client.call("payments.get", paymentId=payment["id"]) == payment | {
        "state": "failed",
        "version": 2,
    }
    of_message, of_payment = await events_in(store, before)
    assert of_message["type"] == "messages.failed"
    assert (of_payment["type"], of_payment["aggregate"]["version"]) == ("payments.failed", 2)
    assert of_payment["data"] == {
        "paymentId": payment["id"],
        "studentId": school.student["id"],
        "messageId": message_id,
        "amount": EUROS,
    }


async def test_a_payment_that_is_tried_again_later_has_not_failed(
    client: Client, store: Store, school: School
) -> None:
    payment = await ask(client, school)

    await end(store, Later("busy"))

    assert await client.call("payments.get", paymentId=payment["id"]) == payment


@pytest.mark.parametrize("how", ["by the payment", "by its message"])
async def test_a_payment_that_failed_is_asked_for_again_under_the_same_key(
    client: Client, store: Store, school: School, how: str
) -> None:
    payment, message_id = await fail(client, store, school)
    before = store.head_seq

    if how == "by the payment":
        asked = await client.call("payments.retryLink", paymentId=payment["id"])
    else:
        await client.call("outbox.retry", ids=[message_id], action="retry")
        asked = await client.call("payments.get", paymentId=payment["id"])

    assert asked == payment | {"state": "requested", "version": 3}
    [row] = [row for row in await rows_in(store) if row["channel"] == "payment"]
    assert (row["id"], row["state"], row["attempts"]) == (message_id, "queued", 0)
    assert [(one["type"], one["data"]) for one in await events_in(store, before)] == [
        (
            "messages.queued",
            {"messageId": message_id, "channel": "payment", "studentId": payment["studentId"]},
        ),
        (
            "payments.requested",
            {
                "paymentId": payment["id"],
                "studentId": payment["studentId"],
                "messageId": message_id,
            },
        ),
    ]
    await keep(store, payment["id"])
    kept = await client.call("payments.get", paymentId=payment["id"])
    assert (kept["state"], kept["version"]) == ("link_created", 4)


async def test_a_payment_that_is_asked_for_already_is_not_asked_for_twice(
    client: Client, store: Store, school: School
) -> None:
    payment = await ask(client, school)

    assert await client.call("payments.retryLink", paymentId=payment["id"]) == payment

    assert len([row for row in await rows_in(store) if row["channel"] == "payment"]) == 1


async def test_a_request_that_is_cancelled_makes_no_link_any_more(
    client: Client, store: Store, school: School
) -> None:
    payment = await ask(client, school)
    [row] = [row for row in await rows_in(store) if row["channel"] == "payment"]
    before = store.head_seq

    await client.call("outbox.retry", ids=[row["id"]], action="cancel")

    assert (await client.call("payments.get", paymentId=payment["id"]))["state"] == "failed"
    assert [one["type"] for one in await events_in(store, before)] == [
        "messages.cancelled",
        "payments.failed",
    ]
    with pytest.raises(CallFailedError) as failed:
        await client.call("payments.retryLink", paymentId=payment["id"])
    assert (failed.value.symbol, failed.value.details) == (
        "INVALID_TRANSITION",
        {"id": row["id"], "from": "cancelled", "to": "queued"},
    )


async def test_a_request_that_failed_so_long_ago_that_it_is_forgotten_is_not_repeated(
    client: Client, store: Store, school: School
) -> None:
    """Under another key the service would make another link."""
    payment, _ = await fail(client, store, school)
    await store.write(
        lambda work: forget_messages(work.tx, work.now_ms + TOLD_MS + 1), actor="tests"
    )

    with pytest.raises(CallFailedError) as failed:
        await client.call("payments.retryLink", paymentId=payment["id"])

    assert (failed.value.symbol, failed.value.details) == (
        "INVALID_TRANSITION",
        {"id": payment["id"], "from": "failed", "to": "requested"},
    )
    assert "another payment" in failed.value.message


async def test_a_payment_that_has_a_link_is_none_to_ask_for(
    client: Client, store: Store, school: School
) -> None:
    payment = await ask(client, school)
    await keep(store, payment["id"])

    with pytest.raises(CallFailedError) as failed:
        await client.call("payments.retryLink", paymentId=payment["id"])

    assert (failed.value.symbol, failed.value.details) == (
        "INVALID_TRANSITION",
        {"id": payment["id"], "from": "link_created", "to": "requested"},
    )
    assert await refused(client, "payments.retryLink", paymentId=an_id("pay", 404)) == "NOT_FOUND"


async def test_the_store_itself_begins_no_payment_again_that_has_a_link(store: Store) -> None:
    await add_all(store)
    failed = make_payment(state=PaymentState.FAILED, url="https://pay.example/9")
    await store.write(lambda work: work.payments.add(failed), actor="tests")
    again = failed.model_copy(update={"state": PaymentState.REQUESTED})

    with pytest.raises(IntegrityError, match="payments_transitions"):
        await store.write(lambda work: work.payments.put(again), actor="tests")
    await store.write(
        lambda work: work.payments.put(failed.model_copy(update={"url": None})), actor="tests"
    )
    await store.write(lambda work: work.payments.put(again), actor="tests")
