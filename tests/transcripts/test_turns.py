"""Jobs of a replay go on where those of the recording did, and no further."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from rpcbackend.schema.jobs import Job
from rpcbackend.schema.schedules import ScheduleName
from rpcbackend.schema.steps import JobFacts, NoFacts
from rpcbackend.testing import Client, FrozenClock
from rpcbackend.transcripts.timeline import Calls
from rpcbackend.transcripts.turns import Turns
from tests.clauses import clause
from tests.factories import School, an_id, create_student, save_branch
from tests.jobs.toys import make_job
from tests.transcripts.desks import all_of, assert_same, entries_in, recorded, replayed

FACTS = JobFacts(job_id=an_id("job"))


def make_turns(*, is_told: bool = True) -> Turns:
    return Turns(Calls(b"seed", 1_000), is_told=is_told)


async def test_a_step_of_a_job_waits_until_it_may_be_taken() -> None:
    turns = make_turns()
    waits = asyncio.create_task(turns.wait("begin_job", FACTS))
    await asyncio.sleep(0)
    assert not waits.done()

    turns.let("begin_job", FACTS)

    async with asyncio.timeout(5):
        await waits
    assert turns.moment("begin_job", FACTS) is turns.moment("begin_job", FACTS)


async def test_the_work_of_a_job_waits_for_what_comes_of_it() -> None:
    turns = make_turns()
    turns.let("begin_job", FACTS)
    await turns.wait("begin_job", FACTS)
    works = asyncio.create_task(turns.wait("run_job", FACTS))
    await asyncio.sleep(0)
    assert not works.done()

    turns.let("end_job", FACTS)

    async with asyncio.timeout(5):
        await works


async def test_nothing_waits_for_what_is_not_told_nor_for_an_end() -> None:
    over = make_turns()
    over.close()

    async with asyncio.timeout(5):
        await make_turns(is_told=False).wait("begin_job", FACTS)
        await make_turns().wait("plan", NoFacts())
        await over.wait("end_job", FACTS)


async def test_a_job_is_settled_that_is_over_waits_or_stands_behind_another() -> None:
    turns, first, second = make_turns(), make_job(1), make_job(2)
    jobs: dict[str, Job] = {job.id: job for job in (first, second)}
    never = asyncio.Event()

    async def end(job_id: str) -> None:
        if job_id in jobs:
            await never.wait()

    waits = asyncio.create_task(turns.wait("end_job", JobFacts(job_id=first.id)))
    await asyncio.sleep(0)

    async with asyncio.timeout(5):
        for job_id in (first.id, second.id, an_id("job", 3)):
            await turns.settle(job_id, jobs.get, end)
    waits.cancel()


async def test_a_job_that_comes_to_nothing_is_waited_for_no_longer_than_any_takes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("rpcbackend.transcripts.turns.PATIENCE_SECONDS", 0.0)

    async def end(_: str) -> None:
        await asyncio.Event().wait()

    async with asyncio.timeout(5):
        await make_turns().settle(FACTS.job_id, lambda _: None, end)


async def export(client: Client, path: Path, key: str, **params: Any) -> str:
    started = await client.call_with_meta(
        "exports.start",
        {"kind": "students", "format": "csv", "path": str(path)}
        | params
        | {"_meta": {"idempotencyKey": key}},
    )
    return str(started["jobId"])


@clause("transcript-replays")
async def test_jobs_beside_calls_come_again_with_their_events_where_they_were(
    tmp_path: Path,
) -> None:
    async with recorded(tmp_path) as client:
        school = await School(client).open()
        await client.call("events.subscribe")
        await client.call("rpc.discover")
        for number in range(3):
            job_id = await export(client, tmp_path / f"{number}.csv", str(number))
            await all_of(
                client,
                ("branches.save", {"name": "A", "zone": "UTC", "currency": "EUR"}),
                ("branches.save", {"name": "B", "zone": "UTC", "currency": "EUR"}),
                ("jobs.list", {}),
            )
            await client.app.jobs.ended(job_id)
            await create_student(client, school.branch["id"])
        due = asyncio.create_task(client.app.scheduler.run(ScheduleName.BACKUP))
        for _ in range(5):
            await save_branch(client)
        await due
        for channel in ("jobs.list", "backups.list", "audit.list"):
            await client.call(channel)
        twice = await export(client, tmp_path / "0.csv", "twice")
        failed = await client.app.jobs.ended(twice)
        await client.call("jobs.get", jobId=twice)
        for _ in range(18):
            await client.next_line()
    assert failed is not None
    assert failed.error is not None

    assert_same(await replayed(tmp_path))


async def test_a_job_that_was_under_way_when_the_recording_ended_is_no_difference(
    tmp_path: Path,
) -> None:
    clock = FrozenClock()
    async with recorded(tmp_path, clock) as client:
        await School(client).open()
        await client.call("events.subscribe")
        await export(client, tmp_path / "students.csv", "1")
        for _ in range(3):
            clock.advance(10)
            await client.call("branches.list")
        await client.app.jobs.settle(5)
    path = tmp_path / "transcript.jsonl"
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    seals = [number for number, line in enumerate(lines) if '"seal_job"' in line]
    names = [entry.step["name"] for entry in entries_in(tmp_path) if entry.step]
    assert names == ["begin_job", "seal_job", "end_job"]

    kept = [line for line in lines[seals[0] :] if '"branches.list"' in line or '"items"' in line]
    path.write_text("".join([*lines[: seals[0]], *kept]), encoding="utf-8")

    assert_same(await replayed(tmp_path))


async def test_a_cancelled_job_is_cancelled_where_it_was(tmp_path: Path) -> None:
    async with recorded(tmp_path) as client:
        await School(client).open()
        await client.call("events.subscribe")
        started, cancelled = await all_of(
            client,
            ("backups.create", {"reason": "manual", "_meta": {"idempotencyKey": "1"}}),
            ("jobs.list", {}),
        )
        job_id = started["result"]["jobId"]
        cancelled = await client.start("jobs.cancel", {"jobId": job_id})
        await client.app.jobs.settle(5)
        await client.call("jobs.get", jobId=job_id)
    assert "result" in cancelled

    assert_same(await replayed(tmp_path))
