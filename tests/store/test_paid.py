"""A restore does not undo what became of payments since the backup."""

from pathlib import Path
from typing import Any

import pytest

from rpcbackend.domain.payments import FOLLOWS
from rpcbackend.notices import keys
from rpcbackend.schema.payments import Money, Payment, PaymentState
from rpcbackend.store import Message, Store
from rpcbackend.store.driver import Opener
from rpcbackend.store.migrations import migrate
from rpcbackend.store.paid import NEXT, Paid, paid_in, stay_paid
from rpcbackend.store.payments import asking_for
from tests.clauses import clause
from tests.factories import KEY, add_all, an_id, at, make_payment, store_in
from tests.store.test_outbox import lease, rows_in, settle
from tests.store.test_settled import nobody, restored

URL = "https://pay.example/9"
S = PaymentState
LINKED: dict[str, Any] = {"state": S.LINK_CREATED, "url": URL, "provider_ref": "pl_9", "version": 2}
PAID: dict[str, Any] = LINKED | {
    "state": S.PAID,
    "received": Money(amount=4_500, currency="EUR"),
    "changed_at": at("2026-11-23T09:00:00Z"),
    "version": 3,
}


async def put(store: Store, **given: Any) -> None:
    payment = make_payment(**given)
    await store.write(lambda work: work.payments.put(payment), actor="tests")


async def payment_in(store: Store) -> Payment | None:
    return await store.read(lambda work: work.payments.get(an_id("pay")))


async def queue(store: Store, channel: str, key: str) -> None:
    message = Message(
        channel=channel,
        recipient="ada@example.org",
        template="payment_link",
        payload={"text": URL},
        dedupe_key=key,
        owner_id=an_id("stu"),
    )
    await store.write(lambda work: work.outbox.queue(message), actor="tests")


async def fill(store: Store) -> None:
    """Ask for a payment, and back it up."""
    await add_all(store)
    await put(store)
    await queue(store, "payment", asking_for(make_payment()))
    await store.backup("manual")


@clause("restore-sends-nothing-twice")
@pytest.mark.parametrize("key", [None, KEY], ids=["plain", "encrypted"])
@pytest.mark.parametrize("letter", ["sent", "fail", "waits"])
async def test_a_link_that_came_since_the_backup_is_there_and_told_once(
    tmp_path: Path, key: bytes | None, letter: str
) -> None:
    """Its request is not sent again, so nobody else would ever tell it."""
    async with store_in(tmp_path, key=key) as store:
        await fill(store)
        [request] = await lease(store, room={"payment": 1})
        await put(store, **LINKED)
        await queue(store, "mail", f"{keys.of_payment(make_payment())}2/payment_link")
        await settle(store, "sent", request, "pl_9")
        if letter != "waits":
            [told] = await lease(store)
            await settle(store, letter, told, "as it is")
        before = await rows_in(store)

        await restored(store)

        assert await payment_in(store) == make_payment(**LINKED)
        assert await rows_in(store) == before


@pytest.mark.parametrize(
    "since",
    [
        PAID,
        PAID | {"state": S.REFUNDED},
        PAID | {"state": S.MISMATCH, "received": Money(amount=1, currency="EUR")},
        {"state": S.FAILED, "version": 2},
    ],
    ids=["paid", "refunded", "mismatch", "failed"],
)
async def test_what_was_told_of_a_payment_since_the_backup_holds(
    tmp_path: Path, since: dict[str, Any]
) -> None:
    async with store_in(tmp_path) as store:
        await fill(store)
        await put(store, **since)

        await restored(store)

        assert await payment_in(store) == make_payment(**since)


async def test_a_payment_that_failed_in_the_backup_and_was_asked_for_again_has_its_link(
    tmp_path: Path,
) -> None:
    async with store_in(tmp_path) as store:
        await add_all(store)
        await put(store)
        await put(store, state=S.FAILED, version=2)
        await store.backup("manual")
        await put(store, version=3)
        await put(store, **LINKED | {"version": 4})

        await restored(store)

        assert await payment_in(store) == make_payment(**LINKED | {"version": 4})


async def test_a_payment_that_is_not_in_the_backup_is_not_told_of(tmp_path: Path) -> None:
    async with store_in(tmp_path) as store:
        await add_all(store)
        await store.backup("manual")
        await put(store)
        await put(store, **LINKED)
        await queue(store, "mail", f"{keys.of_payment(make_payment())}2/payment_link")

        await restored(store)

        assert await payment_in(store) is None
        assert await rows_in(store) == []


def row_of(payment: Payment) -> dict[str, Any]:
    received = payment.received
    return {
        **payment.model_dump(include={"id", "state", "url", "provider_ref", "version"}),
        "received_minor": received.amount if received else None,
        "received_currency": received.currency if received else None,
        "changed_at": int(payment.changed_at.timestamp()),
    }


@pytest.mark.parametrize(
    ("in_backup", "since"),
    [
        ([LINKED, PAID], LINKED | {"state": S.FAILED, "version": 4}),
        ([LINKED, LINKED | {"state": S.FAILED, "version": 3}], {"version": 4}),
        ([LINKED, PAID], LINKED),
    ],
    ids=["paid and failed", "with a link and asked for", "older"],
)
async def test_what_the_backup_knows_better_stays(
    store: Store, in_backup: list[dict[str, Any]], since: dict[str, Any]
) -> None:
    """It is of a store that was restored before."""
    await add_all(store)
    for given in [{}, *in_backup]:
        await put(store, **given)

    paid = Paid([row_of(make_payment(**since))])
    await store.write(lambda work: stay_paid(work, paid), actor="tests")

    assert await payment_in(store) == make_payment(**in_backup[-1])


def test_the_steps_are_those_that_services_tell_and_the_one_back() -> None:
    steps = {S(state): {S(step) for step in after} for state, after in NEXT.items()}

    assert steps | {S.REVERSED: set()} == {
        state: set(after) | ({S.REQUESTED} if state is S.FAILED else set())
        for state, after in FOLLOWS.items()
    }


@pytest.mark.parametrize("version", [12, 13, 16])
def test_a_database_of_an_older_version_is_read_too(tmp_path: Path, version: int) -> None:
    connection = Opener(tmp_path / "old.db", None, may_write=True)()
    migrate(connection, 0, to=version)
    connection.close()

    assert paid_in(tmp_path / "old.db", None)(nobody) == Paid([], [])
