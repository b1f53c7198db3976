"""Messages by what they are about: withdrawn together, sent elsewhere together."""

from dataclasses import replace

import orjson
import pytest

from rpcbackend.store import Store, Work
from rpcbackend.testing import FrozenClock
from tests.factories import add_all, an_id
from tests.store.test_outbox import HELLO, lease, queue, rows_in, settle, states_in

ALL = ("a/b/1", "a/b/2", "a/bc/1", "a/b", "a0", "a/")


async def withdraw(store: Store, about: str, channel: str | None = None) -> list[str]:
    """Return the keys of what surely never was sent."""
    withdrawn = await store.write(lambda work: work.waiting.withdraw(about, channel), actor="tests")
    return [each.key for each in withdrawn if each.is_unsent]


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


# Another way, other hours


async def test_only_what_nobody_tried_to_send_is_untried(store: Store) -> None:
    await queue(store, "a/1", "a/2")
    (leased,) = await lease(store, room={"mail": 1})
    await settle(store, "retry", leased, "451 busy", 1_000)
    await queue(store, "a/3", channel="sms")
    await queue(store, "b/4")

    untried = await store.read(lambda work: work.waiting.untried("a/", "mail"))

    assert [(each.template, each.key) for each in untried] == [("hello", "a/2")]


async def test_what_goes_another_way_keeps_its_id_its_key_and_its_time(
    store: Store, clock: FrozenClock
) -> None:
    at_ms = clock.now_ms() + 5_000
    await queue(store, "a/1", not_before_ms=at_ms)
    (before,) = await rows_in(store)
    sms = replace(HELLO, channel="sms", recipient="+4930123456", payload={"text": "x"})

    await store.write(lambda work: work.waiting.send_otherwise(before["id"], sms), actor="tests")

    assert await lease(store, room={"mail": 1}) == []
    clock.advance(5)
    (leased,) = await lease(store, room={"sms": 1})
    assert (leased.id, leased.message) == (
        before["id"],
        replace(sms, dedupe_key="a/1", not_before_ms=at_ms),
    )


async def test_the_key_of_what_was_withdrawn_is_free_and_no_other_one(store: Store) -> None:
    await queue(store, "a/withdrawn", "b/waits")
    await withdraw(store, "a/")
    for key in ("a/withdrawn", "b/waits"):
        await store.write(lambda work, one=key: work.waiting.free_key(one), actor="tests")  # type: ignore[misc]  # mypy infers no default

    await queue(store, "a/withdrawn", "b/waits")

    states = await states_in(store)
    assert (states.pop("a/withdrawn"), states.pop("b/waits")) == ("queued", "queued")
    [(key, state)] = states.items()
    assert key.startswith("a/withdrawn/msg_")
    assert state == "cancelled"


async def test_what_was_sent_or_is_on_its_way_has_gone_out(store: Store) -> None:
    await queue(store, "a/1", "a/2", "a/3", "b/1")
    first, second, third, _ = await lease(store)
    await settle(store, "sent", first)
    await settle(store, "fail", third, "550 no")

    gone_out = await store.read(lambda work: work.waiting.gone_out("a/", "hello"))
    others = await store.read(lambda work: work.waiting.gone_out("a/", "bye"))

    assert sorted(gone_out) == ["a/1", second.message.dedupe_key]
    assert others == []


async def test_what_was_tried_and_not_sent_may_have_arrived(store: Store) -> None:
    await queue(store, "a/sent", "a/fails", "a/tried", "a/flies", "b/flies")
    for each in await lease(store):
        match each.message.dedupe_key:
            case "a/sent":
                await settle(store, "sent", each)
            case "a/fails":
                await settle(store, "fail", each, "550 no")
            case "a/tried":
                await settle(store, "retry", each, "451 busy", 60_000)
    await queue(store, "a/waits")

    keys = await store.read(lambda work: work.waiting.may_have_arrived("a/"))

    assert sorted(keys) == ["a/fails", "a/flies", "a/tried"]


async def test_other_hours_hold_for_what_has_hours_and_is_not_over(store: Store) -> None:
    night, evening = ("Europe/Berlin", "21:00", "08:00"), ("Europe/Lisbon", "18:00", "09:00")
    await queue(store, "a/sent", quiet=night)
    (leased,) = await lease(store)
    await settle(store, "sent", leased)
    await queue(store, "a/waits", "b/waits", quiet=night)
    await queue(store, "a/any time")

    await store.write(lambda work: work.waiting.leave_alone(evening, "a/"), actor="tests")

    hours = {row["dedupe_key"]: row["quiet"] for row in await rows_in(store)}
    assert {key: orjson.loads(quiet)[1] for key, quiet in hours.items() if quiet} == {
        "a/sent": "21:00",
        "a/waits": "18:00",
        "b/waits": "21:00",
    }
    assert hours["a/any time"] is None


async def test_the_hours_of_a_branch_hold_for_its_own_students_alone(store: Store) -> None:
    await add_all(store)
    night, evening = ("Europe/Berlin", "21:00", "08:00"), ("Europe/Berlin", "18:00", "09:00")
    await queue(store, "own", quiet=night, owner_id=an_id("stu"))
    await queue(store, "of nobody", quiet=night)
    await queue(store, "of another", quiet=night, owner_id=an_id("stu", 404))

    await store.write(
        lambda work: work.waiting.leave_branch_alone(evening, an_id("bra")), actor="tests"
    )

    hours = {row["dedupe_key"]: orjson.loads(row["quiet"])[1] for row in await rows_in(store)}
    assert hours == {"own": "18:00", "of nobody": "21:00", "of another": "21:00"}
