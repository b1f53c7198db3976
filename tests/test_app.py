"""One process's life: opening and closing its store, its health, its keys."""

import asyncio
import base64
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import sqlcipher3

from rpcbackend import PROTOCOL_VERSION, __version__
from rpcbackend.app import Application
from rpcbackend.door import ExitRequestedError
from rpcbackend.errors import NotInitializedError, ShuttingDownError
from rpcbackend.surroundings import Surroundings
from rpcbackend.testing import CallFailedError, Client, FrozenClock, running_app
from tests.clauses import clause
from tests.store.gate import restore_under_way
from tests.test_parent import start_parent

KEY, OTHER_KEY = "A" * 43, "B" * 43
CLIENT = {"name": "test", "version": "1"}
INITIALIZE = {"protocolVersion": PROTOCOL_VERSION, "client": CLIENT}


@pytest.fixture
async def stored(tmp_path: Path) -> AsyncIterator[Application]:
    """An application on an empty directory, at the frozen time."""
    async with running_app(tmp_path, Surroundings(clock=FrozenClock())) as running:
        yield running


async def refusal(client: Client, channel: str, /, **params: Any) -> tuple[int, Any]:
    with pytest.raises(CallFailedError) as failed:
        await client.call(channel, **params)
    return failed.value.code, failed.value.details


# Health


async def test_health_says_how_the_process_and_its_store_are(
    stored: Application, tmp_path: Path
) -> None:
    client = Client(stored)
    assert (await client.call("system.health"))["store"] is None
    await client.call("branches.list")

    health = await client.call("system.health", deep=True)

    store = health["store"]
    assert store.pop("diskFreeBytes") > 0
    assert store.pop("databaseBytes") == (tmp_path / "school.db").stat().st_size
    assert store.pop("walBytes") >= 0
    assert store.pop("lastBackup") is None
    assert store.pop("schemaVersion") >= 1
    assert [window["seconds"] for window in health.pop("service")] == [3_600, 86_400, 2_592_000]
    assert health == {
        "status": "ok",
        "version": __version__,
        "pid": os.getpid(),
        "uptimeMs": 0,
        "inFlight": 1,
        "mirrorUrl": None,
        "queued": 0,
        "store": {
            "engine": "sqlite",
            "isEncrypted": False,
            "headSeq": 0,
            "auditHeadSeq": 0,
            "auditHeadHash": "0" * 64,
            "readOnly": None,
            "integrity": "ok",
            "problems": [],
        },
        "outbox": {"queued": 0, "oldestLagSeconds": 0, "failed": 0, "delayed": []},
        "hosts": [],
    }


async def test_health_of_a_locked_store_says_so(tmp_path: Path) -> None:
    (tmp_path / "school.db").write_bytes(bytes(range(100)))

    async with running_app(tmp_path) as app:
        health = await Client(app).call("system.health")

        assert (health["status"], health["store"]) == ("locked", None)
        assert app.ready().locked


# Initialize


async def test_initialize_without_a_key_opens_no_store(stored: Application) -> None:
    await Client(stored).call("initialize", **INITIALIZE)

    assert not stored.is_open


async def test_an_initialize_waits_for_no_restore_and_keeps_nobody_waiting(
    stored: Application,
) -> None:
    client = Client(stored)
    await client.call("initialize", **INITIALIZE, databaseKey=KEY)
    async with restore_under_way(stored):
        right = client.start("initialize", INITIALIZE | {"databaseKey": KEY})
        wrong = client.start("initialize", INITIALIZE | {"databaseKey": OTHER_KEY})
        listing = client.start("branches.list", {})

        async with asyncio.timeout(30):
            assert "result" in await right
            assert (await wrong)["error"]["code"] == NotInitializedError.code
            assert "result" in await listing
    assert not stored.ended.is_set()


@clause("parent-pid")
async def test_the_end_of_the_parent_that_initialize_names_is_the_end(stored: Application) -> None:
    client = Client(stored)
    with start_parent() as parent:
        await client.call("initialize", **INITIALIZE, parentPid=os.getpid())
        await client.call("initialize", **INITIALIZE, parentPid=parent.pid)
        assert not stored.ended.is_set()

        parent.kill()

        async with asyncio.timeout(30):
            await stored.ended.wait()
    assert stored.exit_code == 0


@clause("initialize-version")
async def test_another_version_of_the_protocol_ends_the_process_with_76(
    stored: Application,
) -> None:
    params = {"protocolVersion": "2", "client": CLIENT}

    assert await refusal(Client(stored), "initialize", **params) == (
        -32602,
        {"supported": [PROTOCOL_VERSION]},
    )
    assert (stored.ended.is_set(), stored.exit_code) == (True, 76)


@clause("initialize-unlocks", "error-locked", "ready-says-locked")
async def test_a_key_encrypts_a_new_store_and_opens_it_again(tmp_path: Path) -> None:
    async with running_app(tmp_path) as app:
        client = Client(app)
        await client.call("initialize", **INITIALIZE, databaseKey=KEY)
        await client.call("initialize", **INITIALIZE, databaseKey=KEY)
        assert (await client.call("system.health"))["store"]["isEncrypted"] is True

    async with running_app(tmp_path) as app:
        client = Client(app)
        assert app.ready().locked
        assert await refusal(client, "branches.list") == (-32012, None)
        await client.call("initialize", **INITIALIZE, databaseKey=KEY)
        assert await client.call("branches.list") == {"items": []}
        assert not app.ready().locked


@clause("initialize-wrong-key")
async def test_a_wrong_key_ends_the_process_with_77(tmp_path: Path) -> None:
    async with running_app(tmp_path) as app:
        await Client(app).call("initialize", **INITIALIZE, databaseKey=KEY)

    async with running_app(tmp_path) as app:
        refused = await refusal(Client(app), "initialize", **INITIALIZE, databaseKey=OTHER_KEY)

        assert refused == (-32012, None)
        async with asyncio.timeout(30):
            await app.ended.wait()
        assert app.exit_code == 77


async def test_a_reason_to_end_that_comes_after_the_end_of_input_still_counts(
    stored: Application,
) -> None:
    stored.end(0)
    stored.end(77)
    stored.end(74)

    assert stored.exit_code == 77


@clause("initialize-pending-key")
async def test_the_pending_key_opens_a_store_whose_change_of_keys_was_cut_short(
    tmp_path: Path,
) -> None:
    async with running_app(tmp_path) as app:
        await Client(app).call("initialize", **INITIALIZE, databaseKey=KEY)

    async with running_app(tmp_path) as app:
        keys = {"databaseKey": OTHER_KEY, "pendingDatabaseKey": KEY}
        await Client(app).call("initialize", **INITIALIZE, **keys)

        assert app.is_open


async def test_a_plain_store_takes_no_key(stored: Application) -> None:
    client = Client(stored)
    await client.call("branches.list")

    assert await refusal(client, "initialize", **INITIALIZE, databaseKey=KEY) == (
        -32602,
        {"errors": [{"path": "databaseKey", "rule": "store_is_plain"}]},
    )
    assert not stored.ended.is_set()


async def test_an_encrypted_store_of_a_newer_program_ends_the_process_with_79(
    tmp_path: Path,
) -> None:
    make_newer(tmp_path, base64.urlsafe_b64decode(KEY + "="))

    async with running_app(tmp_path) as app:
        code, _ = await refusal(Client(app), "initialize", **INITIALIZE, databaseKey=KEY)

        assert code == 1705
        async with asyncio.timeout(30):
            await app.ended.wait()
        assert app.exit_code == 79


# Start and end


async def test_a_store_that_is_there_is_opened_at_the_start(tmp_path: Path) -> None:
    async with running_app(tmp_path) as app:
        await Client(app).call("branches.list")

    async with running_app(tmp_path) as app:
        assert app.is_open


async def test_a_store_of_a_newer_program_stops_the_start_with_79(tmp_path: Path) -> None:
    make_newer(tmp_path, None)

    with pytest.raises(ExitRequestedError, match="newer version") as end:
        await Application(tmp_path).boot()

    assert end.value.code == 79


async def test_a_file_that_is_no_database_stops_the_start_with_74(tmp_path: Path) -> None:
    (tmp_path / "school.db").write_bytes(b"SQLite format 3\0" + b"garbage" * 1_000)

    with pytest.raises(ExitRequestedError, match="is damaged; it stays as it is") as end:
        await Application(tmp_path).boot()

    assert end.value.code == 74


async def test_a_damaged_store_stops_the_start_with_74(tmp_path: Path) -> None:
    async with running_app(tmp_path) as app:
        await Client(app).call("branches.list")
    with (tmp_path / "school.db").open("r+b") as file:
        file.seek(100)
        file.write(b"\xff" * 3_000)

    with pytest.raises(ExitRequestedError, match="is damaged; it stays as it is") as end:
        await Application(tmp_path).boot()

    assert end.value.code == 74


@clause("shutdown-answered", "shutdown-refuses-new")
async def test_shutdown_answers_when_the_store_is_closed_and_then_ends_the_process(
    stored: Application, tmp_path: Path
) -> None:
    client = Client(stored)
    await client.call("branches.list")

    assert await client.call("shutdown") == {}

    assert not stored.is_open
    async with asyncio.timeout(30):
        await stored.ended.wait()
    assert stored.exit_code == 0
    assert not (tmp_path / "school.db-wal").exists()
    assert await refusal(client, "branches.list") == (ShuttingDownError.code, None)
    assert (await client.call("system.health"))["status"] == "closing"


async def test_a_shutdown_that_begins_outside_of_any_task_ends_too(stored: Application) -> None:
    client = Client(stored)
    line = b'{"jsonrpc":"2.0","id":"end","method":"shutdown"}'

    asyncio.get_running_loop().call_soon(client.server.receive, line)

    assert await client.next_line() == {"jsonrpc": "2.0", "id": "end", "result": {}}


async def test_whoever_closes_second_waits_for_the_same_end(stored: Application) -> None:
    client = Client(stored)
    await client.call("branches.list")

    first = asyncio.ensure_future(stored.close())
    await asyncio.sleep(0)
    assert stored.is_open
    async with asyncio.timeout(30):
        await stored.close()

    assert not stored.is_open
    async with asyncio.timeout(30):
        await first


async def test_the_first_exit_code_stays(stored: Application) -> None:
    stored.end(65)
    stored.end(0)

    assert stored.exit_code == 65


def make_newer(directory: Path, key: bytes | None) -> None:
    database = sqlcipher3.connect(str(directory / "school.db"))
    if key is not None:
        database.execute(f"PRAGMA key = \"x'{key.hex()}'\"")
    database.execute("PRAGMA user_version = 999")
    database.execute("CREATE TABLE t (x)")
    database.close()


async def test_a_second_initialize_with_another_key_is_refused(tmp_path: Path) -> None:
    async with running_app(tmp_path) as app:
        client = Client(app)
        await client.call("initialize", **INITIALIZE, databaseKey=KEY)

        with pytest.raises(CallFailedError) as failed:
            await client.call("initialize", **INITIALIZE, databaseKey=OTHER_KEY)

        assert failed.value.symbol == "NOT_INITIALIZED"
        assert not app.ended.is_set()
        assert await client.call("branches.list") == {"items": []}


async def test_a_closed_application_never_opens_its_store_again(tmp_path: Path) -> None:
    async with running_app(tmp_path) as app:
        client = Client(app)
        await app.close()

        with pytest.raises(CallFailedError) as failed:
            await client.call("initialize", **INITIALIZE, databaseKey=KEY)

        assert failed.value.symbol == "SHUTTING_DOWN"


@clause("writes-in-arrival-order")
async def test_writes_that_wait_for_the_store_to_open_are_not_overtaken(tmp_path: Path) -> None:
    async with running_app(tmp_path) as app:
        client = Client(app)
        branch = {"zone": "Europe/Berlin", "currency": "EUR"}
        waiting = [
            client.start("branches.save", {**branch, "name": f"{number:02}"})
            for number in range(30)
        ]
        async with asyncio.timeout(30):
            while not waiting[0].done():
                # Not a bare turn of the loop: it would keep the lock from the thread that opens.
                await asyncio.wait(waiting[:1], timeout=0.0005)
                if app.is_open and len(waiting) < 200:
                    waiting.append(client.start("branches.save", {**branch, "name": "late"}))
            replies = [await reply for reply in waiting]

    seqs = [reply["result"]["id"] for reply in replies]
    assert seqs == sorted(seqs)


@clause("meta-as-of-refused")
async def test_a_question_about_another_day_is_refused_rather_than_answered_with_today(
    client: Client,
) -> None:
    with pytest.raises(CallFailedError) as failed:
        await client.call("branches.list", _meta={"asOf": "2001-01-01T00:00:00Z"})

    assert failed.value.symbol == "INVALID_PARAMS"
    assert failed.value.details == {"errors": [{"path": "_meta.asOf", "rule": "not_supported"}]}


@clause("error-details-bounded")
async def test_an_error_names_no_more_than_a_few_of_many_violations(client: Client) -> None:
    unknown = {f"{'x' * 1_000}{number}": 1 for number in range(1_000)}

    with pytest.raises(CallFailedError) as failed:
        await client.call("branches.list", **unknown)

    assert failed.value.details is not None
    paths = [error["path"] for error in failed.value.details["errors"]]
    assert (len(paths), max(map(len, paths))) == (20, 200)
