"""What jobs.* answer about a job that another process of the school runs."""

from collections.abc import AsyncIterator

import pytest

from rpcbackend.app import Application
from rpcbackend.store import Place
from rpcbackend.surroundings import Surroundings
from rpcbackend.testing import Client, FrozenClock, running_app
from tests.jobs.toys import Play, until_over

pytestmark = pytest.mark.postgresql


@pytest.fixture
async def elsewhere(place: Place, app: Application) -> AsyncIterator[Client]:
    """A desk of another process, which came later."""
    surroundings = Surroundings(clock=FrozenClock(), place=place)
    async with running_app(surroundings=surroundings) as other:
        await other.open_store()
        assert not other.store.engine.was_alone
        assert app.store.engine.is_leader
        yield Client(other)


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
