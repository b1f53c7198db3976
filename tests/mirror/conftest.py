"""The mirror of an application in memory, listened to by a real uvicorn on loopback."""

from collections.abc import AsyncIterator

import pytest

from rpcbackend.app import Application
from rpcbackend.schema.users import Role
from rpcbackend.store import Store
from rpcbackend.testing import FrozenClock
from tests.callers import add_api_key, add_caller, add_session, token_for
from tests.mirror.web import Web, mirrored


@pytest.fixture
async def web(app: Application, clock: FrozenClock) -> AsyncIterator[Web]:
    """Whoever speaks to the mirror, and proves nothing."""
    async with mirrored(app, clock) as web:
        yield web


@pytest.fixture
async def token(store: Store) -> str:
    """An access token of an owner, for HTTP."""
    await add_caller(store, 1, Role.OWNER)
    session = await add_session(store, 1, audience="http")
    return await token_for(store, session, audience="http")


@pytest.fixture
async def key(store: Store) -> str:
    """An API key that may read students."""
    await add_caller(store, 2, Role.OWNER)
    return await add_api_key(store, 2, "students:read")
