"""What keys.rekey does and refuses."""

import asyncio
import base64
import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import sqlcipher3

from rpcbackend import PROTOCOL_VERSION
from rpcbackend.app import Application
from rpcbackend.store import StorageFailedError, WrongKeyError, open_store
from rpcbackend.store import rekey as store_rekey
from rpcbackend.surroundings import Surroundings
from rpcbackend.testing import CallFailedError, Client, FrozenClock, running_app
from tests.clauses import clause
from tests.factories import save_branch
from tests.store.gate import Gate

KEY, NEW_KEY = "A" * 43, "B" * 42 + "A"
INITIALIZE = {"protocolVersion": PROTOCOL_VERSION, "client": {"name": "test", "version": "1"}}


class Encrypted(NamedTuple):
    """An application on an encrypted store, and a client of it."""

    app: Application
    client: Client
    directory: Path


@pytest.fixture
async def encrypted(tmp_path: Path) -> AsyncIterator[Encrypted]:
    """An application whose store is open, with one branch in it."""
    async with running_app(tmp_path, Surroundings(clock=FrozenClock())) as app:
        client = Client(app)
        await client.call("initialize", **INITIALIZE, databaseKey=KEY)
        await save_branch(client)
        yield Encrypted(app, client, tmp_path)


def key_bytes(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=")


async def opens(directory: Path, key: str) -> bool:
    try:
        store = await open_store(directory, key=key_bytes(key))
    except WrongKeyError:
        return False
    await store.close()
    return True


async def refusal(client: Client, **params: Any) -> CallFailedError:
    with pytest.raises(CallFailedError) as failed:
        await client.call("keys.rekey", **params)
    return failed.value


@clause("rekey")
async def test_rekey_makes_the_new_key_the_only_one(encrypted: Encrypted) -> None:
    app, client, directory = encrypted

    assert await client.call("keys.rekey", newDatabaseKey=NEW_KEY) == {}

    await save_branch(client)
    assert len((await client.call("branches.list"))["items"]) == 2
    assert (await client.call("system.health", deep=True))["store"]["integrity"] == "ok"
    await client.call("initialize", **INITIALIZE, databaseKey=NEW_KEY)
    with pytest.raises(CallFailedError, match="NOT_INITIALIZED"):
        await client.call("initialize", **INITIALIZE, databaseKey=KEY)
    await app.close()
    assert (await opens(directory, KEY), await opens(directory, NEW_KEY)) == (False, True)


async def test_rekey_that_is_asked_for_again_is_done(encrypted: Encrypted) -> None:
    _, client, directory = encrypted
    await client.call("keys.rekey", newDatabaseKey=NEW_KEY)
    before = (directory / "school.db").read_bytes()

    assert await client.call("keys.rekey", newDatabaseKey=NEW_KEY) == {}

    assert (directory / "school.db").read_bytes() == before


@clause("meta-dry-run")
async def test_a_dry_run_of_rekey_changes_no_key(encrypted: Encrypted) -> None:
    app, client, directory = encrypted

    await client.call("keys.rekey", newDatabaseKey=NEW_KEY, _meta={"dryRun": True})

    await app.close()
    assert await opens(directory, KEY)


@pytest.mark.sqlite
async def test_rekey_of_a_plain_store_is_refused(client: Client) -> None:
    refused = await refusal(client, newDatabaseKey=NEW_KEY)

    assert refused.message == "A plain store has no key to change."
    assert (refused.code, refused.details) == (
        -32602,
        {"errors": [{"path": "newDatabaseKey", "rule": "store_is_plain"}]},
    )


@clause("rekey-holds-calls")
async def test_calls_that_come_during_a_rekey_wait_and_keep_their_order(
    encrypted: Encrypted,
) -> None:
    app, client, _ = encrypted
    gate = Gate()
    holding = asyncio.ensure_future(app.store.write(gate.hold, actor="tests"))
    await gate.entered()

    changing = client.start("keys.rekey", {"newDatabaseKey": NEW_KEY})
    for _ in range(5):
        await asyncio.sleep(0)
    branch = {"zone": "Europe/Berlin", "currency": "EUR"}
    saving = [client.start("branches.save", {**branch, "name": f"{n:02}"}) for n in range(20)]
    listing = client.start("branches.list", {})
    gate.open()

    async with asyncio.timeout(30):
        await holding
        assert (await changing)["result"] == {}
        ids = [(await saved)["result"]["id"] for saved in saving]
        assert ids == sorted(ids)
        assert "result" in await listing
    assert len((await client.call("branches.list"))["items"]) == 21


async def test_rekey_and_the_check_of_the_whole_database_wait_for_each_other(
    encrypted: Encrypted,
) -> None:
    _, client, _ = encrypted

    replies = [
        client.start("system.health", {"deep": True}),
        client.start("keys.rekey", {"newDatabaseKey": NEW_KEY}),
        client.start("system.health", {"deep": True}),
    ]

    async with asyncio.timeout(30):
        first, changed, second = [(await reply)["result"] for reply in replies]
    assert changed == {}
    assert [health["store"]["integrity"] for health in (first, second)] == ["ok", "ok"]


@clause("cancel-tells-the-truth")
async def test_a_rekey_that_has_begun_cannot_be_cancelled(encrypted: Encrypted) -> None:
    app, client, directory = encrypted
    gate = Gate()
    holding = asyncio.ensure_future(app.store.write(gate.hold, actor="tests"))
    await gate.entered()
    changing = client.start("keys.rekey", {"newDatabaseKey": NEW_KEY})
    for _ in range(5):
        await asyncio.sleep(0)

    cancel = b'{"jsonrpc":"2.0","method":"$/cancelRequest","params":{"id":%d}}'
    client.server.receive(cancel % client.last_id)
    await asyncio.sleep(0)
    gate.open()

    async with asyncio.timeout(30):
        await holding
        assert (await changing)["result"] == {}
    await app.close()
    assert await opens(directory, NEW_KEY)


@clause("progress-of-a-request")
async def test_rekey_tells_how_far_it_is(encrypted: Encrypted) -> None:
    _, client, _ = encrypted

    await client.call("keys.rekey", newDatabaseKey=NEW_KEY, _meta={"progressToken": "change"})

    begun, ended = await client.next_line(), await client.next_line()
    assert begun["params"] == {
        "token": "change",
        "value": {
            "kind": "begin",
            "done": 0,
            "total": 3,
            "message": "folding the log in",
            "percentage": 0,
        },
    }
    assert ended["params"] == {"token": "change", "value": {"kind": "end"}}


# What is in the way


@clause("rekey-failed-keeps-the-store")
async def test_rekey_without_room_for_a_copy_is_refused(
    encrypted: Encrypted, monkeypatch: pytest.MonkeyPatch
) -> None:
    app, client, directory = encrypted
    monkeypatch.setattr(store_rekey, "ROOM_BYTES", shutil.disk_usage(directory).total)

    refused = await refusal(client, newDatabaseKey=NEW_KEY)

    assert refused.symbol == "DISK_FULL"
    await save_branch(client)
    await app.close()
    assert await opens(directory, KEY)


@clause("rekey-failed-keeps-the-store")
async def test_rekey_while_another_program_reads_is_refused(
    encrypted: Encrypted, monkeypatch: pytest.MonkeyPatch
) -> None:
    app, client, directory = encrypted
    monkeypatch.setattr("rpcbackend.store.driver._PRAGMAS", ("PRAGMA busy_timeout = 1",))
    stranger = sqlcipher3.connect(directory / "school.db", isolation_level=None)
    stranger.execute(f"PRAGMA key = \"x'{key_bytes(KEY).hex()}'\"")
    stranger.execute("BEGIN")
    stranger.execute("SELECT count(*) FROM branches").fetchone()
    await save_branch(client)
    await app.store.write(lambda work: work.tx.run("PRAGMA busy_timeout = 1"), actor="tests")

    refused = await refusal(client, newDatabaseKey=NEW_KEY)
    stranger.close()

    assert (refused.symbol, refused.data["retryable"]) == ("OVERLOADED", True)
    await save_branch(client)
    await app.close()
    assert await opens(directory, KEY)


@clause("rekey-failed-keeps-the-store")
async def test_a_rekey_after_which_a_page_is_not_sound_ends_the_process_with_74(
    encrypted: Encrypted, monkeypatch: pytest.MonkeyPatch
) -> None:
    def find_damage(_: object) -> None:
        raise StorageFailedError("the database is damaged")

    app, client, directory = encrypted
    monkeypatch.setattr(store_rekey, "_finish", find_damage)

    refused = await refusal(client, newDatabaseKey=NEW_KEY)

    assert (refused.symbol, refused.data["outcome"]) == ("OUTCOME_UNKNOWN", "unknown")
    async with asyncio.timeout(30):
        await app.ended.wait()
    assert app.exit_code == 74
    await app.close()
    assert await opens(directory, NEW_KEY)
