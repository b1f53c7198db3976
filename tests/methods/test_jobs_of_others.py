"""What jobs.* answer about a job that another process of the school runs."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from rpcbackend.app import Application
from rpcbackend.jobs.scheduler import Scheduler
from rpcbackend.running import Order
from rpcbackend.schema.schedules import ScheduleName
from rpcbackend.store import LeftJob, Place, postgres_neighbours
from rpcbackend.surroundings import Surroundings
from rpcbackend.testing import Client, FrozenClock, running_app
from tests.factories import save_branch
from tests.jobs.toys import Play, recorded, until_over

pytestmark = pytest.mark.postgresql


@pytest.fixture
async def other(place: Place, app: Application) -> AsyncIterator[Application]:
    """Another process, which came later."""
    surroundings = Surroundings(clock=FrozenClock(), place=place)
    async with running_app(surroundings=surroundings) as other:
        await other.open_store()
        assert not other.store.engine.was_alone
        assert app.store.engine.is_leader
        yield other


@pytest.fixture
async def elsewhere(other: Application) -> Client:
    """A desk of the other process."""
    return Client(other)


async def test_it_has_not_failed_for_running_elsewhere(app: Application, elsewhere: Client) -> None:
    play = Play()
    await play.start(app)
    await play.until_begun()

    told = await elsewhere.call("jobs.get", jobId=play.job.id)
    assert told["state"] == "running"
    assert await elsewhere.call("jobs.list") == {"items": [told]}

    play.may_end.set()
    await until_over(app, play.job.id)
    assert (await elsewhere.call("jobs.get", jobId=play.job.id))["result"] == {"word": "played"}


async def test_it_is_cancelled_from_here_and_leaves_nothing(
    app: Application, client: Client, elsewhere: Client
) -> None:
    play = Play()
    await play.start(app)
    await play.until_begun()

    await elsewhere.call("jobs.cancel", jobId=play.job.id)

    for desk in (client, elsewhere):
        assert (await desk.call("jobs.get", jobId=play.job.id))["state"] == "cancelled"
    play.may_end.set()
    assert (await until_over(app, play.job.id)).state == "cancelled"
    assert await app.store.read(lambda work: work.branches.first_zone()) is None


async def test_it_goes_on_here_once_its_process_is_gone(
    app: Application, client: Client, other: Application
) -> None:
    await save_branch(client)
    scheduler = Scheduler(app.jobs, app, delay_seconds=0, without=list(ScheduleName))
    play, lost = Play(1, is_resumable=True), Play(2)
    await play.leave(other)
    await other.store.write(lambda work: work.jobs.put(lost.job), actor="tests")

    def resume(left: LeftJob) -> Order | None:
        play.behind = left
        return play.order() if left.job.is_resumable else None

    app.jobs.resume = resume

    await scheduler.look(app.store)
    assert (await recorded(app, lost.job.id)).state == "queued"
    await scheduler.look(app.store)

    play.may_end.set()
    assert (await until_over(app, play.job.id)).state == "done"
    error = (await recorded(app, lost.job.id)).error
    assert error is not None
    assert error.code == "OUTCOME_UNKNOWN"


async def test_what_another_process_has_under_way_is_left_to_it(
    app: Application, other: Application
) -> None:
    plays = Play(1), Play(2, is_resumable=True)
    for play in plays:
        # One runs, and the other one waits for its turn.
        await play.start(other)
        await until_held(app, play.job.id)

    for _ in range(3):
        await app.jobs.adopt(app.store)

    for play in plays:
        play.may_end.set()
        assert (await until_over(other, play.job.id)).state == "done"
    assert await app.store.engine.others.held(play.job.id for play in plays) == set()


async def test_a_connection_that_was_lost_lets_nobody_take_over_what_is_under_way(
    app: Application, other: Application, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgres_neighbours, "LOOK_SECONDS", 0.01)
    play = Play()
    await play.start(other)
    await until_held(app, play.job.id)
    neighbours = other.store.engine.others
    assert isinstance(neighbours, postgres_neighbours.Neighbours)
    lost = neighbours._connection  # noqa: SLF001 (what is to be lost)
    assert lost is not None

    lost.terminate()

    async with asyncio.timeout(30):
        while neighbours._connection is lost:  # noqa: SLF001 (what is to be lost)
            await neighbours.held([])
    await until_held(app, play.job.id)
    play.may_end.set()


async def until_held(app: Application, job_id: str) -> None:
    async with asyncio.timeout(30):
        while not await app.store.engine.others.held([job_id]):
            pass
