"""The hash of a store."""

from collections.abc import AsyncIterator

import pytest

from rpcbackend.demo.seed import write_school
from rpcbackend.store import Store, open_store
from rpcbackend.store.digest import state_hash
from rpcbackend.testing import Client
from tests.demo.schools import school_of


@pytest.fixture
async def other() -> AsyncIterator[Store]:
    """A second store, of another minute and with other random numbers."""
    store = await open_store(None)
    yield store
    await store.close()


async def test_two_empty_stores_are_the_same(store: Store, other: Store) -> None:
    assert await state_hash(store) == await state_hash(other)


@pytest.mark.sqlite
async def test_the_same_school_gives_the_same_hash(store: Store, other: Store) -> None:
    await write_school(store, school_of(12, 1, 3))
    await write_school(other, school_of(12, 1, 3))

    assert await state_hash(store) == await state_hash(other)


async def test_another_seed_gives_another_hash(store: Store, other: Store) -> None:
    await write_school(store, school_of(12, 1, 3))
    await write_school(other, school_of(12, 1, 4))

    assert await state_hash(store) != await state_hash(other)


async def test_one_change_changes_the_hash(client: Client, store: Store) -> None:
    before = await state_hash(store)

    params = {"name": "Mitte", "zone": "Europe/Berlin", "currency": "EUR"}
    await client.call("branches.save", **params, _meta={"idempotencyKey": "once"})

    assert await state_hash(store) != before
