"""Jobs run one of an area at a time, each to a recorded end, whatever happens to it."""

import asyncio
from pathlib import Path

import pytest

from rpcbackend.app import Application
from rpcbackend.errors import DiskFullError, SessionExpiredError
from rpcbackend.running import Running
from rpcbackend.schema.jobs import JobState
from rpcbackend.store import Work
from rpcbackend.surroundings import Surroundings
from rpcbackend.testing import FrozenClock, running_app
from tests.factories import at
from tests.jobs.toys import Play, cancel, make_job, recorded, until_over

NOW = at("2026-11-23T08:00:00Z")


async def audit_rows(app: Application) -> list[tuple[str, str]]:
    rows = await app.store.read(
        lambda work: work.tx.all("SELECT channel, actor FROM audit WHERE school_id = :school")
    )
    return [(row["channel"], row["actor"]) for row in rows]


async def test_a_job_s_effect_event_audit_row_and_record_are_kept_together(
    app: Application,
) -> None:
    play = Play()
    play.may_end.set()

    await play.start(app)

    assert await until_over(app, play.job.id) == make_job(
        state=JobState.DONE,
        attempts=1,
        done=1,
        total=1,
        message="begins",
        result={"word": "played"},
        started_at=NOW,
        ended_at=NOW,
    )
    assert app.store.head_seq == 1
    assert await audit_rows(app) == [("toys.play", "local")]
    assert play.told == [(0, 1, "begins"), None]


async def test_how_far_a_running_job_is_stands_in_memory_and_not_in_the_store(
    app: Application,
) -> None:
    play = Play()
    await play.start(app)
    await play.until_begun()
    assert play.running is not None

    play.running.report(3, 10, "pages")

    live = app.jobs.find(play.job.id)
    assert live is not None
    assert (live.state, live.done, live.total, live.message) == ("running", 3, 10, "pages")
    assert (await recorded(app, play.job.id)).done == 0
    assert app.store.head_seq == 0
    play.may_end.set()
    assert (await until_over(app, play.job.id)).done == 10


async def test_jobs_of_an_area_run_one_after_the_other_and_others_beside_them(
    app: Application,
) -> None:
    first, second = Play(1), Play(2)
    other = Play(3, channel="games.play")
    for play in (first, second, other):
        await play.start(app)

    await first.until_begun()
    await other.until_begun()

    waiting = app.jobs.find(second.job.id)
    assert waiting is not None
    assert waiting.state is JobState.QUEUED
    first.may_end.set()
    await second.until_begun()
    assert (await recorded(app, first.job.id)).state is JobState.DONE
    second.may_end.set()
    other.may_end.set()


async def test_what_refuses_a_job_is_its_error_and_nothing_is_left(app: Application) -> None:
    async def refuse(_: Running) -> None:
        raise DiskFullError(details={"neededBytes": 7})

    play = Play()
    play.before_end = refuse
    play.may_end.set()

    await play.start(app)

    job = await until_over(app, play.job.id)
    assert job.state is JobState.FAILED
    assert job.error is not None
    assert (job.error.code, job.error.retryable, job.error.outcome) == ("DISK_FULL", True, "none")
    assert job.error.details == {"neededBytes": 7}
    assert (app.store.head_seq, await audit_rows(app)) == (0, [])
    assert play.told[-1] is None


async def test_a_bug_in_a_job_is_an_internal_error_with_its_mark_in_the_log_and_others_run_on() -> (
    None
):
    bugs: list[tuple[str, str]] = []
    surroundings = Surroundings(report_bug=lambda bug, mark: bugs.append((str(bug), mark)))

    async def stumble(_: Running) -> None:
        raise ValueError("secret")

    async with running_app(surroundings=surroundings) as app:
        await app.open_store()
        broken, whole = Play(1), Play(2)
        broken.before_end = stumble
        for play in (broken, whole):
            play.may_end.set()
            await play.start(app)

        error = (await until_over(app, broken.job.id)).error
        assert error is not None
        assert error.code == "INTERNAL_ERROR"
        assert "secret" not in error.model_dump_json()
        assert bugs == [("secret", error.correlation_id)]
        assert (await until_over(app, whole.job.id)).state is JobState.DONE


async def test_something_cancelled_within_a_job_is_a_bug_and_not_a_cancellation() -> None:
    bugs: list[str] = []

    async def wait_for_nobody(_: Running) -> None:
        nobody = asyncio.get_running_loop().create_future()
        nobody.cancel()
        await nobody

    async with running_app(
        surroundings=Surroundings(report_bug=lambda bug, _: bugs.append(str(bug)))
    ) as app:
        await app.open_store()
        play = Play()
        play.before_end = wait_for_nobody
        play.may_end.set()
        await play.start(app)

        assert (await until_over(app, play.job.id)).state is JobState.FAILED
    assert bugs == ["something the job waited for was cancelled"]


@pytest.mark.parametrize("at_the_end", [False, True], ids=["when it begins", "when it ends"])
async def test_whoever_may_not_any_more_is_refused(app: Application, *, at_the_end: bool) -> None:
    async def refuse(_: Work) -> None:
        raise SessionExpiredError

    play = Play()
    if at_the_end:
        await play.start(app)
        await play.until_begun()
        play.confirm = refuse
    else:
        play.confirm = refuse
        await play.start(app)
    play.may_end.set()

    error = (await until_over(app, play.job.id)).error
    assert error is not None
    assert error.code == "SESSION_EXPIRED"
    assert play.begun.is_set() == at_the_end
    assert app.store.head_seq == 0


@pytest.mark.parametrize("fails", [False, True], ids=["done", "failed"])
async def test_a_job_has_the_same_times_while_it_runs_and_afterwards(
    app: Application, clock: FrozenClock, *, fails: bool
) -> None:
    async def refuse(_: Running) -> None:
        if fails:
            raise DiskFullError

    clock.advance(0.75)
    may_end = asyncio.Event()
    play = Play()
    play.before_end, play.may_end = refuse, may_end
    job_id = await app.jobs.launch("toys.play", "tests", play.run)
    await play.until_begun()
    live = app.jobs.find(job_id)
    assert live is not None
    assert (live.created_at, live.started_at) == (NOW, NOW)

    may_end.set()
    told = await app.jobs.ended(job_id)

    assert told is not None
    assert told.ended_at == NOW
    assert await recorded(app, job_id) == told


# Ends from outside


@pytest.mark.parametrize("is_stopped", [True, False], ids=["stopped", "runs to its end"])
async def test_a_cancelled_job_leaves_nothing(app: Application, *, is_stopped: bool) -> None:
    play = Play()
    await play.start(app)
    await play.until_begun()

    cancelled = await cancel(app, play.job)
    if is_stopped:
        app.jobs.stop(cancelled)
    else:
        play.may_end.set()

    assert (await until_over(app, play.job.id)).state is JobState.CANCELLED
    assert app.store.head_seq == 0
    assert play.told[-1] is None


async def test_a_job_that_waits_is_cancelled_before_it_begins(app: Application) -> None:
    first, second = Play(1), Play(2)
    for play in (first, second):
        await play.start(app)
    await first.until_begun()

    app.jobs.stop(await cancel(app, second.job))
    first.may_end.set()

    assert (await until_over(app, second.job.id)).state is JobState.CANCELLED
    assert not second.begun.is_set()


async def test_nothing_stops_a_sealed_job(app: Application) -> None:
    async def refuse(_: Work) -> None:
        raise SessionExpiredError

    sealed, go_on = asyncio.Event(), asyncio.Event()

    async def seal(job: Running) -> None:
        await job.seal()
        sealed.set()
        await go_on.wait()

    play = Play()
    play.before_end = seal
    play.may_end.set()
    await play.start(app)
    async with asyncio.timeout(30):
        await sealed.wait()

    assert app.jobs.is_sealed(play.job.id)
    play.confirm = refuse
    app.jobs.close()
    go_on.set()

    assert (await until_over(app, play.job.id)).state is JobState.DONE
    assert app.store.head_seq == 1


async def test_a_cancelled_job_cannot_be_sealed(app: Application) -> None:
    async def cancel_and_seal(job: Running) -> None:
        await cancel(app, play.job)
        await job.seal()

    play = Play()
    play.before_end = cancel_and_seal
    play.may_end.set()
    await play.start(app)

    assert (await until_over(app, play.job.id)).state is JobState.CANCELLED
    assert app.store.head_seq == 0


async def test_a_shutdown_stops_running_and_waiting_jobs_and_says_so(tmp_path: Path) -> None:
    running, waiting = Play(1), Play(2)
    async with running_app(tmp_path) as app:
        await app.open_store()
        for play in (running, waiting):
            await play.start(app)
        await running.until_begun()

    async with running_app(tmp_path) as app:
        for play in (running, waiting):
            job = await recorded(app, play.job.id)
            assert job.error is not None
            assert (job.state, job.error.code, job.error.retryable) == (
                "failed",
                "SHUTTING_DOWN",
                True,
            )


async def test_a_job_that_cannot_be_stopped_does_not_hold_up_the_end(app: Application) -> None:
    async def hold_on(_: Running) -> None:
        while not let_go.is_set():
            try:
                await let_go.wait()
            except asyncio.CancelledError:
                held.set()

    let_go, held = asyncio.Event(), asyncio.Event()
    play = Play()
    play.before_end = hold_on
    play.may_end.set()
    await play.start(app)
    await play.until_begun()

    app.jobs.close()

    assert not await app.jobs.settle(0.01)
    assert held.is_set()
    let_go.set()


async def test_an_end_that_cannot_be_recorded_is_told_from_memory(app: Application) -> None:
    async def fill_disk(_: Running) -> None:
        await app.store.write(
            lambda work: work.tx.run(
                "CREATE TRIGGER full BEFORE UPDATE ON jobs BEGIN SELECT RAISE(ABORT, 'full'); END"
            ),
            actor="tests",
        )
        raise DiskFullError

    play = Play()
    play.before_end = fill_disk
    play.may_end.set()
    await play.start(app)
    await until_over(app, play.job.id)

    told = app.jobs.find(play.job.id)
    assert told is not None
    assert told.error is not None
    assert told.error.code == "DISK_FULL"
    assert app.jobs.shown(await recorded(app, play.job.id)) == told
