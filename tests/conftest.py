"""The clock, the store in memory, and a client: what nearly every test needs."""

import os
from collections.abc import AsyncIterator

import pytest
from hypothesis import HealthCheck, settings

from rpcbackend.app import Application
from rpcbackend.store import Store
from rpcbackend.surroundings import Surroundings
from rpcbackend.testing import Client, FrozenClock, running_app

# The same examples in every run, however slow the machine; .hypothesis is never written.
settings.register_profile("tests", deadline=None, derandomize=True, database=None)
# Other examples in every run, and many; a failure says how to see it again (`make fuzz`).
settings.register_profile(
    "fuzz",
    deadline=None,
    derandomize=False,
    database=None,
    max_examples=5_000,
    print_blob=True,
    suppress_health_check=list(HealthCheck),
)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "tests"))


@pytest.fixture
def clock() -> FrozenClock:
    """Monday 2026-11-23, 08:00 UTC, until a test says otherwise."""
    return FrozenClock()


@pytest.fixture
async def app(clock: FrozenClock) -> AsyncIterator[Application]:
    """An application that keeps its store in memory, and in which nothing unexpected happens."""
    bugs: list[Exception] = []
    surroundings = Surroundings(clock=clock, report_bug=lambda bug, _: bugs.append(bug))
    async with running_app(surroundings=surroundings) as running:
        await running.open_store()
        yield running
    if bugs:
        raise bugs[0]


@pytest.fixture
def store(app: Application) -> Store:
    """The store behind the client."""
    return app.store


@pytest.fixture
async def client(app: Application) -> Client:
    """A client of the application, in memory."""
    return Client(app)
