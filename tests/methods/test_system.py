"""What system.health answers."""

import asyncio
import os
from pathlib import Path
from typing import Any

import orjson
import pytest

from rpcbackend import __version__
from rpcbackend.door import MAX_WATCHERS
from rpcbackend.errors import RateLimitedError, RequestCancelledError, UnauthenticatedError
from rpcbackend.schema.limits import Limits
from rpcbackend.schema.users import Role
from rpcbackend.store import Store
from rpcbackend.store.migrations import latest_version
from rpcbackend.surroundings import Surroundings
from rpcbackend.testing import CallFailedError, Client, FrozenClock, running_app
from tests.callers import connect_as
from tests.factories import KEY, save_branch
from tests.people import PASSWORD
from tests.store.damage import damage, fill_pages
from tests.store.gate import restore_under_way


async def test_health_of_an_open_store_tells_how_it_is(
    client: Client, store: Store, clock: FrozenClock
) -> None:
    await save_branch(client)
    clock.advance(1.5)

    health = await client.call("system.health")

    is_file = store.engine.name == "sqlite"
    assert health == {
        "status": "ok",
        "version": __version__,
        "pid": os.getpid(),
        "uptimeMs": 1_500,
        "inFlight": 1,
        "mirrorUrl": None,
        "queued": 0,
        "service": [
            {
                "seconds": seconds,
                "calls": 1,
                "p99Ms": 0,
                "failedShare": 0,
                "upShare": 1,
                "isMet": True,
            }
            for seconds in (3_600, 86_400, 2_592_000)
        ],
        "store": {
            "engine": store.engine.name,
            "isEncrypted": False,
            "schemaVersion": latest_version(),
            "headSeq": 1,
            "auditHeadSeq": 1,
            "auditHeadHash": store.audit_head.hash.hex(),
            "databaseBytes": 0 if is_file else None,
            "walBytes": 0 if is_file else None,
            "lastBackup": None,
            "diskFreeBytes": health["store"]["diskFreeBytes"],
            "readOnly": None,
            "integrity": None,
            "problems": [],
        },
        "outbox": {"queued": 0, "oldestLagSeconds": 0, "failed": 0, "delayed": []},
        "hosts": [],
    }
    assert (health["store"]["diskFreeBytes"] is not None) == is_file


@pytest.mark.parametrize("key", [None, KEY], ids=["plain", "encrypted"])
async def test_deep_health_of_a_sound_store_is_ok(tmp_path: Path, key: bytes | None) -> None:
    await fill_pages(tmp_path, key)

    health = await deep_health(tmp_path, key)

    assert health["status"] == "ok"
    assert health["store"]["integrity"] == "ok"
    assert health["store"]["isEncrypted"] == (key is not None)
    assert health["store"]["databaseBytes"] == size_of(tmp_path)


@pytest.mark.parametrize("key", [None, KEY], ids=["plain", "encrypted"])
async def test_deep_health_of_a_damaged_store_says_so(tmp_path: Path, key: bytes | None) -> None:
    await fill_pages(tmp_path, key)
    damage(tmp_path)

    health = await deep_health(tmp_path, key)

    assert health["status"] == "damaged"
    assert health["store"]["integrity"] == "damaged"


async def test_health_before_there_is_a_store_is_ok(tmp_path: Path) -> None:
    async with running_app(tmp_path) as app:
        health = await Client(app).call("system.health", deep=True)

    assert (health["status"], health["store"]) == ("ok", None)
    assert files_in(tmp_path) == []


async def test_health_of_a_store_that_waits_for_its_key_is_locked(tmp_path: Path) -> None:
    await fill_pages(tmp_path, KEY)

    async with running_app(tmp_path) as app:
        health = await Client(app).call("system.health", deep=True)

    assert (health["status"], health["store"]) == ("locked", None)


async def test_the_deep_look_is_for_the_owner_also_while_somebody_waits_for_the_store(
    tmp_path: Path,
) -> None:
    async with running_app(tmp_path) as app:
        await app.open_store(KEY)
        client, stranger = Client(app), Client(app)
        await client.call("auth.bootstrap", login="ada", password=PASSWORD)
        async with restore_under_way(app):
            waiting = asyncio.ensure_future(app.open_store())
            await asyncio.sleep(0)
            assert not app.is_open

            with pytest.raises(CallFailedError) as refused:
                await stranger.call("system.health", deep=True)

        await waiting
        assert refused.value.code == UnauthenticatedError.code


async def test_the_deep_look_counts_as_a_heavy_call_and_the_other_one_as_none(
    tmp_path: Path, clock: FrozenClock
) -> None:
    async with running_app(
        tmp_path, Surroundings(clock=clock), limits=Limits(heavy_per_second=1)
    ) as app:
        await app.open_store()
        owner, other = [await connect_as(app, number, Role.OWNER) for number in (1, 2)]
        await owner.call("audit.verify")
        await owner.call("system.health", deep=True)

        with pytest.raises(CallFailedError) as limited:
            await owner.call("system.health", deep=True)

        assert limited.value.code == RateLimitedError.code
        assert limited.value.data["retryAfterMs"] == 1_000
        assert (await owner.call("system.health"))["store"]["integrity"] is None
        # Somebody else has his own, and time gives it back.
        for client in (other, owner):
            clock.advance(1)
            health = await client.call("system.health", deep=True)
            assert health["store"]["integrity"] == "ok"


async def test_a_check_that_nobody_waits_for_any_more_ends_and_takes_no_place(
    tmp_path: Path,
) -> None:
    async with running_app(tmp_path) as app:
        await app.open_store()
        client = Client(app)
        async with app.store.sqlite.alone:
            for _ in range(2 * MAX_WATCHERS):
                asking = client.start("system.health", {"deep": True})
                await asyncio.sleep(0)
                client.server.receive(cancel(client.last_id))
                async with asyncio.timeout(30):
                    assert (await asking)["error"]["code"] == RequestCancelledError.code
            await asyncio.sleep(0)

            assert checks_under_way() == 0
        health = await client.call("system.health", deep=True)

    assert health["store"]["integrity"] == "ok"


def cancel(call_id: int) -> bytes:
    return orjson.dumps({"jsonrpc": "2.0", "method": "$/cancelRequest", "params": {"id": call_id}})


def checks_under_way() -> int:
    names = [getattr(task.get_coro(), "__qualname__", "") for task in asyncio.all_tasks()]
    return names.count("StoreDoor._look_through")


async def test_health_after_the_end_has_begun_is_closing(client: Client, store: Store) -> None:
    assert store.head_seq == 0
    await client.call("shutdown")

    assert (await client.call("system.health"))["status"] == "closing"


def files_in(directory: Path) -> list[Path]:
    return list(directory.iterdir())


def size_of(directory: Path) -> int:
    return (directory / "school.db").stat().st_size


async def deep_health(directory: Path, key: bytes | None) -> dict[str, Any]:
    async with running_app(directory, Surroundings(clock=FrozenClock())) as app:
        await app.open_store(key)
        return await Client(app).call("system.health", deep=True)
