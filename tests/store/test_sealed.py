"""Secrets that stay sealed in every copy of the store, and are there under every key it has."""

import base64
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import sqlcipher3

from rpcbackend.store import Command, Origin, Store, Work, restore
from rpcbackend.store import rekey as store_rekey
from rpcbackend.store.resealing import seal_for
from tests.factories import KEY, store_in

NEW_KEY = bytes(range(1, 33))
SECRET = "canary pass"  # noqa: S105 (opens nothing)
PLACE = ("providers", "secret", "prv_1")


def nobody(done: int, total: int, message: str) -> None:
    """Watch no progress."""


async def keep(store: Store, secret: str = SECRET) -> None:
    await store.write(lambda work: work.sealed.put(*PLACE, secret), actor="tests")


async def look(store: Store) -> str | None:
    return await store.read(lambda work: work.sealed.get(*PLACE))


async def marks_in(store: Store) -> int:
    """Count the keys under which there is a box."""

    async def unit(work: Work) -> int:
        return len(await work.tx.all("SELECT DISTINCT key_mark FROM sealed"))

    return await store.read(unit)


def dump_of(path: Path, key: bytes | None) -> bytes:
    """Return all that stands in a database, as whoever reads it with its key sees it."""
    connection: Any = sqlcipher3.connect(str(path))
    if key is not None:
        connection.execute(f"PRAGMA key = \"x'{key.hex()}'\"")
    rows = [
        repr(row).encode()
        for [table] in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")
        for row in connection.execute(f'SELECT * FROM "{table}"')  # noqa: S608 (names from the schema)
    ]
    connection.close()
    return b"\n".join(rows)


async def test_a_secret_is_there_until_it_is_replaced_or_removed(tmp_path: Path) -> None:
    async with store_in(tmp_path, key=KEY) as store:
        assert await look(store) is None
        await keep(store)
        assert await look(store) == SECRET

        await keep(store, "another")
        assert await look(store) == "another"

        await store.write(lambda work: work.sealed.remove(*PLACE), actor="tests")
        assert await look(store) is None


async def test_a_dump_of_an_encrypted_store_shows_no_secret(tmp_path: Path) -> None:
    async with store_in(tmp_path, key=KEY) as store:
        await keep(store)
    dump = dump_of(tmp_path / "school.db", KEY)

    assert b"providers|secret|prv_1" in dump
    assert SECRET.encode() not in dump
    assert base64.b64encode(SECRET.encode()) not in dump


async def test_a_plain_store_has_its_secrets_in_clear_like_all_else(tmp_path: Path) -> None:
    async with store_in(tmp_path) as store:
        await keep(store)
        assert await look(store) == SECRET

    assert SECRET.encode() in dump_of(tmp_path / "school.db", None)


async def test_a_change_of_keys_keeps_the_secrets_and_leaves_none_under_the_old_key(
    tmp_path: Path,
) -> None:
    async with store_in(tmp_path, key=KEY) as store:
        await keep(store)

        await store.rekey(NEW_KEY, nobody)

        assert (await look(store), await marks_in(store)) == (SECRET, 1)
    async with store_in(tmp_path, key=NEW_KEY) as store:
        assert await look(store) == SECRET


async def test_a_change_of_keys_that_failed_keeps_the_secrets_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(connection: Any, key: bytes) -> None:  # noqa: ARG001 (stands for the real one)
        raise sqlcipher3.OperationalError("no")

    async with store_in(tmp_path, key=KEY) as store:
        await keep(store)
        with monkeypatch.context() as patched:
            patched.setattr(store_rekey, "encrypt", fail)
            with pytest.raises(Exception, match="storage failed"):
                await store.rekey(NEW_KEY, nobody)

        assert (await look(store), await marks_in(store)) == (SECRET, 2)
    async with store_in(tmp_path, key=KEY) as store:
        assert (await look(store), await marks_in(store)) == (SECRET, 1)


async def test_a_box_that_is_damaged_stands_in_the_way_of_no_change_of_keys(
    tmp_path: Path,
) -> None:
    async def spoil(work: Work) -> None:
        await work.sealed.put("webhooks", "secret", "whk_1", "lost")
        await work.tx.run("UPDATE sealed SET box = x'00' WHERE place LIKE 'webhooks%'")

    async with store_in(tmp_path, key=KEY) as store:
        await keep(store)
        await store.write(spoil, actor="tests")

        await store.rekey(NEW_KEY, nobody)

        assert await look(store) == SECRET


async def test_backups_keep_the_secrets_through_a_change_of_keys(tmp_path: Path) -> None:
    async with store_in(tmp_path, key=KEY) as store:
        await keep(store)
        await store.backup("manual")
        await store.rekey(NEW_KEY, nobody)
        await keep(store, "another")
        [backup] = [backup for backup in store.backups() if backup.reason == "manual"]

        await restore(store, _origin(backup.path, store), nobody)

        assert await look(store) == SECRET


async def test_a_restore_keeps_the_secrets_of_a_backup_under_another_key(tmp_path: Path) -> None:
    async with store_in(tmp_path / "old", key=KEY) as old:
        await keep(old)
        backup = await old.backup("manual", into=tmp_path)
    async with store_in(tmp_path / "new", key=NEW_KEY) as store:
        await keep(store, "another")

        await restore(store, _origin(tmp_path / f"{backup.id}.db", store, KEY), nobody)

        assert await look(store) == SECRET


def test_an_old_file_without_a_place_for_secrets_has_none_to_change() -> None:
    with closing(sqlcipher3.connect(":memory:")) as connection:
        seal_for(connection, KEY, NEW_KEY)

        assert connection.execute("SELECT count(*) FROM sqlite_schema").fetchone() == (0,)


def _origin(path: Path, store: Store, key: bytes | None = None) -> Origin:
    assert store.engine.is_encrypted
    return Origin(path=path, actor="tests", command=Command(channel="tests"), key=key)
