"""A command that comes twice with one key takes effect once (rule A2)."""

import asyncio
from typing import Any

import pytest

from rpcbackend.store import Keyed, Store, Work
from rpcbackend.store.idempotency import KEPT_SECONDS, StoredReply
from rpcbackend.testing import CallFailedError, Client, FrozenClock
from tests.factories import School, claims_in, create_student, save_branch

KEYED = Keyed(actor="a", channel="c", key="k", params_sha256=b"sha")


def keyed(key: str, **meta: Any) -> dict[str, Any]:
    return {"_meta": {"idempotencyKey": key} | meta}


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

    async with asyncio.timeout(5):
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


async def test_a_dry_run_stores_no_reply(client: Client, store: Store) -> None:
    school = await School(client).open()

    await client.call("lessons.book", **school.booking(**keyed("monday", dryRun=True)))

    assert await count_keys(store) == 0
    assert (
        "replayed"
        not in (await client.call_with_meta("lessons.book", school.booking(**keyed("monday"))))[
            "_meta"
        ]
    )


@pytest.mark.parametrize(("seconds", "replayed"), [(KEPT_SECONDS - 1, True), (KEPT_SECONDS, False)])
async def test_a_reply_is_kept_for_72_hours(
    client: Client, clock: FrozenClock, seconds: int, replayed: bool
) -> None:
    first = await client.call("branches.save", **branch_params())
    clock.advance(seconds)

    second = await client.call_with_meta("branches.save", branch_params())

    assert second.pop("_meta").get("replayed", False) is replayed
    assert (second == first) is replayed


def branch_params() -> dict[str, Any]:
    return {"name": "Mitte", "zone": "UTC", "currency": "EUR"} | keyed("k")


async def test_a_key_on_a_question_changes_nothing(client: Client, store: Store) -> None:
    answer = await client.call_with_meta("branches.list", keyed("k"))

    assert answer == {"items": [], "_meta": {"seq": 0}}
    assert await count_keys(store) == 0


async def test_keeping_a_reply_forgets_those_that_have_expired(store: Store) -> None:
    async def unit(work: Work) -> list[StoredReply | None]:
        keys = work.idempotency_keys
        old = Keyed(actor="a", channel="c", key="old", params_sha256=b"old")
        await keys.keep(old, b'{"a":1}', 0)
        found = [await keys.find(old, KEPT_SECONDS - 1), await keys.find(old, KEPT_SECONDS)]
        await keys.keep(KEYED, b"{}", KEPT_SECONDS)
        return [*found, await keys.find(old, 0), await keys.find(KEYED, KEPT_SECONDS)]

    assert await store.write(unit, actor="tests") == [
        StoredReply(b"old", b'{"a":1}'),
        None,
        None,
        StoredReply(b"sha", b"{}"),
    ]
    assert await count_keys(store) == 1


@pytest.mark.parametrize("other", [{"actor": "b"}, {"channel": "d"}, {"key": "l"}], ids=str)
async def test_a_reply_is_found_only_by_caller_channel_and_key(
    store: Store, other: dict[str, str]
) -> None:
    names = {"actor": "a", "channel": "c", "key": "k"} | other

    async def unit(work: Work) -> StoredReply | None:
        await work.idempotency_keys.keep(KEYED, b"{}", 0)
        return await work.idempotency_keys.find(Keyed(**names, params_sha256=b"sha"), 0)

    assert await store.write(unit, actor="tests") is None
