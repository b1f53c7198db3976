"""What initialize, ping and shutdown answer."""

import asyncio
import base64
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from rpcbackend import PROTOCOL_VERSION, __version__
from rpcbackend.app import Application
from rpcbackend.contract.shipped import contract_hash
from rpcbackend.schema.limits import Limits
from rpcbackend.store import Place, Store
from rpcbackend.testing import CallFailedError, Client, running_app
from tests.clauses import clause
from tests.factories import KEY, add_all, an_id, save_branch, store_in


def written(key: bytes) -> str:
    """Write a key as the wire wants it."""
    return base64.urlsafe_b64encode(key).decode().rstrip("=")


def hello(**given: Any) -> dict[str, Any]:
    """Params of initialize."""
    fields = {
        "protocolVersion": PROTOCOL_VERSION,
        "client": {"name": "tests", "version": "1"},
    }
    return fields | given


async def ended(app: Application) -> int:
    """Wait until the process would end, and return with what."""
    async with asyncio.timeout(30):
        await app.ended.wait()
    return app.exit_code


@clause("initialize-answer", "limit-numbers")
async def test_initialize_tells_what_this_server_can_do(
    client: Client, place: Place | None
) -> None:
    assert await client.call("initialize", **hello(parentPid=1)) == {
        "protocolVersion": PROTOCOL_VERSION,
        "contractHash": contract_hash(),
        "server": {"name": "rpcbackend", "version": __version__},
        "capabilities": {
            "events": True,
            "cancellation": True,
            "progress": True,
            "dryRun": True,
            # A key is for files.
            "encryption": place is None,
        },
        "limits": Limits().model_dump(),
    }


async def test_a_client_of_another_protocol_is_refused_and_the_process_ends_with_76(
    app: Application, client: Client
) -> None:
    with pytest.raises(CallFailedError) as failed:
        await client.call("initialize", **hello(protocolVersion="999"))

    assert failed.value.symbol == "INVALID_PARAMS"
    assert failed.value.details == {"supported": [PROTOCOL_VERSION]}
    assert await ended(app) == 76


@pytest.mark.sqlite
async def test_a_plain_store_takes_no_key(client: Client, app: Application) -> None:
    await save_branch(client)

    with pytest.raises(CallFailedError) as failed:
        await client.call("initialize", **hello(databaseKey=written(KEY)))

    assert failed.value.symbol == "INVALID_PARAMS"
    assert failed.value.details == {"errors": [{"path": "databaseKey", "rule": "store_is_plain"}]}
    assert not app.ended.is_set()


@pytest.mark.parametrize("key", ["", "short", written(KEY) + "A", written(KEY)[:-1] + "+"])
async def test_a_key_that_is_none_is_refused_without_being_repeated(
    client: Client, key: str
) -> None:
    with pytest.raises(CallFailedError) as failed:
        await client.call("initialize", **hello(databaseKey=key))

    assert failed.value.symbol == "INVALID_PARAMS"
    assert failed.value.details is not None
    assert failed.value.details["errors"][0]["path"] == "databaseKey"
    assert not key or key not in str(failed.value.data)


LOCKED: list[Callable[[Client], Awaitable[Any]]] = [
    lambda client: client.call("students.get", studentId=an_id("stu")),
    save_branch,
    lambda client: client.call("events.subscribe"),
]


async def test_the_key_unlocks_an_encrypted_store_and_nothing_else_works_before(
    tmp_path: Path,
) -> None:
    async with store_in(tmp_path, key=KEY) as store:
        await add_all(store)

    async with running_app(tmp_path) as app:
        client = Client(app)
        assert app.ready().locked
        for call in LOCKED:
            with pytest.raises(CallFailedError) as failed:
                await call(client)
            assert failed.value.symbol == "NOT_INITIALIZED"
        assert await client.call("ping") == {}

        await client.call("initialize", **hello(databaseKey=written(KEY)))

        student = await client.call("students.get", studentId=an_id("stu"))
        assert student["givenName"] == "Ada"
        assert not app.ready().locked
        assert (await client.call("system.health"))["store"]["isEncrypted"]


async def test_initialize_without_the_key_leaves_an_encrypted_store_locked(tmp_path: Path) -> None:
    async with store_in(tmp_path, key=KEY):
        pass

    async with running_app(tmp_path) as app:
        client = Client(app)
        await client.call("initialize", **hello())

        with pytest.raises(CallFailedError) as failed:
            await client.call("branches.list")

        assert failed.value.symbol == "NOT_INITIALIZED"


async def test_a_wrong_key_is_refused_changes_nothing_and_ends_the_process_with_77(
    tmp_path: Path,
) -> None:
    async with store_in(tmp_path, key=KEY) as store:
        await add_all(store)
    before = contents_of(tmp_path)

    async with running_app(tmp_path) as app:
        client = Client(app)
        with pytest.raises(CallFailedError) as failed:
            await client.call("initialize", **hello(databaseKey=written(bytes(32))))
        assert failed.value.symbol == "NOT_INITIALIZED"
        assert failed.value.message == "This key does not open the store."
        assert await ended(app) == 77

    assert contents_of(tmp_path) == before


async def test_a_key_for_an_empty_directory_makes_an_encrypted_store(tmp_path: Path) -> None:
    async with running_app(tmp_path) as app:
        client = Client(app)
        await client.call("initialize", **hello(databaseKey=written(KEY)))
        branch = await save_branch(client)

    async with running_app(tmp_path) as app:
        assert app.ready().locked
        client = Client(app)
        await client.call("initialize", **hello(databaseKey=written(KEY)))
        assert await client.call("branches.list") == {"items": [branch]}


def contents_of(directory: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in directory.iterdir()}


async def test_a_plain_store_is_open_without_initialize(tmp_path: Path) -> None:
    async with running_app(tmp_path) as app:
        branch = await save_branch(Client(app))

    async with running_app(tmp_path) as app:
        assert app.is_open
        assert await Client(app).call("branches.list") == {"items": [branch]}


async def test_ping_answers_nothing_but_that_it_was_heard(client: Client) -> None:
    assert await client.call("ping") == {}


async def test_shutdown_answers_closes_the_store_and_ends_with_0(
    app: Application, client: Client, store: Store
) -> None:
    assert store.head_seq == 0

    assert await client.call("shutdown") == {}

    assert await ended(app) == 0
    assert not app.is_open
    with pytest.raises(CallFailedError) as failed:
        await client.call("branches.list")
    assert failed.value.symbol == "SHUTTING_DOWN"


@clause("main-only-capability")
async def test_a_window_cannot_end_the_process_with_a_version_that_does_not_fit(
    client: Client, app: Application
) -> None:
    await client.call("initialize", **hello(capability="A" * 43))

    with pytest.raises(CallFailedError) as failed:
        await client.call("initialize", **hello(protocolVersion="0"))

    assert failed.value.symbol == "INVALID_PARAMS"
    assert not app.ended.is_set()
