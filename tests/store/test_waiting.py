"""Messages by what they are about: withdrawn together, sent elsewhere together."""

from dataclasses import replace

import pytest

from rpcbackend.store import Store, Work
from rpcbackend.testing import FrozenClock
from tests.store.test_outbox import HELLO, lease, queue, rows_in, settle, states_in

ALL = ("a/b/1", "a/b/2", "a/bc/1", "a/b", "a0", "a/")


async def withdraw(store: Store, about: str, channel: str | None = None) -> list[str]:
    return await store.write(lambda work: work.waiting.withdraw(about, channel), actor="tests")


async def send_to(store: Store, recipient: str) -> None:
    await store.write(lambda work: work.waiting.send_to(recipient, "a/", "mail"), actor="tests")


async def test_what_begins_with_it_is_withdrawn_and_nothing_else(store: Store) -> None:
    await queue(store, *ALL)

    assert await withdraw(store, "a/b/") == ["a/b/1", "a/b/2"]

    assert await states_in(store) == {
        key: "cancelled" if key in ("a/b/1", "a/b/2") else "queued" for key in ALL
    }
    assert await withdraw(store, "a/b/") == []


async def test_only_what_goes_one_way_is_withdrawn_if_that_is_wanted(store: Store) -> None:
    await queue(store, "a/1")
    await queue(store, "a/2", channel="sms")

    assert await withdraw(store, "a/", "sms") == ["a/2"]

    assert await states_in(store) == {"a/1": "queued", "a/2": "cancelled"}


async def test_what_is_on_its_way_is_not_tried_again_and_may_have_arrived(store: Store) -> None:
    await queue(store, "a/1")
    (leased,) = await lease(store)

    assert await withdraw(store, "a/") == []
    assert await settle(store, "retry", leased, "451 busy", 1_000) == "cancelled"

    assert await states_in(store) == {"a/1": "cancelled"}


async def test_what_was_tried_is_withdrawn_but_may_have_arrived(store: Store) -> None:
    await queue(store, "a/1", "a/2")
    (leased,) = await lease(store, room={"mail": 1})
    await settle(store, "retry", leased, "451 busy", 1_000)

    assert await withdraw(store, "a/") == ["a/2"]

    assert await states_in(store) == {"a/1": "cancelled", "a/2": "cancelled"}


async def test_what_waits_goes_elsewhere_and_what_has_gone_does_not(
    store: Store, clock: FrozenClock
) -> None:
    sms = replace(HELLO, channel="sms", dedupe_key="a/4")
    await queue(store, "a/1")
    (leased,) = await lease(store)
    await settle(store, "sent", leased)
    await queue(store, "a/2", "b/3", not_before_ms=clock.now_ms() + 1)

    async def unit(work: Work) -> None:
        await work.outbox.queue(sms)
        await work.waiting.send_to("new@example.org", "a/", "mail")

    await store.write(unit, actor="tests")

    assert {row["dedupe_key"]: row["recipient"] for row in await rows_in(store)} == {
        "a/1": HELLO.recipient,
        "a/2": "new@example.org",
        "b/3": HELLO.recipient,
        "a/4": HELLO.recipient,
    }


async def test_what_was_given_up_is_withdrawn_too_and_may_have_arrived(store: Store) -> None:
    await queue(store, "a/1")
    (leased,) = await lease(store)
    await settle(store, "fail", leased, "550 no")

    assert await withdraw(store, "a/") == []

    assert await states_in(store) == {"a/1": "cancelled"}


@pytest.mark.parametrize("end", ["retry", "fail"])
async def test_what_was_on_its_way_goes_elsewhere_if_it_is_tried_again(
    store: Store, end: str
) -> None:
    await queue(store, "a/1", "a/2")
    first, second = await lease(store)
    await settle(store, "fail", second, "550 mailbox unknown")

    await send_to(store, "new@example.org")
    await settle(store, end, first, "451 busy", *([0] if end == "retry" else []))

    assert {row["recipient"] for row in await rows_in(store)} == {"new@example.org"}


async def test_what_arrives_meanwhile_is_known_to_have_gone_where_it_went(store: Store) -> None:
    await queue(store, "a/1")
    (leased,) = await lease(store)

    await send_to(store, "new@example.org")
    await settle(store, "sent", leased)

    assert [row["recipient"] for row in await rows_in(store)] == [HELLO.recipient]
