"""What reads on a server promise: one snapshot, whether it is one statement or many."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from rpcbackend.store import Place, Store, Work, open_server_store

pytestmark = pytest.mark.postgresql


@pytest.fixture
async def store(place: Place) -> AsyncIterator[Store]:
    """It, opened by one process."""
    store = await open_server_store(place)
    try:
        yield store
    finally:
        await store.close()


async def leave(work: Work) -> None:
    await work.record("x.y", ("a", "b", 1), {})


async def test_all_statements_of_a_read_see_the_same_whatever_is_committed_between_them(
    store: Store,
) -> None:
    """The first goes without a transaction; what is committed behind it sends the read back."""
    starts = 0

    async def unit(work: Work) -> tuple[int, ...]:
        nonlocal starts
        starts += 1
        first = await work.events.head_seq()
        if starts == 1:
            await store.write(leave, actor="tests")
        second = await work.events.head_seq()
        await store.write(leave, actor="tests")
        return first, second, await work.events.head_seq()

    assert await store.read(unit) == (1, 1, 1)
    assert starts == 2


async def test_a_read_changes_nothing(store: Store) -> None:
    async def unit(work: Work) -> int:
        return await work.tx.run("DELETE FROM events WHERE school_id = :school")

    for _ in range(2):
        with pytest.raises(Exception, match="read-only transaction"):
            await store.read(unit)


async def test_connections_are_good_for_more_whatever_became_of_a_read(store: Store) -> None:
    async def fails(work: Work) -> None:
        await work.events.head_seq()
        await work.events.head_seq()
        raise LookupError

    async def is_wrong(work: Work) -> None:
        await work.events.head_seq()
        await work.tx.one("SELECT 1 / 0")

    async def waits(work: Work) -> None:
        await work.tx.one("SELECT pg_sleep(60)")

    for _ in range(6):
        with pytest.raises(LookupError):
            await store.read(fails)
        with pytest.raises(Exception, match="division by zero"):
            await store.read(is_wrong)
        waiting = asyncio.create_task(store.read(waits))
        await asyncio.sleep(0)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting

    async with asyncio.timeout(30):
        heads = await asyncio.gather(
            *(store.read(lambda work: work.events.head_seq()) for _ in range(20))
        )
    assert heads == [0] * 20
