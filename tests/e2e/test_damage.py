"""A database that is damaged: found at the start or under way, and never changed."""

import shutil
import signal
from pathlib import Path

import pytest

from tests.clauses import clause
from tests.e2e.backend import INITIALIZE, KEY, Backend, Start, run
from tests.machine import request
from tests.store.damage import damage, fill_pages

RAW_KEY = bytes(32)
ADVICE = (
    "(1) restore a backup from elsewhere, with rpcbackend restore: there is none here;"
    " (2) save what can still be read, with rpcbackend doctor --salvage;"
    " (3) look at it as it is, with RPCBACKEND_READ_ONLY=true"
)


def contents_of(directory: Path) -> dict[str, bytes]:
    names = ("school.db", "school.db-wal")
    return {name: (directory / name).read_bytes() for name in names}


async def kill(backend: Backend) -> None:
    """Leave a log behind."""
    await backend.call("branches.save", name="Ost", zone="UTC", currency="EUR")
    backend.signal(signal.SIGKILL)
    assert await backend.exit_code() == -signal.SIGKILL


def the_copy_in(directory: Path) -> Path:
    (copy,) = (directory / "quarantine").iterdir()
    assert (directory / "quarantine").stat().st_mode & 0o077 == 0
    assert all(file.stat().st_mode & 0o077 == 0 for file in copy.iterdir())
    return copy


@clause("damage-stays")
async def test_after_a_kill_a_damaged_store_is_put_aside_and_left_as_it_is(
    start: Start, tmp_path: Path
) -> None:
    directory = tmp_path / "data"
    await fill_pages(directory, None, length=150)
    await kill(await start())
    damage(directory)
    before = contents_of(directory)

    for _ in range(2):
        code, out, err = await run("serve", "--data-dir", str(directory))

        assert (code, out) == (74, b"")
        copy = the_copy_in(directory)
        assert err == (
            f"rpcbackend: the database in {directory} is damaged; it stays as it is, and a copy is"
            f" in {copy}. What to do, in this order: {ADVICE}\n"
        )
        assert contents_of(copy) == contents_of(directory) == before


async def test_after_a_kill_a_damaged_encrypted_store_is_found_when_its_key_comes(
    start: Start, tmp_path: Path
) -> None:
    directory = tmp_path / "data"
    await fill_pages(directory, RAW_KEY, length=150)
    backend = await start()
    await backend.call("initialize", **INITIALIZE, databaseKey=KEY)
    await kill(backend)
    damage(directory)
    before = contents_of(directory)

    locked = await start()
    refused = await locked.ask(request(1, "initialize", **INITIALIZE, databaseKey=KEY))

    assert refused["error"]["message"] == (
        "The database is damaged and stays as it is; restore a backup, or salvage it."
    )
    assert await locked.exit_code() == 74
    assert ADVICE in locked.stderr
    assert contents_of(the_copy_in(directory)) == contents_of(directory) == before


async def test_a_damaged_page_that_is_met_under_way_ends_the_process_and_nothing_is_changed(
    start: Start, tmp_path: Path
) -> None:
    directory = tmp_path / "data"
    await fill_pages(directory, RAW_KEY, length=150)
    backend = await start()
    await backend.call("initialize", **INITIALIZE, databaseKey=KEY)
    await backend.call("students.list")
    damage(directory)
    before = contents_of(directory)

    reply = await backend.ask(request(1, "branches.list"))

    assert "error" in reply, reply
    assert await backend.exit_code() == 74
    assert ADVICE in backend.stderr
    assert contents_of(the_copy_in(directory)) == contents_of(directory) == before


@pytest.mark.parametrize("has_log", [False, True], ids=["closed", "killed"])
async def test_what_can_be_read_of_a_damaged_store_is_served_when_the_setting_wants_it(
    start: Start, tmp_path: Path, *, has_log: bool
) -> None:
    directory = tmp_path / "data"
    await fill_pages(directory, RAW_KEY, length=150)
    backend = await start()
    await backend.call("initialize", **INITIALIZE, databaseKey=KEY)
    await (kill(backend) if has_log else backend.end())
    damage(directory)
    before = (directory / "school.db").read_bytes()

    as_it_is = await start(RPCBACKEND_READ_ONLY="true")
    await as_it_is.call("initialize", **INITIALIZE, databaseKey=KEY)

    assert (await as_it_is.call("students.list"))["items"] == []
    lost = (await as_it_is.ask(request(1, "branches.list")))["error"]
    assert (lost["code"], lost["message"]) == (
        -32603,
        "The database is damaged where this answer stands; restore a backup, or salvage it.",
    )
    assert (await as_it_is.call("system.health", deep=True))["status"] == "damaged"
    assert await as_it_is.end() == 0
    assert (directory / "school.db").read_bytes() == before


async def test_a_store_that_was_closed_is_not_looked_through_at_the_start(
    start: Start, tmp_path: Path
) -> None:
    await fill_pages(tmp_path / "data", None, length=150)
    damage(tmp_path / "data")

    backend = await start()

    assert (await backend.call("students.list"))["items"] == []
    assert not (tmp_path / "data" / "quarantine").exists()
    shutil.rmtree(tmp_path / "data")
