"""A database in a folder that cannot be written, served all the same (Linux)."""

import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.clauses import clause
from tests.e2e.backend import INITIALIZE, KEY, Backend, Disk, Start, run
from tests.machine import request

BRANCH = {"name": "Mitte", "zone": "Europe/Berlin", "currency": "EUR"}


SERVE = ("serve", "--data-dir")


def copies_in(directory: Path) -> list[Path]:
    return list(directory.glob("rpcbackend-*"))


def files_in(directory: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in directory.iterdir()}


async def check_that_it_is_read_alone(backend: Backend, reason: str) -> None:
    """Ask questions, and try to change something."""
    listed = (await backend.call("branches.list"))["items"]
    assert [branch["name"] for branch in listed] == ["Mitte"]
    refused = (await backend.ask(request(1, "branches.save", **BRANCH)))["error"]
    assert (refused["code"], refused["data"]["details"]) == (1108, {"reason": reason})
    assert (refused["data"]["retryable"], refused["data"]["outcome"]) == (False, "none")
    health = await backend.call("system.health", deep=True)
    assert (health["status"], health["store"]["readOnly"]) == ("read_only", reason)
    assert (health["store"]["integrity"], health["store"]["headSeq"]) == ("ok", 1)


async def leave_a_log(start: Start, directory: Path, aside: Path, **given: Any) -> None:
    """Leave a store as a kill does: its last writes in the log alone."""
    backend = await start()
    await backend.call("initialize", **INITIALIZE, **given)
    await backend.call("branches.save", **BRANCH)
    shutil.copytree(directory, aside)
    await backend.end()
    shutil.rmtree(directory)
    shutil.move(aside, directory)
    assert files_in(directory)["school.db-wal"] != b""


@clause("read-only-serves")
@pytest.mark.parametrize("key", [None, KEY], ids=["plain", "encrypted"])
@pytest.mark.parametrize("has_log", [False, True], ids=["closed", "killed"])
async def test_a_store_on_a_disk_that_cannot_be_written_is_read_and_left_as_it_is(
    start: Start, disk: Disk, tmp_path: Path, *, key: str | None, has_log: bool
) -> None:
    directory = tmp_path / "data"
    if has_log:
        await leave_a_log(start, directory, tmp_path / "aside", databaseKey=key)
    else:
        backend = await start()
        await backend.call("initialize", **INITIALIZE, databaseKey=key)
        await backend.call("branches.save", **BRANCH)
        await backend.end()
    before = files_in(directory)
    disk.seal()

    sealed = await start(**disk.environment, TMPDIR=str(tmp_path))
    await sealed.call("initialize", **INITIALIZE, databaseKey=key)

    await check_that_it_is_read_alone(sealed, "file_system")
    assert await sealed.end() == 0
    assert sealed.stderr.count("nothing is written {'reason': 'file_system'}") == 1
    assert files_in(directory) == before
    assert copies_in(tmp_path) == []


async def test_a_sealed_store_belongs_to_one_process_too(start: Start, disk: Disk) -> None:
    backend = await start()
    await backend.call("branches.save", **BRANCH)
    await backend.end()
    disk.seal()
    first = await start(**disk.environment)

    code, _, err = await run(*SERVE, str(disk.directory), given=b"", **disk.environment)

    assert (code, "is in use by another rpcbackend" in err) == (69, True)
    await check_that_it_is_read_alone(first, "file_system")


async def test_where_nothing_can_be_written_no_store_is_begun(disk: Disk) -> None:
    disk.directory.mkdir()
    disk.seal()

    code, _, err = await run(*SERVE, str(disk.directory), given=b"", **disk.environment)

    assert (code, "cannot be used as data directory: Read-only file system" in err) == (73, True)


async def test_the_setting_serves_a_store_as_it_is(start: Start, tmp_path: Path) -> None:
    backend = await start()
    await backend.call("branches.save", **BRANCH)
    await backend.end()
    before = (tmp_path / "data" / "school.db").read_bytes()

    as_it_is = await start(RPCBACKEND_READ_ONLY="true")

    await check_that_it_is_read_alone(as_it_is, "setting")
    assert await as_it_is.end() == 0
    assert (tmp_path / "data" / "school.db").read_bytes() == before
