"""A restore does not send again what went out since the backup."""

from pathlib import Path

import pytest
import sqlcipher3

from rpcbackend.store import Command, Origin, Store, restore
from rpcbackend.store.migrations import APPLICATION_ID
from rpcbackend.store.settled import settled_in
from tests.factories import KEY, store_in
from tests.store.test_outbox import lease, queue, settle, states_in, withdraw


def nobody(done: int, total: int, message: str) -> None:
    """Watch no progress."""


async def restored(store: Store) -> None:
    """Put the manual backup in the place of the store."""
    [backup] = [backup for backup in store.backups() if backup.reason == "manual"]
    origin = Origin(path=backup.path, actor="tests", command=Command(channel="tests"))
    await restore(store, origin, nobody)


@pytest.mark.parametrize("key", [None, KEY], ids=["plain", "encrypted"])
async def test_what_came_to_its_end_since_the_backup_stays_there_and_the_rest_waits(
    tmp_path: Path, key: bytes | None
) -> None:
    async with store_in(tmp_path, key=key) as store:
        await queue(store, "sent", "failed", "withdrawn", "waits")
        await store.backup("manual")
        for each in await lease(store):
            match each.message.dedupe_key:
                case "sent":
                    await settle(store, "sent", each, "ref 1")
                case "failed":
                    await settle(store, "fail", each, "no such user")
                case _:
                    await settle(store, "give_back", each)
        await withdraw(store, "withdrawn")
        await queue(store, "later")

        await restored(store)

        assert await states_in(store) == {
            "sent": "sent",
            "failed": "failed",
            "withdrawn": "cancelled",
            "waits": "queued",
        }
        assert [each.message.dedupe_key for each in await lease(store, epoch=2)] == ["waits"]


@pytest.mark.parametrize(
    ("end", "state"),
    [("sent", "sent"), ("withdraw", "cancelled"), ("waits", "sending")],
)
async def test_what_was_on_its_way_in_the_backup_comes_to_the_end_that_it_had(
    tmp_path: Path, end: str, state: str
) -> None:
    async with store_in(tmp_path) as store:
        await queue(store)
        [first] = await lease(store)
        await store.backup("manual")
        if end == "sent":
            await settle(store, "sent", first)
        if end == "withdraw":
            await withdraw(store)
            await settle(store, "retry", first, "451 busy", 0)

        await restored(store)

        assert await states_in(store) == {"hello ada": state}


async def test_what_was_delivered_or_came_back_stays_so(tmp_path: Path) -> None:
    async with store_in(tmp_path) as store:
        await queue(store, "delivered", "bounced")
        await store.backup("manual")
        for each in await lease(store):
            await settle(store, "sent", each)
            await store.write(
                lambda work, lease=each: work.tx.run(  # type: ignore[misc]  # mypy infers no default
                    "UPDATE outbox SET state = :state WHERE id = :id",
                    state=lease.message.dedupe_key,
                    id=lease.id,
                ),
                actor="tests",
            )

        await restored(store)

        assert await states_in(store) == {"delivered": "delivered", "bounced": "bounced"}


def test_a_database_from_before_there_was_an_outbox_has_sent_nothing(tmp_path: Path) -> None:

    path = tmp_path / "old.db"
    connection = sqlcipher3.connect(str(path))
    connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    connection.execute("PRAGMA user_version = 4")
    connection.execute("CREATE TABLE migrations (version INTEGER)")
    connection.execute("INSERT INTO migrations VALUES (4)")
    connection.commit()
    connection.close()

    assert settled_in(path, None)(nobody) == []
