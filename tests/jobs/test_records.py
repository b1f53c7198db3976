"""A job's record has whole seconds, one end, and the reason of that."""

from rpcbackend.app import Application
from rpcbackend.errors import DiskFullError
from rpcbackend.jobs import records
from rpcbackend.schema.jobs import JobState
from rpcbackend.store import Work
from tests.factories import an_id, at
from tests.jobs.toys import Toy, make_job

NOW = at("2026-11-23T08:00:00Z")
NOW_MS = round(NOW.timestamp() * 1_000) + 750


def test_a_job_waits_runs_and_is_done_with_what_it_answers() -> None:
    waiting = records.queued(an_id("job"), "toys.play", "local", NOW)

    running = records.running(waiting, NOW_MS).model_copy(update={"total": 7})
    done = records.done(running, Toy(word="played"), NOW_MS)

    assert (waiting.state, running.state, running.started_at) == ("queued", "running", NOW)
    assert (done.state, done.ended_at, done.result) == ("done", NOW, {"word": "played"})
    assert (done.done, done.total) == (7, 7)


def test_a_job_that_failed_says_what_a_call_would() -> None:
    error = DiskFullError(details={"neededBytes": 7})

    failed = records.failed(make_job(), error, "cor_1", NOW_MS)

    assert (failed.state, failed.ended_at) == ("failed", NOW)
    assert failed.error is not None
    assert (failed.error.code, failed.error.correlation_id) == ("DISK_FULL", "cor_1")
    assert (failed.error.timestamp, failed.error.details) == (NOW_MS, {"neededBytes": 7})


def test_of_a_job_that_nobody_runs_the_outcome_is_unknown() -> None:
    error = records.interrupted(make_job(), "cor_1", NOW_MS).error

    assert error is not None
    assert (error.code, error.outcome, error.retryable) == ("OUTCOME_UNKNOWN", "unknown", True)


async def test_the_first_end_that_is_recorded_stays(app: Application) -> None:
    done = records.done(make_job(), Toy(word="first"), NOW_MS)
    failed = records.failed(make_job(), DiskFullError(), "cor_1", NOW_MS)

    async def end_twice(work: Work) -> list[JobState]:
        return [(await records.put_unless_over(work, job)).state for job in (done, failed)]

    assert await app.store.write(end_twice, actor="tests") == [JobState.DONE, JobState.DONE]
