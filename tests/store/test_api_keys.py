"""The API keys as rows."""

from typing import Any

import pytest

from rpcbackend.errors import NotFoundError
from rpcbackend.schema.apikeys import ApiKey, ApiKeyPage
from rpcbackend.store import Store, StoredApiKey, Work
from rpcbackend.store.changes import Changes, Record
from tests.factories import an_id, at
from tests.people import make_user

HASH = bytes(range(32))


def make_key(**given: Any) -> ApiKey:
    """Make a key of ninety days."""
    fields: dict[str, Any] = {
        "id": "aaaaaaaa",
        "name": "Website",
        "scopes": ["students:read"],
        "user_id": an_id("usr"),
        "created_at": at("2026-11-23T08:00:00Z"),
        "expires_at": at("2027-02-21T08:00:00Z"),
        "revoked_at": None,
        "last_used_at": None,
    }
    return ApiKey(**fields | given)


async def add(store: Store, *keys: ApiKey) -> None:
    async def unit(work: Work) -> None:
        await work.users.put(make_user())
        for key in keys:
            await work.api_keys.add(key, HASH)

    await store.write(unit, actor="tests")


async def test_a_key_is_found_with_the_hash_of_its_secret(store: Store) -> None:
    await add(store, make_key())

    found = await store.read(lambda work: work.api_keys.get("aaaaaaaa"))

    assert found == StoredApiKey(make_key(), HASH)
    assert await store.read(lambda work: work.api_keys.get("bbbbbbbb")) is None
    with pytest.raises(NotFoundError):
        await store.read(lambda work: work.api_keys.require("bbbbbbbb"))


async def test_a_revoked_key_keeps_its_row_and_lives_no_more(store: Store) -> None:
    other = make_key(id="bbbbbbbb")
    await add(store, make_key(), other)

    await store.write(lambda work: work.api_keys.revoke("aaaaaaaa", 60), actor="tests")

    revoked = make_key(revoked_at=at("1970-01-01T00:01:00Z"))
    assert await store.read(lambda work: work.api_keys.require("aaaaaaaa")) == revoked
    assert await store.read(lambda work: work.api_keys.live_of(an_id("usr"))) == ["bbbbbbbb"]


async def test_a_key_that_is_not_there_is_not_revoked(store: Store) -> None:
    await store.write(lambda work: work.api_keys.revoke("aaaaaaaa", 60), actor="tests")

    assert await store.read(lambda work: work.api_keys.get("aaaaaaaa")) is None


async def test_for_the_audit_its_json_counts_and_not_its_secret(store: Store) -> None:
    async def unit(work: Work) -> list[tuple[Record, str | None, str | None]]:
        seen = []
        for secret in (HASH, HASH[::-1]):
            work.tx.changes = Changes()
            await work.api_keys.add(make_key(), secret)
            seen += list(work.tx.changes)
        work.tx.changes = Changes()
        await work.api_keys.revoke("aaaaaaaa", 60)
        return [*seen, *work.tx.changes]

    await store.write(lambda work: work.users.put(make_user()), actor="tests")
    key, revoked = make_key(), make_key(revoked_at=at("1970-01-01T00:01:00Z"))
    record = ("API key", "aaaaaaaa")

    assert await store.write(unit, actor="tests") == [
        (record, None, key.model_dump_json()),
        (record, key.model_dump_json(), revoked.model_dump_json()),
    ]


async def test_a_use_is_noted(store: Store) -> None:
    await add(store, make_key())

    await store.write(lambda work: work.api_keys.touch("aaaaaaaa", 60), actor="tests")

    used = make_key(last_used_at=at("1970-01-01T00:01:00Z"))
    assert await store.read(lambda work: work.api_keys.require("aaaaaaaa")) == used


async def test_keys_are_listed_the_newest_first(store: Store) -> None:
    old = make_key(created_at=at("2026-01-01T08:00:00Z"))
    new = make_key(id="bbbbbbbb")
    await add(store, old, new)

    page = await store.read(lambda work: work.api_keys.list())

    assert ApiKeyPage.model_validate_json(page.json).items == [new, old]
