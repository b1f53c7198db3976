"""A command that comes twice with one key takes effect once (rule A2)."""

import asyncio
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from rpcbackend.store import Keyed, Store, StoredReply, Work
from rpcbackend.store.digest import state_hash
from rpcbackend.store.idempotency import FORGOTTEN, HELD_SECONDS, KEPT_SECONDS
from rpcbackend.testing import CallFailedError, Client, FrozenClock
from tests.clauses import clause
from tests.factories import School, claims_in, create_student, keyed, save_branch, store_in

DAY = 24 * 3_600
BEGAN = 1_800_000_000
KEYED = Keyed(actor="a", channel="c", key="k", params_sha256=b"sha")


async def count_keys(store: Store) -> int:
    async def unit(work: Work) -> int:
        row = await work.tx.one("SELECT count(*) FROM idempotency_keys WHERE school_id = :school")
        assert row is not None
        return int(row[0])

    return await store.read(unit)


async def test_the_same_command_again_gets_the_stored_reply_and_does_nothing(
    client: Client, store: Store, clock: FrozenClock
) -> None:
    school = await School(client).open()
    booking = school.booking(**keyed("monday"))
    first = await client.call_with_meta("lessons.book", booking)
    head_seq = store.head_seq
    clock.advance(26 * 3600)

    second = await client.call_with_meta("lessons.book", booking)

    assert first.pop("_meta") == {"seq": head_seq}
    assert second.pop("_meta") == {"replayed": True, "seq": head_seq}
    assert second == first
    assert (store.head_seq, await claims_in(store), await count_keys(store)) == (head_seq, 3, 1)


async def test_the_same_command_many_times_at_once_takes_effect_once(
    client: Client, store: Store
) -> None:
    school = await School(client).open()
    booking = school.booking(**keyed("monday"))

    async with asyncio.timeout(30):
        replies = await asyncio.gather(*(client.start("lessons.book", booking) for _ in range(20)))

    results = [reply["result"] for reply in replies]
    assert sum("replayed" not in result.pop("_meta") for result in results) == 1
    assert results == results[:1] * 20
    assert await claims_in(store) == 3


async def test_a_key_with_other_params_is_refused_and_does_nothing(
    client: Client, store: Store
) -> None:
    school = await School(client).open()
    await client.call("lessons.book", **school.booking(**keyed("monday")))
    head_seq = store.head_seq

    with pytest.raises(CallFailedError) as failed:
        await client.call(
            "lessons.book", **school.booking(startsAt="2026-11-25T09:00:00Z", **keyed("monday"))
        )

    assert (failed.value.code, failed.value.symbol) == (1104, "IDEMPOTENCY_KEY_REUSED")
    assert (store.head_seq, await claims_in(store)) == (head_seq, 3)


async def test_to_leave_something_out_is_not_the_same_as_to_take_it_away(client: Client) -> None:
    """The hash once took both for null, so the removal was answered as if it had been done."""
    branch = await save_branch(client)
    student = await create_student(client, branch["id"], email="ada@example.org")
    params = {"studentId": student["id"], "givenName": "Eva"}
    await client.call("students.update", **params, **keyed("k"))

    with pytest.raises(CallFailedError) as failed:
        await client.call("students.update", **params, email=None, **keyed("k"))

    assert failed.value.symbol == "IDEMPOTENCY_KEY_REUSED"


async def test_a_key_belongs_to_its_channel(client: Client) -> None:
    branch = await save_branch(client, **keyed("k"))

    student = await create_student(client, branch["id"], **keyed("k"))

    assert student["version"] == 1


async def test_a_failure_is_not_stored_so_the_next_try_counts(client: Client, store: Store) -> None:
    school = await School(client).open()
    blocking = await school.book()
    booking = school.booking(**keyed("monday"))
    with pytest.raises(CallFailedError):
        await client.call("lessons.book", **booking)
    assert await count_keys(store) == 0
    await client.call("lessons.cancel", lessonId=blocking["id"], by="school", reasonCode="mistake")

    booked = await client.call_with_meta("lessons.book", booking)

    assert "replayed" not in booked["_meta"]


@clause("idempotency-dry-run")
async def test_a_dry_run_stores_no_reply(client: Client, store: Store) -> None:
    school = await School(client).open()

    await client.call("lessons.book", **school.booking(**keyed("monday", dryRun=True)))

    assert await count_keys(store) == 0
    booked = await client.call_with_meta("lessons.book", school.booking(**keyed("monday")))
    assert "replayed" not in booked["_meta"]


@clause("idempotency-dry-run")
async def test_a_dry_run_with_the_key_of_what_was_done_answers_that_and_does_nothing(
    client: Client, store: Store
) -> None:
    done = await client.call("branches.save", **branch_params())
    left = await state_hash(store)

    again = await client.call_with_meta("branches.save", branch_params(dryRun=True))
    with pytest.raises(CallFailedError) as failed:
        await client.call("branches.save", **branch_params(dryRun=True) | {"name": "Nord"})

    assert again == done | {"_meta": {"replayed": True, "seq": 1}}
    assert failed.value.symbol == "IDEMPOTENCY_KEY_REUSED"
    assert await state_hash(store) == left


@clause("idempotency-upgrade")
async def test_what_an_older_version_answered_is_answered_again_as_it_is(
    client: Client, store: Store
) -> None:
    await client.call("branches.save", **branch_params())

    async def unit(work: Work) -> None:
        await work.tx.run(
            "UPDATE idempotency_keys SET result = :old WHERE school_id = :school",
            old='{"title":"Mitte","since":[1998,null]}',
        )

    await store.write(unit, actor="tests")

    assert await client.call("branches.save", **branch_params()) == {
        "title": "Mitte",
        "since": [1998, None],
    }


# For how long


async def is_kept(client: Client, key: str = "k") -> bool:
    """Deliver again what was done by the key, and tell whether its reply came."""
    again = await client.call_with_meta("branches.save", branch_params(key))
    return "replayed" in again["_meta"]


def branch_params(key: str = "k", **meta: Any) -> dict[str, Any]:
    return {"name": "Mitte", "zone": "UTC", "currency": "EUR"} | keyed(key, **meta)


@clause("idempotency-kept")
async def test_a_reply_is_kept_for_72_hours_and_as_long_as_nothing_else_happens(
    client: Client, clock: FrozenClock
) -> None:
    await client.call("branches.save", **branch_params())
    clock.advance(KEPT_SECONDS - 1)
    await client.call("branches.save", **branch_params("other"))
    clock.advance(HELD_SECONDS)

    assert await is_kept(client)
    clock.advance(30 * DAY)
    assert await is_kept(client)


@clause("idempotency-kept")
async def test_a_reply_ends_when_another_one_was_kept_after_72_hours_ten_minutes_ago(
    client: Client, clock: FrozenClock
) -> None:
    await client.call("branches.save", **branch_params())
    clock.advance(KEPT_SECONDS)
    await client.call("branches.save", **branch_params("other"))
    clock.advance(HELD_SECONDS - 1)
    assert await is_kept(client)

    clock.advance(1)

    assert not await is_kept(client)
    assert await is_kept(client)


@clause("idempotency-kept")
async def test_a_clock_that_is_far_ahead_for_some_minutes_costs_no_reply(
    client: Client, clock: FrozenClock
) -> None:
    await client.call("branches.save", **branch_params())

    clock.set_wall(400 * DAY)
    assert await is_kept(client)
    await client.call("branches.save", **branch_params("meanwhile"))
    clock.advance(HELD_SECONDS - 1)
    await client.call("branches.save", **branch_params("and later"))
    assert await is_kept(client)
    clock.set_wall(-400 * DAY)
    await client.call("branches.save", **branch_params("right again"))

    assert [await is_kept(client, key) for key in ("k", "meanwhile", "right again")] == [True] * 3


@clause("idempotency-kept")
async def test_a_clock_that_fell_back_costs_no_reply_while_it_is_wrong_nor_when_it_is_right_again(
    client: Client, clock: FrozenClock
) -> None:
    await client.call("branches.save", **branch_params("before"))

    clock.set_wall(-20_000 * DAY)
    await client.call("branches.save", **branch_params("meanwhile"))
    assert await is_kept(client, "before")
    clock.set_wall(20_000 * DAY)
    await client.call("branches.save", **branch_params("right again"))
    clock.advance(HELD_SECONDS)
    await client.call("branches.save", **branch_params("and later"))

    assert [await is_kept(client, key) for key in ("before", "meanwhile")] == [True, True]


async def test_a_clock_that_falls_back_brings_no_reply_back_that_another_one_replaced(
    client: Client, clock: FrozenClock
) -> None:
    await client.call("branches.save", **branch_params())
    clock.advance(KEPT_SECONDS)
    await client.call("branches.save", **branch_params("other"))
    clock.advance(HELD_SECONDS)
    newer = await client.call("branches.save", **branch_params())

    clock.set_wall(-2 * KEPT_SECONDS)

    assert await client.call("branches.save", **branch_params()) == newer


RIGHT = some.lists(some.integers(0, 30 * 3_600), max_size=6)


@clause("idempotency-kept")
@settings(max_examples=50)
@given(RIGHT, some.integers(-30_000, 30_000), some.integers(0, HELD_SECONDS - 1), RIGHT)
async def test_no_reply_is_lost_in_72_hours_when_the_clock_is_wrong_for_some_minutes(
    before: list[int], wrong_days: int, seconds: int, after: list[int]
) -> None:
    """Commands come with these pauses, in seconds, before and after the clock is wrong."""
    passed, kept = 0, dict[str, int]()

    async def check_and_keep(work: Work, wrong_days: int = 0) -> list[str]:
        keys, key = work.idempotency_keys, f"k{len(kept)}"
        now = max(0, BEGAN + passed + wrong_days * DAY)
        # Those that were kept while the clock was behind are as of a time before it was.
        young = [each for each, at in kept.items() if passed - at < KEPT_SECONDS - HELD_SECONDS]
        found = {each: await keys.find(replace(KEYED, key=each), now) for each in young}
        await keys.keep(replace(KEYED, key=key), b"{}", now)
        kept[key] = passed
        return [each for each in young if found[each] is None]

    async def unit(work: Work) -> list[str]:
        nonlocal passed
        lost = await check_and_keep(work)
        for pause in before:
            passed += pause
            lost += await check_and_keep(work)
        lost += await check_and_keep(work, wrong_days)
        passed += seconds
        lost += await check_and_keep(work, wrong_days)
        for pause in (0, *after):
            passed += pause
            lost += await check_and_keep(work)
        return lost

    async with store_in(None) as store:
        assert await store.write(unit, actor="tests") == []


async def test_a_key_on_a_question_changes_nothing(client: Client, store: Store) -> None:
    answer = await client.call_with_meta("audit.list", keyed("k"))

    assert answer == {"items": [], "nextCursor": None, "_meta": {"seq": 0}}
    assert await count_keys(store) == 0


async def test_keeping_a_reply_forgets_some_of_those_that_have_ended(store: Store) -> None:
    old = 250

    async def keep_old(work: Work) -> None:
        for number in range(old):
            await work.idempotency_keys.keep(replace(KEYED, key=f"old {number}"), b"{}", BEGAN)
        await work.idempotency_keys.keep(replace(KEYED, key="new"), b"{}", BEGAN + KEPT_SECONDS)

    async def keep(key: str) -> None:
        later = BEGAN + KEPT_SECONDS + HELD_SECONDS
        await store.write(
            lambda work: work.idempotency_keys.keep(replace(KEYED, key=key), b"{}", later),
            actor="tests",
        )

    await store.write(keep_old, actor="tests")
    counts = []
    for number in range(4):
        await keep(f"new {number}")
        counts.append(await count_keys(store))

    # What one command forgets is bounded; those that are kept are the newest.
    assert counts == [1 + old - FORGOTTEN + 1, 1 + old - 2 * FORGOTTEN + 2, 4, 5]


@pytest.mark.parametrize("other", [{"actor": "b"}, {"channel": "d"}, {"key": "l"}], ids=str)
async def test_a_reply_is_found_only_by_caller_channel_and_key(
    store: Store, other: dict[str, str]
) -> None:
    names = {"actor": "a", "channel": "c", "key": "k"} | other

    async def unit(work: Work) -> StoredReply | None:
        await work.idempotency_keys.keep(KEYED, b"{}", 0)
        return await work.idempotency_keys.find(Keyed(**names, params_sha256=b"sha"), 0)

    assert await store.write(unit, actor="tests") is None
