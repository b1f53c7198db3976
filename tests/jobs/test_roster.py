"""Who is told what of jobs: of those that run, wait, are recorded, or ended a moment ago."""

import asyncio

import pytest

from rpcbackend.app import Application
from rpcbackend.errors import DiskFullError, OverloadedError, ShuttingDownError
from rpcbackend.jobs import roster
from rpcbackend.jobs.roster import MAX_JOBS
from rpcbackend.running import Running
from rpcbackend.schema.jobs import JobState
from tests.factories import an_id
from tests.jobs.toys import Play, cancel, make_job, recorded, until_over


async def test_one_job_too_many_is_overloaded(app: Application) -> None:
    plays = [Play(number) for number in range(MAX_JOBS)]
    for play in plays:
        await play.start(app)

    with pytest.raises(OverloadedError):
        await Play(99).start(app)

    for play in plays:
        play.may_end.set()
    await until_over(app, plays[-1].job.id)
    await Play(99).start(app)


@pytest.mark.parametrize(
    ("end", "code"),
    [(asyncio.CancelledError, "SHUTTING_DOWN"), (DiskFullError, "DISK_FULL")],
)
async def test_a_job_that_ends_by_itself_as_the_process_does_is_recorded(
    app: Application, end: type[BaseException], code: str
) -> None:
    play = Play(1)

    async def before_end(job: Running) -> None:  # noqa: ARG001 (as it is called)
        app.jobs.close()
        raise end

    play.before_end = before_end
    await play.start(app)
    play.may_end.set()

    error = (await until_over(app, play.job.id)).error
    assert error is not None
    assert error.code == code


async def test_a_place_is_free_again_when_its_job_cannot_be_recorded(app: Application) -> None:
    for _ in range(MAX_JOBS + 1):
        with pytest.raises(DiskFullError), app.jobs.room(an_id("job")):
            raise DiskFullError


async def test_no_job_is_begun_during_a_shutdown(app: Application) -> None:
    early = Play(1)
    with app.jobs.room(early.job.id):
        await app.store.write(lambda work: work.jobs.put(early.job), actor="tests")
        app.jobs.close()
        app.jobs.start(early.order())

    with pytest.raises(ShuttingDownError):
        await Play(2).start(app)
    error = (await until_over(app, early.job.id)).error
    assert error is not None
    assert error.code == "SHUTTING_DOWN"


@pytest.mark.parametrize("is_cancelled", [False, True], ids=["done", "cancelled"])
async def test_a_job_that_ends_after_its_record_was_read_is_told_by_its_end(
    app: Application, *, is_cancelled: bool
) -> None:
    play = Play()
    await play.start(app)
    await play.until_begun()
    read_before = await recorded(app, play.job.id)

    if is_cancelled:
        await cancel(app, play.job)
    play.may_end.set()
    ended = await until_over(app, play.job.id)

    assert read_before.state is JobState.RUNNING
    assert app.jobs.shown(read_before) == ended


async def test_ends_are_remembered_for_those_who_read_a_moment_before_and_no_others(
    app: Application, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(roster, "MAX_RECENT", 1)
    first, second = Play(1), Play(2)
    for play in (first, second):
        play.may_end.set()
        await play.start(app)
        await until_over(app, play.job.id)

    assert app.jobs.shown(second.job).state is JobState.DONE
    assert app.jobs.shown(first.job).state is JobState.FAILED
    app.jobs.welcome(app.store)
    assert app.jobs.shown(second.job).state is JobState.FAILED


async def test_a_job_that_is_being_recorded_has_not_failed(app: Application) -> None:
    job = make_job()

    with app.jobs.room(job.id):
        assert app.jobs.shown(job) == job

    shown = app.jobs.shown(job)
    assert (shown.state, shown.error is not None) == (JobState.FAILED, True)
