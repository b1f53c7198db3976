"""Messages to the world outside: with their cause or not at all, once, and never lost."""

import re
from collections.abc import Collection
from dataclasses import replace
from typing import Any

import pytest

from rpcbackend.store import (
    Ended,
    Lease,
    Message,
    Store,
    Work,
    due,
    outbox,
    waiting,
    webhooks,
)
from rpcbackend.store.driver import IntegrityError
from rpcbackend.store.outbox import LONGEST_WAIT_SECONDS, MAX_ATTEMPTS
from rpcbackend.testing import FrozenClock
from tests.clauses import clause
from tests.factories import make_branch

HELLO = Message(
    channel="mail",
    recipient="ada@example.org",
    template="hello",
    payload={"name": "Ada"},
    dedupe_key="hello ada",
)
MINUTE_MS = 60_000


async def queue(store: Store, *keys: str, **given: Any) -> list[bool]:
    async def unit(work: Work) -> list[bool]:
        return [
            await work.outbox.queue(replace(HELLO, dedupe_key=key, **given))
            for key in keys or (HELLO.dedupe_key,)
        ]

    return await store.write(unit, actor="tests")


async def withdraw(store: Store, key: str = HELLO.dedupe_key) -> bool:
    return await store.write(lambda work: work.outbox.withdraw(key), actor="tests")


async def lease(
    store: Store, epoch: int = 1, *, held: Collection[str] = (), **given: Any
) -> list[Lease]:
    """Lease messages, as a process does that has these."""

    async def unit(work: Work) -> list[Lease]:
        await work.outbox.take_back(held)
        return await work.due.lease(epoch, held=held, **{"room": {"mail": 10}} | given)

    return await store.write(unit, actor="tests")


async def settle(store: Store, how: str, lease: Lease, *args: Any) -> str | None:
    async def unit(work: Work) -> str | None:
        settled: str | None = await getattr(work.outbox, how)(lease, *args)
        return settled

    return await store.write(unit, actor="tests")


async def rows_in(store: Store) -> list[dict[str, Any]]:
    async def unit(work: Work) -> list[dict[str, Any]]:
        rows = await work.tx.all("SELECT * FROM outbox WHERE school_id = :school ORDER BY id")
        return [dict(row) for row in rows]

    return await store.read(unit)


async def states_in(store: Store) -> dict[str, str]:
    """Return the states of all messages by their dedupe keys."""
    return {row["dedupe_key"]: row["state"] for row in await rows_in(store)}


def ids_of(leases: list[Lease]) -> list[str]:
    return [lease.id for lease in leases]


def keys_of(leases: list[Lease]) -> list[str]:
    return [lease.message.dedupe_key for lease in leases]


# Written with the cause


@clause("outbox-with-its-cause")
async def test_a_message_is_there_if_its_cause_is_and_not_otherwise(store: Store) -> None:
    async def cause(work: Work) -> None:
        await work.branches.put(make_branch())
        await work.outbox.queue(HELLO)

    async def fails(work: Work) -> None:
        await cause(work)
        raise LookupError

    with pytest.raises(LookupError):
        await store.write(fails, actor="tests")
    await store.write(cause, actor="tests", keep=False)
    assert await rows_in(store) == []

    await store.write(cause, actor="tests")

    assert await states_in(store) == {"hello ada": "queued"}


@clause("outbox-one-per-dedupe-key")
async def test_a_dedupe_key_is_good_for_one_message_whatever_becomes_of_it(store: Store) -> None:
    assert await queue(store, "sent", "failed", "withdrawn") == [True, True, True]
    await withdraw(store, "withdrawn")
    sent, failed = await lease(store)
    await settle(store, "sent", sent)
    await settle(store, "fail", failed, "no such address")

    assert await queue(store, "sent", "failed", "withdrawn") == [False, False, False]

    assert len(await rows_in(store)) == 3
    assert await lease(store) == []


@pytest.mark.parametrize("state", ["sending", "sent", "cancelled"])
async def test_the_database_itself_lets_a_message_begin_as_queued_alone(
    store: Store, state: str
) -> None:
    async def unit(work: Work) -> None:
        await work.tx.run(
            "INSERT INTO outbox SELECT :school, 'm', 'c', 'r', 't', '{}', 'k', :state, 0, 0, 0, 0,"
            " 0, 0, NULL, NULL, iif(:state = 'sending', NULL, 0), NULL, NULL, NULL, NULL",
            state=state,
        )

    with pytest.raises(IntegrityError, match="outbox_begins_queued"):
        await store.write(unit, actor="tests")


STATES = ["queued", "sending", "sent", "delivered", "bounced", "failed", "cancelled"]
STEPS = {
    *(("queued", "sending"), ("queued", "cancelled")),
    *(("sending", "sent"), ("sending", "queued"), ("sending", "failed")),
    *(("failed", "queued"), ("failed", "cancelled")),
    *(("sent", "delivered"), ("sent", "bounced")),
}
"""The machine of domain.md section 2.3, and what outbox.retry does with what was given up."""
WAYS = {
    "queued": [],
    "sending": ["sending"],
    "sent": ["sending", "sent"],
    "delivered": ["sending", "sent", "delivered"],
    "bounced": ["sending", "sent", "bounced"],
    "failed": ["sending", "failed"],
    "cancelled": ["cancelled"],
}


@pytest.mark.parametrize("before", STATES)
@pytest.mark.parametrize("after", STATES)
async def test_the_database_itself_refuses_every_step_that_is_not_in_the_machine(
    store: Store, before: str, after: str
) -> None:
    await queue(store)

    async def step(work: Work, state: str) -> None:
        await work.tx.run(
            "UPDATE outbox SET state = :state,"
            " ended_at = iif(:state IN ('queued', 'sending'), NULL, 0) WHERE school_id = :school",
            state=state,
        )

    for state in WAYS[before]:
        await store.write(lambda work, to=state: step(work, to), actor="tests")  # type: ignore[misc]  # mypy infers no default

    if (before, after) in STEPS:
        await store.write(lambda work: step(work, after), actor="tests")
        assert await states_in(store) == {"hello ada": after}
        return
    with pytest.raises(IntegrityError, match="outbox_transitions"):
        await store.write(lambda work: step(work, after), actor="tests")


# Leased


async def test_a_lease_tells_all_of_the_message_and_which_try_it_is(store: Store) -> None:
    await queue(store)

    [first] = await lease(store)

    [row] = await rows_in(store)
    assert first == Lease(
        id=row["id"],
        epoch=1,
        number=1,
        attempt=1,
        message=replace(HELLO, not_before_ms=row["created_at"]),
    )
    assert "ada" not in repr(replace(first, message=replace(HELLO, dedupe_key="k")))
    await settle(store, "retry", first, "busy", 0)
    [second] = await lease(store)
    assert second == replace(first, number=2, attempt=2)


async def test_the_longest_due_come_first_and_none_before_its_time(
    store: Store, clock: FrozenClock
) -> None:
    now = clock.now_ms()
    await queue(store, "in two minutes", not_before_ms=now + 2 * MINUTE_MS)
    await queue(store, "in a minute", not_before_ms=now + MINUTE_MS)
    await queue(store, "now")

    leases = await lease(store)
    assert keys_of(leases) == ["now"]
    clock.advance(59.999)
    assert await lease(store, held=ids_of(leases)) == []
    clock.advance(60.001)
    leases += await lease(store, held=ids_of(leases), room={"mail": 1})
    leases += await lease(store, held=ids_of(leases), room={"mail": 1})
    assert keys_of(leases) == ["now", "in a minute", "in two minutes"]


async def test_what_is_held_is_not_leased_again_whatever_the_store_says_of_it(
    store: Store,
) -> None:
    """In a store that was restored it may wait, or be leased by another epoch."""
    await queue(store, "waits", "on its way")
    [first, second] = await lease(store)
    await settle(store, "give_back", first)

    assert await lease(store, epoch=2, held=[first.id, second.id]) == []

    assert await states_in(store) == {"waits": "queued", "on its way": "sending"}
    assert keys_of(await lease(store, epoch=2)) == ["waits", "on its way"]


@clause("outbox-leases")
async def test_a_clock_that_falls_back_holds_up_nothing_but_what_was_to_wait(
    store: Store, clock: FrozenClock
) -> None:
    await queue(store, "later", not_before_ms=clock.now_ms() + MINUTE_MS)
    await queue(store, "now", "again")
    for each in await lease(store):
        if each.message.dedupe_key == "again":
            await settle(store, "retry", each, "451 busy", MINUTE_MS)
        else:
            await settle(store, "give_back", each)

    clock.set_wall(-LONGEST_WAIT_SECONDS)

    assert sorted(keys_of(await lease(store))) == ["again", "now"]


async def test_a_channel_that_is_switched_off_keeps_its_messages(store: Store) -> None:
    await queue(store, "mail")
    await queue(store, "text", channel="sms")

    assert keys_of(await lease(store, room={"sms": 10})) == ["text"]
    assert await states_in(store) == {"mail": "queued", "text": "sending"}


async def test_it_is_known_when_the_next_message_is_due(store: Store, clock: FrozenClock) -> None:
    async def next_at() -> int | None:
        return await store.read(lambda work: work.due.next_at_ms("mail"))

    assert await next_at() is None
    await queue(store, "later", not_before_ms=clock.now_ms() + MINUTE_MS)
    assert await next_at() == clock.now_ms() + MINUTE_MS
    await queue(store, "now")
    assert await next_at() == clock.now_ms()
    await lease(store)
    assert await next_at() == clock.now_ms() + MINUTE_MS


@clause("outbox-leases")
@pytest.mark.parametrize("days", [-400, 0, 400], ids=["clock back", "clock right", "clock ahead"])
async def test_a_lease_holds_in_its_process_and_for_no_other_whatever_the_clock_says(
    store: Store, clock: FrozenClock, days: int
) -> None:
    await queue(store)
    [first] = await lease(store, epoch=1)

    clock.set_wall(days * 24 * 3600)
    assert await lease(store, epoch=1, held=[first.id]) == []
    [taken_over] = await lease(store, epoch=2, held=[])

    assert (taken_over.id, taken_over.epoch, taken_over.attempt) == (first.id, 2, 2)
    assert not await settle(store, "sent", first)
    assert await settle(store, "sent", taken_over)


@clause("outbox-leases")
async def test_a_lease_that_has_ended_goes_to_the_next_and_its_holder_can_mark_nothing(
    store: Store,
) -> None:
    await queue(store)
    [slow] = await lease(store)
    [quick] = await lease(store, held=[])

    for how, *args in (["sent"], ["retry", "late", 0], ["fail", "late"], ["give_back"]):
        assert not await settle(store, str(how), slow, *args)

    assert await states_in(store) == {"hello ada": "sending"}
    assert await settle(store, "sent", quick, "ref 1")
    [row] = await rows_in(store)
    assert (row["state"], row["provider_ref"], row["attempts"]) == ("sent", "ref 1", 2)
    assert not await settle(store, "sent", quick)


async def test_every_process_that_sends_has_an_epoch_of_its_own(store: Store) -> None:
    async def begin() -> int:
        return await store.write(lambda work: work.outbox.begin_epoch(), actor="tests")

    assert [await begin() for _ in range(3)] == [1, 2, 3]


# Tried again


async def test_what_failed_is_tried_again_after_its_wait(store: Store, clock: FrozenClock) -> None:
    await queue(store)
    [first] = await lease(store)

    assert await settle(store, "retry", first, "451 busy", MINUTE_MS)

    assert await lease(store) == []
    [row] = await rows_in(store)
    assert (row["failure"], row["ended_at"]) == ("451 busy", None)
    clock.advance(60)
    assert [again.attempt for again in await lease(store)] == [2]


@clause("outbox-dead-letter")
@pytest.mark.parametrize("lost", [False, True], ids=["refused", "lost"])
async def test_after_fourteen_tries_a_message_is_given_up(store: Store, lost: bool) -> None:
    await queue(store)
    attempts: list[int] = []

    while leases := await lease(store, epoch=len(attempts) + 1):
        attempts.append(leases[0].attempt)
        if not lost:
            await settle(store, "retry", leases[0], "451 busy", 0)

    assert attempts == list(range(1, MAX_ATTEMPTS + 1))
    [row] = await rows_in(store)
    assert (row["state"], row["failure"]) == ("failed", "no answer" if lost else "451 busy")
    assert row["ended_at"] is not None


async def test_what_is_given_back_was_no_try(store: Store) -> None:
    await queue(store)

    for _ in range(2 * MAX_ATTEMPTS):
        [first] = await lease(store)
        assert first.attempt == 1
        assert await settle(store, "give_back", first)

    assert await states_in(store) == {"hello ada": "queued"}


async def test_what_no_try_can_help_is_given_up_at_once(store: Store) -> None:
    await queue(store)
    [first] = await lease(store)

    assert await settle(store, "fail", first, "550 no such user")

    assert await lease(store, epoch=2) == []
    assert await states_in(store) == {"hello ada": "failed"}


# Withdrawn


@clause("outbox-withdraw")
async def test_what_is_withdrawn_before_it_is_sent_never_is(store: Store) -> None:
    await queue(store)

    assert await withdraw(store)
    assert await withdraw(store)
    assert await withdraw(store, "never queued")

    assert await lease(store) == []
    assert await states_in(store) == {"hello ada": "cancelled"}


@clause("outbox-withdraw")
@pytest.mark.parametrize(
    ("end", "args", "state"),
    [
        ("sent", [], "sent"),
        ("retry", ["451 busy", 0], "cancelled"),
        ("fail", ["550 no"], "failed"),
        ("give_back", [], "cancelled"),
        ("lost", [], "cancelled"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
async def test_what_is_withdrawn_on_its_way_is_not_tried_again(
    store: Store, end: str, args: list[Any], state: str
) -> None:
    await queue(store)
    [first] = await lease(store)

    assert not await withdraw(store)

    if end != "lost":
        assert await settle(store, end, first, *args)
    assert await lease(store, epoch=2) == []
    assert await states_in(store) == {"hello ada": state}


async def test_what_was_given_up_is_withdrawn_and_may_have_arrived(store: Store) -> None:
    await queue(store)
    [first] = await lease(store)
    await settle(store, "fail", first, "550 no")

    assert not await withdraw(store)

    assert await states_in(store) == {"hello ada": "cancelled"}


async def test_what_was_tried_before_may_have_arrived_when_it_is_withdrawn(store: Store) -> None:
    await queue(store)
    [first] = await lease(store)
    await settle(store, "retry", first, "no answer", 0)

    assert not await withdraw(store)

    assert await states_in(store) == {"hello ada": "cancelled"}


# For the sender


async def test_each_channel_has_room_of_its_own(store: Store) -> None:
    await queue(store, "one", "two", "three")
    await queue(store, "text", channel="sms")

    leases = await lease(store, room={"mail": 2, "sms": 2, "webhook": 2})

    assert keys_of(leases) == ["one", "two", "text"]


async def test_a_message_that_tries_a_provider_out_goes_though_its_channel_does_not(
    store: Store,
) -> None:
    async def has_test() -> bool:
        return await store.read(lambda work: work.due.has_test("mail"))

    await queue(store, "other")
    await queue(store, "pinned", via="prv_1")
    assert not await has_test()
    await queue(store, "test", template="providers.test", via="prv_1")
    assert await has_test()

    assert keys_of(await lease(store, room={}, tests_of=["mail"])) == ["test"]


async def test_what_may_have_arrived_by_one_provider_is_not_given_to_another(
    store: Store, clock: FrozenClock
) -> None:
    await queue(store)
    [first] = await lease(store)
    assert first.message.via is None

    assert await settle(store, "retry", first, "no answer", MINUTE_MS, "prv_1") == "queued"

    clock.advance(60)
    [second] = await lease(store)
    assert second.message.via == "prv_1"


async def test_no_wait_is_longer_than_the_longest_whatever_the_receiver_asks(
    store: Store, clock: FrozenClock
) -> None:
    await queue(store)
    [first] = await lease(store)

    await settle(store, "retry", first, "429", 30 * 24 * 60 * MINUTE_MS)

    assert await lease(store) == []
    clock.advance(LONGEST_WAIT_SECONDS)
    assert len(await lease(store)) == 1


async def test_what_is_given_back_until_some_time_waits_so_long_and_was_no_try(
    store: Store, clock: FrozenClock
) -> None:
    await queue(store, quiet=("Europe/Berlin", "21:00", "08:00"))
    [first] = await lease(store)
    assert first.message.quiet == ("Europe/Berlin", "21:00", "08:00")

    assert await settle(store, "give_back", first, clock.now_ms() + MINUTE_MS) == "queued"

    assert await lease(store) == []
    clock.advance(60)
    [second] = await lease(store)
    assert second.attempt == 1


async def test_what_is_of_no_use_any_more_is_cancelled_and_told(
    store: Store, clock: FrozenClock
) -> None:
    async def drop() -> list[Ended]:
        return await store.write(lambda work: work.outbox.drop_late(), actor="tests")

    soon = clock.now_ms() + MINUTE_MS
    await queue(store, "reminder", not_after_ms=soon, owner_id="stu_1")
    await queue(store, "always")
    assert await drop() == []
    clock.advance(60)

    [dropped] = await drop()

    assert (dropped.channel, dropped.owner_id) == ("mail", "stu_1")
    assert await states_in(store) == {"reminder": "cancelled", "always": "queued"}
    assert [row["failure"] for row in await rows_in(store)] == ["it was too late", None]


@pytest.mark.sqlite
async def test_neither_what_waits_for_another_day_nor_what_was_sent_is_looked_at(
    store: Store,
) -> None:
    """The statements seek in the indexes that were made for them: none walks over a school's."""
    statements = [due.LEASE_DUE, due.NEXT_AT, due.LEASE_TESTS, due.HAS_TEST, due.ON_THEIR_WAY]
    statements += [outbox.LOST, outbox.CANCEL, outbox.CANCEL_BY_KEY, waiting.HOURS_OF_BRANCH]
    statements += [webhooks.CROWDED, webhooks.DELIVERIES, webhooks.CANCEL, webhooks.WITHDRAW]

    async def plans(work: Work) -> list[str]:
        names: list[str] = re.findall(r":([a-z_]+)", " ".join(statements))
        named: dict[str, Any] = dict.fromkeys(names, 1)
        named |= {"full": "[]", "left": "[]", "held": "[]"}
        told = []
        for statement in statements:
            rows = await work.tx.all(f"EXPLAIN QUERY PLAN {statement}", **named)
            told += [row["detail"] for row in rows]
        return told

    seen = [step for step in await store.read(plans) if " outbox" in step]

    assert len(seen) >= len(statements)
    assert {step.split(" ")[0] for step in seen} == {"SEARCH"}
    assert [step for step in seen if step.endswith("(school_id=?)")] == []


async def test_the_sender_is_woken_by_commits_that_queue_and_by_no_others(store: Store) -> None:
    woken: list[None] = []
    store.on_outgoing.append(lambda: woken.append(None))

    async def others(work: Work) -> None:
        await work.branches.put(make_branch())

    await store.write(others, actor="tests")
    await store.write(lambda work: work.outbox.queue(HELLO), actor="tests", keep=False)
    assert not woken

    await queue(store)
    assert len(woken) == 1
    await queue(store)
    await lease(store)
    assert len(woken) == 1
