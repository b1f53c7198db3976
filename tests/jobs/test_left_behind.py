"""What a process left behind that died has failed, and says so."""

from pathlib import Path

from rpcbackend.schema.jobs import JobState
from rpcbackend.store import Work
from rpcbackend.surroundings import Surroundings
from rpcbackend.testing import FrozenClock, running_app
from tests.factories import an_id, at
from tests.jobs.toys import make_job, recorded

NOW = at("2026-11-23T08:00:00Z")


async def test_what_nobody_runs_any_more_has_failed_at_the_next_start(
    tmp_path: Path, clock: FrozenClock
) -> None:
    async with running_app(tmp_path) as app:
        await app.open_store()

        async def leave(work: Work) -> None:
            await work.jobs.put(make_job(1))
            await work.jobs.put(make_job(2, state=JobState.RUNNING, started_at=NOW))

        await app.store.write(leave, actor="tests")

    async with running_app(tmp_path, Surroundings(clock=clock)) as app:
        assert await app.jobs.settle(5)
        for number in (1, 2):
            job = await recorded(app, an_id("job", number))
            assert job.error is not None
            assert (job.state, job.ended_at, job.error.code) == ("failed", NOW, "OUTCOME_UNKNOWN")
            assert (job.error.retryable, job.error.outcome) == (True, "unknown")
