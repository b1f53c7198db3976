"""A restore does not send again what went out since the backup."""

import asyncio
from pathlib import Path

import pytest
import sqlcipher3

from rpcbackend.store import Command, Origin, Store, restore
from rpcbackend.store.migrations import APPLICATION_ID
from rpcbackend.store.settled import settled_in
from rpcbackend.testing import FrozenClock
from tests.clauses import clause
from tests.factories import KEY, store_in
from tests.outside.carrying import sending
from tests.store.test_outbox import lease, queue, rows_in, settle, states_in, withdraw


def nobody(done: int, total: int, message: str) -> None:
    """Watch no progress."""


async def restored(store: Store) -> None:
    """Put the manual backup in the place of the store."""
    [backup] = [backup for backup in store.backups() if backup.reason == "manual"]
    origin = Origin(path=backup.path, actor="tests", command=Command(channel="tests"))
    await restore(store, origin, nobody)


@clause("restore-sends-nothing-twice")
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


async def test_what_was_withdrawn_on_its_way_stays_so_in_a_restored_store(tmp_path: Path) -> None:
    async with store_in(tmp_path) as store:
        await queue(store, "on its way", "given up")
        await store.backup("manual")
        for each in await lease(store):
            await withdraw(store, each.message.dedupe_key)
            if each.message.dedupe_key == "given up":
                await settle(store, "fail", each, "no such user")

        await restored(store)

        rows = {row["dedupe_key"]: row for row in await rows_in(store)}
        assert {key: (row["state"], row["is_withdrawn"]) for key, row in rows.items()} == {
            "on its way": ("sending", 1),
            "given up": ("failed", 1),
        }
        assert await lease(store, epoch=2) == []
        assert (await states_in(store))["on its way"] == "cancelled"


async def test_who_may_have_a_message_and_how_often_it_was_tried_is_known_after_a_restore(
    tmp_path: Path,
) -> None:
    async with store_in(tmp_path) as store:
        await queue(store)
        await store.backup("manual")
        [first] = await lease(store)
        await settle(store, "retry", first, "no answer", 0, "prv_1")
        before = await rows_in(store)

        await restored(store)

        assert await rows_in(store) == before
        [second] = await lease(store, epoch=2)
        assert (second.attempt, second.message.via) == (2, "prv_1")


async def test_what_was_given_up_in_the_backup_and_sent_by_hand_since_is_sent(
    tmp_path: Path,
) -> None:
    async with store_in(tmp_path) as store:
        await queue(store)
        [first] = await lease(store)
        await settle(store, "fail", first, "no such user")
        await store.backup("manual")
        await store.write(lambda work: work.outgoing.retry(first.id), actor="tests")
        [second] = await lease(store)
        await settle(store, "sent", second, "ref 1")

        await restored(store)

        assert await states_in(store) == {"hello ada": "sent"}


@clause("restore-sends-nothing-twice")
async def test_what_is_on_its_way_during_a_restore_is_sent_once_and_marked(tmp_path: Path) -> None:
    clock = FrozenClock()
    async with store_in(tmp_path, clock=clock) as store, sending(store, clock) as desk:
        host = desk.hosts["one"]
        host.holds = asyncio.Event()
        await desk.add()
        await desk.queue("later", not_before_ms=clock.now_ms() + 60_000)
        await store.backup("manual")
        clock.advance(60)
        desk.sender.look()
        async with asyncio.timeout(30):
            await host.came.wait()

        await restored(store)
        desk.sender.welcome(store)
        await desk.turn()
        await desk.turn()
        host.holds.set()
        await desk.until_state("sent")

        row = await desk.row("later")
        assert host.received == [row["id"]]
        assert row["provider_ref"] == "one 1"


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
