"""A real process whose disk fails or is full tells the truth, and the next one settles the rest."""

import asyncio
from itertools import islice
from pathlib import Path

import pytest

from tests.factories import KEY
from tests.faults.budget import FIGURES, IS_FULL, SECONDS
from tests.faults.checker import Checker
from tests.faults.deeds import deeds, make_school
from tests.faults.desk import FULL
from tests.faults.judging import look_through
from tests.faults.served import backend

COMMANDS = 150

# Any will do but the third, in which SQLite syncs the folder of a new log and does not look at how
# that went (docs/faults.md): test_failing_disk.py tries all of them.
CALLS = range(13, 300, 10) if IS_FULL else (100,)

STOPPED = ("OUTCOME_UNKNOWN", "SHUTTING_DOWN")


def preloaded(fault: Path, directory: Path) -> dict[str, str]:
    return {"LD_PRELOAD": str(fault), "FAULT_FOLDER": str(directory)}


def arm(directory: Path, what: str) -> None:
    directory.with_name(f"{directory.name}.arm").write_text(what, encoding="utf-8")


async def settle(directory: Path, checker: Checker) -> None:
    """Send again what failed, to a new process on a good disk, and judge all."""
    async with backend(directory, checker) as process:
        await process.serve(iter(checker.bury()))
        assert await process.end() == 0
    assert checker.bury() == []
    checker.judge(await look_through(directory, KEY))


@pytest.mark.parametrize("at", CALLS)
async def test_a_process_whose_disk_fails_exits_with_74_and_the_next_one_settles_the_rest(
    fault: Path, folder: Path, at: int
) -> None:
    directory, checker = folder / "data", Checker(*STOPPED)
    await make_school(directory)

    async with asyncio.timeout(SECONDS):
        async with backend(directory, checker, **preloaded(fault, directory)) as process:
            arm(directory, f"eio {at}")
            await process.serve(islice(deeds(), COMMANDS))
            assert await process.end() == 74
        assert checker.errors["OUTCOME_UNKNOWN unknown"] > 0
        await settle(directory, checker)

    FIGURES.tell(f"a real process, eio at call {at}", **checker.errors)


@pytest.mark.parametrize("at", CALLS)
async def test_a_process_whose_disk_is_full_goes_on_reading_and_writes_when_there_is_room(
    fault: Path, folder: Path, at: int
) -> None:
    directory, checker = folder / "data", Checker(*FULL)
    await make_school(directory)

    async with asyncio.timeout(SECONDS):
        environment = preloaded(fault, directory) | {"RPCBACKEND_DISK__RETRY_SECONDS": "0.01"}
        async with backend(directory, checker, **environment) as process:
            arm(directory, f"full {at}")
            await process.serve(islice(deeds(), COMMANDS))
            assert checker.errors["DISK_FULL none"] > 0
            assert len((await process.call("students.list"))["items"]) > 0
            directory.with_name("data.room").touch()
            while rest := checker.bury():
                await process.serve(iter(rest))
            assert await process.end() == 0
        checker.judge(await look_through(directory, KEY))

    FIGURES.tell(f"a real process, full from call {at} on", **checker.errors)
