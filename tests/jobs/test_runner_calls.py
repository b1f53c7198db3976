"""What a call hears whose work goes on as a job."""

from typing import Any

import pytest

from rpcbackend.app import Application
from rpcbackend.errors import IdempotencyKeyReusedError, OverloadedError
from rpcbackend.jobs.roster import MAX_JOBS
from rpcbackend.middleware.idempotency import idempotency
from rpcbackend.middleware.progress import progress
from rpcbackend.schema.jobs import JobState, ListJobs
from tests.clauses import clause
from tests.dispatch.test_registry import play
from tests.jobs.toys import Play, recorded
from tests.machine import Machine, request


async def open_machine() -> Machine:
    """Return a connection to the one channel whose calls begin a job."""
    machine = Machine(play, rings=(progress, idempotency))
    await machine.host.open_store()
    return machine


async def ask(machine: Machine, request_id: int, label: str = "a", **meta: Any) -> dict[str, Any]:
    """Make the call and return its reply."""
    machine.receive(request(request_id, "test.play", label=label, _meta=meta))
    while not (replies := [line for line in machine.sent if line.get("id") == request_id]):
        await machine.until_sent(len(machine.sent) + 1)
    reply: dict[str, Any] = replies[0]
    return reply


async def jobs_of(app: Application) -> int:
    return len(await app.store.read(lambda work: work.jobs.list(ListJobs(), None)))


@clause("progress-of-a-job", "job-answers-its-id")
async def test_a_job_tells_its_steps_after_the_reply_until_its_end() -> None:
    machine = await open_machine()

    reply = await ask(machine, 1, progressToken="t")
    job_id = reply["result"]["jobId"]
    await machine.host.jobs.ended(job_id)

    job = await recorded(machine.host, job_id)
    assert (job.state, job.result) == (JobState.DONE, {"text": "a"})
    first, *told = machine.sent
    assert first == reply
    # The second step came too soon after the first one to be told.
    assert [line["params"]["value"]["kind"] for line in told] == ["begin", "end"]
    await machine.host.close()


@clause("job-once")
async def test_a_job_that_is_asked_for_twice_is_begun_once() -> None:
    machine = await open_machine()

    first, second = [await ask(machine, number, idempotencyKey="k") for number in (1, 2)]

    assert second["result"]["jobId"] == first["result"]["jobId"]
    assert second["result"]["_meta"]["replayed"] is True
    assert await jobs_of(machine.host) == 1
    other = await ask(machine, 3, label="b", idempotencyKey="k")
    assert other["error"]["code"] == IdempotencyKeyReusedError.code
    await machine.host.close()


async def test_a_dry_run_begins_nothing() -> None:
    machine = await open_machine()

    reply = await ask(machine, 1, dryRun=True)

    assert machine.host.jobs.find(reply["result"]["jobId"]) is None
    assert await jobs_of(machine.host) == 0
    await machine.host.close()


@pytest.mark.parametrize("room", [0, 1])
async def test_one_job_too_many_is_refused_and_not_recorded(room: int) -> None:
    machine = await open_machine()
    plays = [Play(number) for number in range(MAX_JOBS - room)]
    for toy in plays:
        await toy.start(machine.host)

    reply = await ask(machine, 1)

    if room:
        assert "result" in reply
    else:
        assert reply["error"]["code"] == OverloadedError.code
        assert await jobs_of(machine.host) == MAX_JOBS
    await machine.host.close()
