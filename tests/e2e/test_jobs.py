"""Jobs of the real process: told while they run, stopped with it, found after a kill."""

import signal
from pathlib import Path
from typing import Any

import pytest

from tests.clauses import clause
from tests.e2e.backend import Backend, Start

TOKEN = {"_meta": {"progressToken": "t"}}


def request(request_id: Any, channel: str, **params: Any) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": request_id, "method": channel, "params": params}


async def until(backend: Backend, kind: str) -> list[Any]:
    """Return the lines up to the first step of that kind."""
    lines: list[Any] = []
    while not lines or lines[-1].get("params", {}).get("value", {}).get("kind") != kind:
        lines.append(await backend.line())
    return lines


async def begin_backup(backend: Backend) -> str:
    """Begin a backup, wait until it runs, and return the job's id."""
    backend.send(request("b", "backups.create", **TOKEN))
    reply, *_ = await until(backend, "begin")
    return str(reply["result"]["jobId"])


def files_of(directory: Path) -> list[Path]:
    return list(directory.glob("school.*"))


def files_in(directory: Path) -> list[str]:
    folder = directory / "backups"
    return sorted(path.name for path in folder.iterdir()) if folder.exists() else []


async def test_the_desk_is_answered_while_a_backup_is_made(
    start: Start, seeded_school: Path
) -> None:
    backend = await start()
    job_id = await begin_backup(backend)

    backend.send(request(1, "students.list"), request(2, "jobs.get", jobId=job_id))

    lines = await until(backend, "end")
    replies = {line["id"]: line["result"] for line in lines if "id" in line}
    assert replies[1]["items"]
    assert replies[2]["state"] == "running"
    assert (await backend.call("jobs.get", jobId=job_id))["state"] == "done"
    [entry] = (await backend.call("backups.list"))["items"]
    assert files_in(seeded_school) == [f"{entry['id']}.db", f"{entry['id']}.json"]


@clause("job-ends-recorded")
@pytest.mark.usefixtures("seeded_school")
async def test_a_backup_whose_process_is_killed_has_failed_and_does_not_count(
    start: Start, seeded_school: Path
) -> None:
    backend = await start()
    job_id = await begin_backup(backend)
    backend.signal(signal.SIGKILL)
    await backend.exit_code()

    backend = await start()

    job = await backend.call("jobs.get", jobId=job_id)
    assert (job["state"], job["error"]["code"]) == ("failed", "OUTCOME_UNKNOWN")
    assert job["error"]["retryable"] is True
    assert (await backend.call("backups.list"))["items"] == []
    await begin_backup(backend)
    await until(backend, "end")
    [entry] = (await backend.call("backups.list"))["items"]
    assert files_in(seeded_school) == [f"{entry['id']}.db", f"{entry['id']}.json"]


@clause("job-ends-recorded")
async def test_a_backup_that_runs_at_the_end_of_stdin_is_stopped_and_leaves_nothing(
    start: Start, seeded_school: Path
) -> None:
    backend = await start()
    job_id = await begin_backup(backend)

    assert await backend.end() == 0

    assert files_in(seeded_school) == []
    backend = await start()
    job = await backend.call("jobs.get", jobId=job_id)
    assert (job["state"], job["error"]["code"]) == ("failed", "SHUTTING_DOWN")


@pytest.mark.usefixtures("seeded_school")
async def test_the_day_s_backup_is_made_by_itself(start: Start) -> None:
    backend = await start(RPCBACKEND_BACKUPS__DELAY_SECONDS="0")

    jobs: list[dict[str, Any]] = []
    while not (jobs and jobs[0]["state"] == "done"):
        jobs = (await backend.call("jobs.list"))["items"]

    assert [(job["channel"], job["actor"]) for job in jobs] == [("backups.create", "daily")]
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
