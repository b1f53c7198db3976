"""A disk that fills up while the real process serves, and has room again (Linux)."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.clauses import clause
from tests.e2e.backend import INITIALIZE, KEY, TIMEOUT_SECONDS, Backend, Disk, Start
from tests.machine import request

KIB, MIB = 1024, 1024 * 1024

SMALL = {
    "RPCBACKEND_DISK__BALLAST_BYTES": str(128 * KIB),
    "RPCBACKEND_DISK__WARN_BYTES": str(MIB),
    "RPCBACKEND_DISK__READ_ONLY_BYTES": str(256 * KIB),
    "RPCBACKEND_DISK__FIRST_LOOK_SECONDS": "0.05",
    "RPCBACKEND_DISK__RETRY_SECONDS": "0.05",
}
"""Bounds as small as the disk, and no long waits."""

BLIND = SMALL | {"RPCBACKEND_DISK__LOOK_SECONDS": "3600"}
"""It does not see the disk filling up: a write is the first to meet the end."""

BARE = BLIND | {
    "RPCBACKEND_DISK__BALLAST_BYTES": "0",
    "RPCBACKEND_DISK__READ_ONLY_BYTES": "0",
}
"""Nothing is kept back."""

SHORT = SMALL | {"RPCBACKEND_DISK__LOOK_SECONDS": "0.05"}


async def save(backend: Backend, name: str) -> Any:
    params = {"name": name, "zone": "UTC", "currency": "EUR", "address": "x" * 150}
    return await backend.ask(request(name, "branches.save", **params))


async def fill(backend: Backend) -> tuple[list[str], Any]:
    """Write until something is refused; return what was acknowledged, and the refusal."""
    acknowledged: list[str] = []
    for number in range(5_000):
        name = f"{number:04d}"
        reply = await save(backend, name)
        if "error" in reply:
            return acknowledged, reply["error"]
        acknowledged.append(name)
    raise AssertionError("the disk never filled up")


async def names_in(backend: Backend) -> list[str]:
    return sorted(branch["name"] for branch in (await backend.call("branches.list"))["items"])


async def until(backend: Backend, reason: str | None) -> dict[str, Any]:
    """Wait until the store is read-only for this reason, or for none."""
    async with asyncio.timeout(TIMEOUT_SECONDS):
        while True:
            health = await backend.call("system.health")
            if health["store"] and health["store"]["readOnly"] == reason:
                return health


async def until_so(backend: Backend, is_so: Callable[[], bool]) -> None:
    """Ask the process for nothing until something outside of it is so."""
    async with asyncio.timeout(TIMEOUT_SECONDS):
        while not is_so():
            await backend.call("ping")


@clause("disk-full-recovers")
@pytest.mark.parametrize("key", [None, KEY], ids=["plain", "encrypted"])
async def test_a_full_disk_loses_nothing_serves_reads_and_is_written_again_when_there_is_room(
    start: Start, disk: Disk, tmp_path: Path, key: str | None
) -> None:
    backend = await start(**disk.environment, **BLIND)
    await backend.call("initialize", **INITIALIZE, databaseKey=key)
    await save(backend, "first")
    ballast = tmp_path / "data" / "school.ballast"
    await until_so(backend, ballast.exists)
    disk.leave(200 * KIB)

    acknowledged, refusal = await fill(backend)

    assert (refusal["code"], refusal["data"]["retryable"]) == (1706, True)
    health = await until(backend, "disk")
    assert health["status"] == "read_only"
    assert not ballast.exists()
    refused = (await save(backend, "refused"))["error"]
    assert (refused["code"], refused["data"]["details"]) == (1108, {"reason": "disk"})
    assert (refused["data"]["retryable"], refused["data"]["outcome"]) == (True, "none")
    assert await names_in(backend) == sorted([*acknowledged, "first"])

    disk.leave(4 * MIB)
    await until(backend, None)

    assert "result" in await save(backend, "again")
    await until_so(backend, ballast.exists)
    assert await backend.end() == 0
    assert backend.stderr.count("nothing is written any more {'reason': 'disk'") == 1
    assert backend.stderr.count("there is room again: writing goes on") == 1
    reopened = await start()
    await reopened.call("initialize", **INITIALIZE, databaseKey=key)
    assert await names_in(reopened) == sorted([*acknowledged, "again", "first"])
    assert (await reopened.call("system.health", deep=True))["store"]["problems"] == []


async def test_a_disk_that_fills_up_is_warned_of_once_and_then_written_no_more(
    start: Start, disk: Disk
) -> None:
    backend = await start(**disk.environment, **SHORT)
    await save(backend, "first")
    await until(backend, None)

    disk.leave(900 * KIB)
    await until_so(backend, lambda: "the disk is filling up" in backend.stderr)
    assert "result" in await save(backend, "second")
    disk.leave(100 * KIB)
    await until(backend, "disk")
    refused = (await save(backend, "refused"))["error"]

    assert refused["message"] == (
        "The disk is almost full; free some space, and writing goes on by itself."
    )
    assert refused["data"]["retryAfterMs"] == 5_000
    assert backend.stderr.count("the disk is filling up") == 1
    assert await names_in(backend) == ["first", "second"]


@pytest.mark.parametrize("room", [0, 20 * KIB, 44 * KIB])
async def test_wherever_the_room_ends_nothing_acknowledged_is_lost(
    start: Start, disk: Disk, room: int
) -> None:
    backend = await start(**disk.environment, **BARE)
    await save(backend, "first")
    disk.leave(room)

    acknowledged, refusal = await fill(backend)

    assert refusal["code"] == 1706
    assert await names_in(backend) == sorted([*acknowledged, "first"])
    assert await backend.end() == 0
    reopened = await start()
    assert await names_in(reopened) == sorted([*acknowledged, "first"])


async def test_a_store_on_a_disk_that_is_full_at_the_start_is_opened_and_read(
    start: Start, disk: Disk, tmp_path: Path
) -> None:
    first = await start(**disk.environment, **SMALL)
    await save(first, "first")
    await until_so(first, (tmp_path / "data" / "school.ballast").exists)
    await first.end()
    disk.leave(0)

    backend = await start(**disk.environment, **SMALL)

    assert await names_in(backend) == ["first"]
    await until(backend, "disk")
    assert (await save(backend, "second"))["error"]["code"] == 1108
    disk.leave(4 * MIB)
    await until(backend, None)
    assert "result" in await save(backend, "second")
