"""What was said and to whom is kept for 90 days, and that it was, for two years."""

from rpcbackend.store import Store
from rpcbackend.store.old_messages import FORGOTTEN_AT_ONCE, KNOWN_MS, TOLD_MS, forget_messages
from rpcbackend.testing import FrozenClock
from tests.store.test_outbox import lease, queue, rows_in, settle, states_in, withdraw


async def forget(store: Store) -> int:
    return await store.write(lambda work: forget_messages(work.tx, work.now_ms), actor="tests")


async def test_after_ninety_days_nobody_can_read_what_was_sent_and_it_is_sent_no_second_time(
    store: Store, clock: FrozenClock
) -> None:
    await queue(store)
    [good] = await lease(store)
    await settle(store, "sent", good, "ref")
    clock.advance(TOLD_MS / 1_000 - 1)
    assert await forget(store) == 0

    clock.advance(1)

    assert await forget(store) == 1
    [row] = await rows_in(store)
    assert (row["recipient"], row["payload"], row["state"]) == ("", "{}", "sent")
    assert await forget(store) == 0
    assert await queue(store) == [False]


async def test_after_two_years_it_is_gone(store: Store, clock: FrozenClock) -> None:
    await queue(store)
    [good] = await lease(store)
    await settle(store, "sent", good, "ref")
    clock.advance(KNOWN_MS / 1_000)

    assert await forget(store) == 2
    assert await rows_in(store) == []


async def test_what_was_never_sent_is_gone_after_ninety_days_and_what_waits_stays(
    store: Store, clock: FrozenClock
) -> None:
    await queue(store, "withdrawn", "failed", "waits")
    await withdraw(store, "withdrawn")
    for each in await lease(store, room={"mail": 1}):
        await settle(store, "fail", each, "no such address")
    clock.advance(TOLD_MS / 1_000)

    assert await forget(store) == 2
    assert await states_in(store) == {"waits": "queued"}
    assert await queue(store, "failed") == [True]


async def test_some_are_forgotten_at_a_time(store: Store, clock: FrozenClock) -> None:
    keys = [str(number) for number in range(FORGOTTEN_AT_ONCE + 1)]
    await queue(store, *keys)
    for key in keys:
        await withdraw(store, key)
    clock.advance(TOLD_MS / 1_000)

    assert [await forget(store) for _ in range(3)] == [FORGOTTEN_AT_ONCE, 1, 0]
