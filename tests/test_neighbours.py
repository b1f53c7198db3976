"""Two processes that serve one school from a server: what is done in one holds in the other."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from rpcbackend.app import Application
from rpcbackend.store import Place
from rpcbackend.surroundings import Surroundings
from rpcbackend.testing import CallFailedError, Client, FrozenClock, running_app
from tests.people import PASSWORD

pytestmark = pytest.mark.postgresql

OWNER = {"login": "ada", "password": PASSWORD}
BRANCH = {"name": "Mitte", "zone": "Europe/Berlin", "currency": "EUR"}


@asynccontextmanager
async def process(place: Place, clock: FrozenClock) -> AsyncIterator[Application]:
    bugs: list[Exception] = []
    surroundings = Surroundings(
        clock=clock, place=place, report_bug=lambda bug, _: bugs.append(bug)
    )
    async with running_app(surroundings=surroundings) as app:
        yield app
    assert bugs == []


@pytest.fixture
async def apps(place: Place, clock: FrozenClock) -> AsyncIterator[list[Application]]:
    """Two of them."""
    async with process(place, clock) as one, process(place, clock) as two:
        yield [one, two]
