"""A job that is killed with its process, again and again, goes on in the next one and ends once."""

import asyncio
import hashlib
import random
import shutil
import signal
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import orjson
import pytest

from rpcbackend.cli import main
from rpcbackend.jobs.resuming import MAX_ATTEMPTS
from rpcbackend.store import Work
from rpcbackend.testing import FrozenClock
from tests.clauses import clause
from tests.e2e.backend import Backend
from tests.factories import at, store_in
from tests.faults.budget import FIGURES, IS_FULL
from tests.store.test_outbox import HELLO

SEED = 7
ROUNDS = 100 if IS_FULL else 4
"""How many exports, each on a fresh copy of the school."""

MOST_SECONDS = 0.12
"""How long a process lives at most behind its first line; an export takes about as long."""


@pytest.fixture(scope="module")
def school(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("school") / "data"
    arguments = ("--students", "60", "--years", "1", "--data-dir", str(directory))
    assert main(["seed", *arguments]) == 0
    return directory


@dataclass
class Tally:
    """What happened in all rounds."""

    jobs: int = 0
    kills: int = 0
    begun_again: int = 0


async def live(directory: Path, *calls: tuple[str, dict[str, Any]], seconds: float) -> list[Any]:
    """Let a process answer the calls, live a little longer, and die; return the answers."""
    backend = await Backend.start(directory)
    try:
        await backend.line()
        answers = [await backend.call(channel, **params) for channel, params in calls]
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await backend.exit_code()
    finally:
        backend.signal(signal.SIGKILL)
        await backend.exit_code()
    return answers


async def finish(
    directory: Path, job_id: str, channel: str = "exports.start"
) -> tuple[dict[str, Any], list[Any]]:
    """Let a process live until the job has ended; return it, and the rows of the audit of it."""
    backend = await Backend.start(directory)
    await backend.line()
    job = {"state": "running"}
    async with asyncio.timeout(30):
        while job["state"] in ("queued", "running"):
            job = await backend.call("jobs.get", jobId=job_id)
    rows = (await backend.call("audit.list", channel=channel))["items"]
    assert await backend.end() == 0
    return job, rows


@clause("job-goes-on")
async def test_an_export_whose_processes_are_killed_is_there_once_and_whole(
    school: Path, tmp_path: Path
) -> None:
    chance, tally = random.Random(SEED), Tally()  # noqa: S311 (moments of death)
    for number in range(ROUNDS):
        folder = tmp_path / str(number)
        (folder / "out").mkdir(parents=True)
        await torment(shutil.copytree(school, folder / "data"), folder / "out", chance, tally)
        shutil.rmtree(folder)

    assert tally.kills >= tally.jobs
    FIGURES.tell("exports that go on", **vars(tally))


def names_in(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir()]


async def torment(data: Path, out: Path, chance: random.Random, tally: Tally) -> None:
    """Begin an export, kill a few processes, and look at what there is in the end."""
    path = out / "lessons.json"
    export = ("exports.start", {"kind": "lessons", "format": "json", "path": str(path)})
    [begun] = await live(data, export, seconds=chance.uniform(0, MOST_SECONDS))
    kills = 1
    for _ in range(chance.randrange(MAX_ATTEMPTS - 1)):
        await live(data, seconds=chance.uniform(0, MOST_SECONDS))
        kills += 1

    job, rows = await finish(data, begun["jobId"])

    assert job["state"] == "done", job
    content = path.read_bytes()
    assert job["result"]["sha256"] == hashlib.sha256(content).hexdigest()
    assert job["result"]["rows"] == len(orjson.loads(content))
    assert names_in(out) == [path.name]
    # One for the call that began it, and one for its end.
    assert len(rows) == 2
    assert job["attempts"] <= kills + 1
    tally.jobs += 1
    tally.kills += kills
    tally.begun_again += job["attempts"] - 1


MESSAGES = 20_000 if IS_FULL else 3_000
"""How many have been over for long; the upkeep removes a hundred in a transaction."""


@pytest.fixture(scope="module")
def old_school(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A school whose messages were all withdrawn years ago."""
    directory = tmp_path_factory.mktemp("old") / "data"
    asyncio.run(withdraw_all(directory))
    return directory


async def withdraw_all(directory: Path) -> None:
    async def unit(work: Work) -> None:
        for number in range(MESSAGES):
            key = f"message {number}"
            await work.outbox.queue(replace(HELLO, dedupe_key=key))
            await work.outbox.withdraw(key)

    async with store_in(directory, clock=FrozenClock(at("2020-01-01T00:00:00Z"))) as store:
        await store.write(unit, actor="tests")


async def test_upkeep_whose_processes_are_killed_removes_all_and_counts_each_once(
    old_school: Path, tmp_path: Path
) -> None:
    chance, tally = random.Random(SEED), Tally()  # noqa: S311 (moments of death)
    for number in range(ROUNDS):
        data = shutil.copytree(old_school, tmp_path / str(number) / "data")
        run = ("schedules.run", {"name": "upkeep"})
        [begun] = await live(data, run, seconds=chance.uniform(0, MOST_SECONDS))
        kills = 1 + chance.randrange(MAX_ATTEMPTS - 1)
        for _ in range(kills - 1):
            await live(data, seconds=chance.uniform(0, MOST_SECONDS))

        job, rows = await finish(data, begun["jobId"], "schedules.run")

        assert job["state"] == "done", job
        assert job["result"]["removed"]["messages"] == MESSAGES
        assert len(rows) == 2
        tally.jobs += 1
        tally.kills += kills
        tally.begun_again += job["attempts"] - 1
        shutil.rmtree(tmp_path / str(number))

    FIGURES.tell("upkeep that goes on", **vars(tally))
