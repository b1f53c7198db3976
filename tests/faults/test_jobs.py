"""A job that is killed with its process, again and again, goes on in the next one and ends once."""

import asyncio
import hashlib
import random
import shutil
import signal
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
import pytest

from rpcbackend.cli import main
from rpcbackend.jobs.resuming import MAX_ATTEMPTS
from tests.clauses import clause
from tests.e2e.backend import Backend
from tests.faults.budget import FIGURES, IS_FULL

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

    exports: int = 0
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


async def finish(directory: Path, job_id: str) -> tuple[dict[str, Any], list[Any]]:
    """Let a process live until the job has ended; return it, and the rows of the audit of it."""
    backend = await Backend.start(directory)
    await backend.line()
    job = {"state": "running"}
    async with asyncio.timeout(30):
        while job["state"] in ("queued", "running"):
            job = await backend.call("jobs.get", jobId=job_id)
    rows = (await backend.call("audit.list", channel="exports.start"))["items"]
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

    assert tally.kills >= tally.exports
    FIGURES.tell("jobs that go on", **vars(tally))


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
    tally.exports += 1
    tally.kills += kills
    tally.begun_again += job["attempts"] - 1
