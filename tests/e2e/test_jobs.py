"""Jobs of the real process: told while they run, stopped with it, found after a kill."""

import asyncio
import signal
from operator import itemgetter
from pathlib import Path
from typing import Any

import pytest

from tests.clauses import clause
from tests.e2e.backend import Backend, Start

TOKEN = {"_meta": {"progressToken": "t"}}


def request(request_id: Any, channel: str, **params: Any) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": request_id, "method": channel, "params": params}


async def until(backend: Backend, kind: str) -> list[Any]:
    """Return the lines up to the first step of that kind, or to the end."""
    lines: list[Any] = []
    async with asyncio.timeout(60):
        while not lines or kind_of(lines[-1]) not in (kind, "end"):
            lines.append(await backend.line())
    return lines


def kind_of(line: dict[str, Any]) -> Any:
    return line.get("params", {}).get("value", {}).get("kind")


async def begin_backup(backend: Backend) -> str:
    """Begin a backup, wait until it runs, and return the job's id."""
    backend.send(request("b", "backups.create", **TOKEN))
    reply, *_ = await until(backend, "begin")
    return str(reply["result"]["jobId"])


async def begin_backups(backend: Backend) -> list[str]:
    """Begin many backups in one write, and return the jobs' ids once all are answered.

    They run one after the other: however slowly this process gets on, the last one is not over.
    """
    backend.send(*(request(number, "backups.create") for number in range(12)))
    replies = [await backend.line() for _ in range(12)]
    return [reply["result"]["jobId"] for reply in sorted(replies, key=itemgetter("id"))]


async def made_by(backend: Backend, job_ids: list[str], code: str) -> list[str]:
    """Return the files of the backups that there are, once the jobs agree with them."""
    jobs = [await backend.call("jobs.get", jobId=job_id) for job_id in job_ids]
    failed = [job for job in jobs if job["state"] != "done"]
    assert {(job["state"], job["error"]["code"]) for job in failed} == {("failed", code)}
    assert all(job["error"]["retryable"] for job in failed)
    assert jobs[-1] in failed
    done = {job["result"]["backupId"] for job in jobs if job["state"] == "done"}
    there = {entry["id"] for entry in (await backend.call("backups.list"))["items"]}
    # One may have been whole when its job could not be concluded any more.
    assert done <= there
    assert len(there - done) <= 1
    return sorted(f"{name}.{end}" for name in there for end in ("db", "json"))


def files_of(directory: Path) -> list[Path]:
    return list(directory.glob("school.*"))


def files_in(directory: Path) -> list[str]:
    folder = directory / "backups"
    return sorted(path.name for path in folder.iterdir()) if folder.exists() else []


async def test_the_desk_is_answered_while_a_backup_is_made(
    start: Start, seeded_school: Path
) -> None:
    backend = await start()
    backend.send(
        request("b", "backups.create", **TOKEN),
        request(1, "students.list"),
        request(2, "branches.list"),
    )

    lines = await until(backend, "end")

    replies = {line["id"]: line["result"] for line in lines if "id" in line}
    assert replies[1]["items"]
    assert replies[2]["items"]
    job = await backend.call("jobs.get", jobId=replies["b"]["jobId"])
    assert job["state"] == "done"
    [entry] = (await backend.call("backups.list"))["items"]
    assert files_in(seeded_school) == [f"{entry['id']}.db", f"{entry['id']}.json"]


@clause("job-ends-recorded")
@pytest.mark.usefixtures("seeded_school")
async def test_a_backup_whose_process_is_killed_has_failed_and_does_not_count(
    start: Start, seeded_school: Path
) -> None:
    backend = await start()
    job_ids = await begin_backups(backend)
    backend.signal(signal.SIGKILL)
    await backend.exit_code()

    backend = await start()

    there = await made_by(backend, job_ids, "OUTCOME_UNKNOWN")
    made = (await until_done(backend, await begin_backup(backend)))["result"]["backupId"]
    assert files_in(seeded_school) == sorted([*there, f"{made}.db", f"{made}.json"])


@clause("job-ends-recorded")
async def test_a_backup_that_runs_at_the_end_of_stdin_is_stopped_and_leaves_nothing(
    start: Start, seeded_school: Path
) -> None:
    backend = await start()
    job_ids = await begin_backups(backend)

    assert await backend.end() == 0

    files = files_in(seeded_school)
    assert files == await made_by(await start(), job_ids, "SHUTTING_DOWN")


@pytest.mark.usefixtures("seeded_school")
async def test_the_day_s_backup_is_made_by_itself(start: Start) -> None:
    backend = await start(RPCBACKEND_BACKUPS__DELAY_SECONDS="0")

    jobs: list[dict[str, Any]] = []
    async with asyncio.timeout(60):
        while not (jobs and jobs[0]["state"] == "done"):
            # The first one: the upkeep comes behind it.
            jobs = (await backend.call("jobs.list"))["items"][-1:]

    assert [(job["channel"], job["actor"]) for job in jobs] == [("backups.create", "schedule")]
    health = await backend.call("system.health")
    assert health["store"]["lastBackup"]["id"] == jobs[0]["result"]["backupId"]


async def test_a_restore_goes_back_and_its_job_is_found_by_the_next_process_too(
    start: Start, seeded_school: Path
) -> None:
    backend = await start()
    made = await until_done(backend, await begin_backup(backend))
    await backend.call("branches.save", name="Nord", zone="UTC", currency="EUR")
    backup_id = made["result"]["backupId"]
    params = {"backupId": backup_id, "mode": "replace", "confirmPhrase": backup_id}

    replaced = await backend.call("backups.restore", **params, _meta={"idempotencyKey": "k"})
    job = await until_done(backend, replaced["jobId"])

    assert job["result"]["restoredToSeq"] == made["result"]["headSeq"]
    assert "Nord" not in await branches(backend)
    assert await backend.end() == 0
    backend = await start()
    assert await backend.call("jobs.get", jobId=job["id"]) == job
    assert "Nord" not in await branches(backend)
    again = await backend.call("backups.restore", **params, _meta={"idempotencyKey": "k"})
    assert again["jobId"] == job["id"]
    assert backend.stderr == ""
    assert "school.restore" not in {path.name for path in files_of(seeded_school)}


@clause("job-ends-recorded")
@pytest.mark.parametrize("seen", ["begin", "report"])
async def test_a_restore_whose_process_is_killed_is_done_or_has_failed_and_the_store_agrees(
    start: Start, seeded_school: Path, seen: str
) -> None:
    backend = await start()
    made = await until_done(backend, await begin_backup(backend))
    await backend.call("branches.save", name="Nord", zone="UTC", currency="EUR")
    backup_id = made["result"]["backupId"]
    params = {"backupId": backup_id, "mode": "replace", "confirmPhrase": backup_id}
    meta = {"idempotencyKey": "k", "progressToken": "t"}
    backend.send(request("r", "backups.restore", **params, _meta=meta))
    lines = await until(backend, seen)
    backend.signal(signal.SIGKILL)
    await backend.exit_code()

    backend = await start()

    job_id = next(line["result"]["jobId"] for line in lines if "id" in line)
    job = await backend.call("jobs.get", jobId=job_id)
    assert job["state"] in ("done", "failed")
    assert ("Nord" in await branches(backend)) == (job["state"] == "failed")
    left = {path.name for path in files_of(seeded_school)}
    assert not {name for name in left if "restore" in name}


async def until_done(backend: Backend, job_id: str) -> dict[str, Any]:
    """Wait until a job is done, passing by what it tells meanwhile, and return it."""
    async with asyncio.timeout(60):
        while True:
            backend.send(request("j", "jobs.get", jobId=job_id))
            while (line := await backend.line()).get("id") != "j":
                pass
            job: dict[str, Any] = line["result"]
            assert job["error"] is None
            if job["state"] == "done":
                return job


async def branches(backend: Backend) -> list[str]:
    return [branch["name"] for branch in (await backend.call("branches.list"))["items"]]
