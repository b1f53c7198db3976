"""Which messages are due, and how many of them one recipient is given at once."""

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some

from rpcbackend.store import Store
from rpcbackend.testing import FrozenClock
from tests.factories import store_in
from tests.store.test_outbox import keys_of, lease, queue, rows_in, settle

MINUTE_MS = 60_000
TO_ONE = {"webhook": 2}


async def next_at(store: Store) -> int | None:
    return await store.read(lambda work: work.due.next_at_ms("webhook", 2))


async def held_in(store: Store) -> list[str]:
    return [row["id"] for row in await rows_in(store) if row["state"] == "sending"]


async def test_a_recipient_is_given_no_more_than_his_share_and_the_next_one_his(
    store: Store,
) -> None:
    await queue(store, "a1", "a2", "a3", channel="webhook", recipient="a")
    await queue(store, "b1", channel="webhook", recipient="b")
    await queue(store, "c1", "c2", "c3", channel="webhook", recipient="c")

    first = await lease(store, room={"webhook": 4}, to_one=TO_ONE)
    rest = await lease(store, held=await held_in(store), room={"webhook": 4}, to_one=TO_ONE)

    assert keys_of(first) == ["a1", "a2", "b1", "c1"]
    assert keys_of(rest) == ["c2"]
    await settle(store, "sent", first[0])
    again = await lease(store, held=await held_in(store), room={"webhook": 4}, to_one=TO_ONE)
    assert keys_of(again) == ["a3"]


async def test_what_waits_for_a_slow_recipient_is_not_due_but_what_others_get_is(
    store: Store, clock: FrozenClock
) -> None:
    soon_ms = clock.now_ms() + MINUTE_MS
    await queue(store, "a1", "a2", "a3", channel="webhook", recipient="a")
    await queue(store, "b1", channel="webhook", recipient="b", not_before_ms=soon_ms)
    assert await next_at(store) == clock.now_ms()

    await lease(store, room={"webhook": 4}, to_one=TO_ONE)

    assert await next_at(store) == soon_ms


async def test_whoever_is_left_alone_is_given_nothing_and_nothing_of_his_is_due(
    store: Store, clock: FrozenClock
) -> None:
    await queue(store, "a1", channel="webhook", recipient="a")
    await queue(store, "b1", channel="webhook", recipient="b")

    leases = await lease(store, room={"webhook": 4}, to_one=TO_ONE, resting=["a"])

    async def next_at_ms(*resting: str) -> int | None:
        return await store.read(lambda work: work.due.next_at_ms("webhook", 2, resting))

    assert keys_of(leases) == ["b1"]
    assert (await next_at_ms("a"), await next_at_ms()) == (None, clock.now_ms())


async def test_those_that_stand_behind_go_when_nothing_else_is_due(store: Store) -> None:
    await queue(store, "first", "second", "third")
    behind = [row["id"] for row in await rows_in(store) if row["dedupe_key"] != "third"]

    others = await lease(store, room={"mail": 2}, behind=behind)
    last = await lease(store, held=await held_in(store), room={"mail": 1}, behind=behind)

    assert (keys_of(others), keys_of(last)) == (["third"], ["first"])


@settings(max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    recipients=some.lists(some.sampled_from("abcd"), max_size=30),
    rooms=some.lists(some.integers(1, 9), min_size=1, max_size=6),
    most=some.integers(1, 4),
)
async def test_whatever_is_due_everybody_has_his_share_the_oldest_first_and_no_place_stays_free(
    recipients: list[str], rooms: list[int], most: int
) -> None:
    async with store_in(None) as store:
        for number, recipient in enumerate(recipients):
            await queue(store, f"{number:02}", channel="webhook", recipient=recipient)
        waiting, sending = list(enumerate(recipients)), list[str]()
        for room in rooms:
            expected = list[str]()
            for number, recipient in list(waiting):
                if len(expected) < room and sending.count(recipient) < most:
                    expected.append(f"{number:02}")
                    sending.append(recipient)
                    waiting.remove((number, recipient))

            leases = await lease(
                store,
                held=await held_in(store),
                room={"webhook": room},
                to_one={"webhook": most},
            )

            assert sorted(keys_of(leases)) == expected
