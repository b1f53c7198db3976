"""What a process left behind goes on where it can, or has failed and says so."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from rpcbackend.app import Application
from rpcbackend.errors import SessionExpiredError
from rpcbackend.running import Order
from rpcbackend.schema.jobs import JobState
from rpcbackend.store import Command, LeftJob, Origin, Work
from rpcbackend.surroundings import Surroundings
from rpcbackend.testing import FrozenClock, running_app
from tests.factories import an_id, at
from tests.jobs.toys import Play, cancel, make_job, recorded, until_over

NOW = at("2026-11-23T08:00:00Z")


async def test_what_nobody_runs_any_more_has_failed_at_the_next_start(
    tmp_path: Path, clock: FrozenClock
) -> None:
    async with running_app(tmp_path) as app:
        await app.open_store()

        async def leave(work: Work) -> None:
            await work.jobs.put(make_job(1))
            await work.jobs.put(make_job(2, state=JobState.RUNNING, started_at=NOW))

        assert await app.jobs.settle(30)
        await app.store.write(leave, actor="tests")

    async with running_app(tmp_path, Surroundings(clock=clock)) as app:
        assert await app.jobs.settle(5)
        for number in (1, 2):
            job = await recorded(app, an_id("job", number))
            assert job.error is not None
            assert (job.state, job.ended_at, job.error.code) == ("failed", NOW, "OUTCOME_UNKNOWN")
            assert (job.error.retryable, job.error.outcome) == (True, "unknown")


async def test_what_is_resumable_goes_on_where_it_was_and_ends_once(tmp_path: Path) -> None:
    play = Play(is_resumable=True, attempts=1)
    async with running_app(tmp_path) as app:
        await app.open_store()
        await play.leave(app)
        await app.store.write(lambda work: work.jobs.keep(play.job.id, {"at": 7}), actor="tests")

    async with running_app(tmp_path) as app:
        found = resumed_by(app, play)
        await app.open_store()
        await play.until_begun()
        assert play.running is not None
        assert play.running.checkpoint == {"at": 7}
        running = app.jobs.find(play.job.id)
        assert running is not None
        assert (running.state, running.attempts) == (JobState.RUNNING, 2)
        play.may_end.set()
        assert (await until_over(app, play.job.id)).state is JobState.DONE
        assert app.store.head_seq == 1

    async with running_app(tmp_path) as app:
        resumed_by(app, play)
        await app.open_store()
        assert await app.jobs.settle(5)
        assert (await recorded(app, play.job.id)).result == {"word": "played"}
    assert [left.job.id for left in found] == [play.job.id]


def resumed_by(app: Application, play: Play) -> list[LeftJob]:
    """Let a toy go on with what was left, and return what that was."""
    found: list[LeftJob] = []

    def resume(left: LeftJob) -> Order:
        found.append(left)
        play.job, play.behind = left.job, left
        return play.order()

    app.jobs.resume = resume
    return found


async def test_what_is_resumable_is_put_back_by_a_shutdown_and_not_counted(tmp_path: Path) -> None:
    running, waiting = Play(1, is_resumable=True), Play(2, is_resumable=True)
    async with running_app(tmp_path) as app:
        await app.open_store()
        for play in (running, waiting):
            await play.start(app)
        await running.until_begun()

    async with running_app(tmp_path) as app:
        found: list[LeftJob] = []
        app.jobs.resume = found.append
        assert await app.jobs.settle(5)
        for left in found:
            assert (left.job.state, left.job.attempts, left.job.started_at) == ("queued", 0, None)
        assert len(found) == 2


async def test_until_it_goes_on_a_resumable_job_waits_and_has_not_failed(
    app: Application,
) -> None:
    play = Play(is_resumable=True)
    await play.leave(app)

    assert app.jobs.shown(play.job) == play.job


async def test_a_job_that_goes_on_is_cancelled_as_any_other(tmp_path: Path) -> None:
    play = Play(is_resumable=True)
    async with running_app(tmp_path) as app:
        await app.open_store()
        await play.leave(app)
    async with running_app(tmp_path) as app:
        resumed_by(app, play)
        await app.open_store()
        await play.until_begun()

        app.jobs.stop(await cancel(app, play.job))

        assert (await until_over(app, play.job.id)).state is JobState.CANCELLED
        assert app.store.head_seq == 0


async def test_a_sealed_job_goes_on_though_whoever_began_it_may_not_any_more(
    tmp_path: Path,
) -> None:
    async def refuse(_: Work) -> None:
        raise SessionExpiredError

    play = Play(is_resumable=True)
    async with running_app(tmp_path) as app:
        await app.open_store()
        await play.leave(app)
        await app.store.write(
            lambda work: work.jobs.keep(play.job.id, {"sha256": "7"}, is_sealed=True),
            actor="tests",
        )

    async with running_app(tmp_path) as app:
        resumed_by(app, play)
        play.confirm = refuse
        play.may_end.set()
        await app.open_store()
        await play.until_begun()

        assert (await until_over(app, play.job.id)).state is JobState.DONE


async def test_what_was_restored_goes_on_with_nothing_of_another_time(tmp_path: Path) -> None:
    play = Play(is_resumable=True)
    async with running_app(tmp_path) as app:
        await app.open_store()
        await play.leave(app)
        backup = await app.store.backup("manual")
        origin = Origin(path=backup.path, actor="tests", command=Command(channel="tests"))

        await app.restore(origin, lambda *_: None, database_key=None)

        assert await app.jobs.settle(5)
        job = await recorded(app, play.job.id)
        assert job.error is not None
        assert (job.state, job.error.code) == (JobState.FAILED, "OUTCOME_UNKNOWN")


async def test_a_store_that_is_only_read_keeps_what_was_left_as_it_is(tmp_path: Path) -> None:
    play = Play(is_resumable=True)
    async with running_app(tmp_path) as app:
        await app.open_store()
        await play.leave(app)

    async with reading_app(tmp_path) as app:
        found = resumed_by(app, play)
        await app.open_store()
        assert await app.jobs.settle(5)
        assert (await recorded(app, play.job.id)).state is JobState.QUEUED
    assert found == []


@asynccontextmanager
async def reading_app(directory: Path) -> AsyncIterator[Application]:
    app = Application(directory, is_read_only=True)
    await app.boot()
    yield app
    await app.close()
