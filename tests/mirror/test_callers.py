"""How often whoever calls may do so."""

from collections.abc import AsyncIterator

import pytest

from rpcbackend.api_settings import SecuritySettings
from rpcbackend.app import Application
from rpcbackend.schema.users import Role
from rpcbackend.testing import FrozenClock
from tests.callers import add_caller, add_session, token_for
from tests.mirror.test_routes import refusal
from tests.mirror.web import Web, mirrored


@pytest.fixture
async def strict(app: Application, clock: FrozenClock) -> AsyncIterator[Web]:
    """A mirror that takes ten requests a minute of a caller, and two of a stranger."""
    security = SecuritySettings.model_validate({"rateLimit": {"window": "1m", "max": 10}})
    async with mirrored(app, clock, security) as web:
        yield web


async def test_a_caller_has_twice_the_rate_at_once_and_then_waits_as_told(
    strict: Web, token: str, clock: FrozenClock
) -> None:
    answers = [await strict.call("students.list", token) for _ in range(21)]

    assert [answer.status_code for answer in answers] == [200] * 20 + [429]
    assert refusal(answers[-1]) == (429, "RATE_LIMITED")
    assert answers[-1].headers["retry-after"] == "6"
    assert answers[-1].json()["error"]["retryAfterMs"] == 6_000
    clock.advance(5.9)
    assert (await strict.call("students.list", token)).status_code == 429
    clock.advance(0.1)
    assert (await strict.call("students.list", token)).status_code == 200


async def test_an_address_that_proves_nothing_has_a_fifth_of_it(
    strict: Web, clock: FrozenClock
) -> None:
    answers = [await strict.get("/api/health") for _ in range(5)]

    assert [answer.status_code for answer in answers] == [200] * 4 + [429]
    assert answers[-1].headers["retry-after"] == "30"
    clock.advance(30)
    assert (await strict.get("/api/health")).status_code == 200


async def test_a_flood_of_strangers_keeps_out_nobody_who_is_known(strict: Web, token: str) -> None:
    assert (await strict.call("students.list", token)).status_code == 200
    for number in range(10):
        last = await strict.call("students.list", f"invented{number}")

    assert refusal(last) == (429, "RATE_LIMITED")
    assert (await strict.call("students.list", token)).status_code == 200


async def test_one_caller_s_requests_are_not_another_s(
    app: Application, strict: Web, token: str
) -> None:
    await add_caller(app.store, 3, Role.OWNER)
    other = await token_for(
        app.store, await add_session(app.store, 3, audience="http"), audience="http"
    )
    for _ in range(21):
        mine = await strict.call("students.list", token)

    assert mine.status_code == 429
    assert (await strict.call("students.list", other)).status_code == 200


async def test_every_way_to_ask_counts_alike(strict: Web, token: str) -> None:
    ping = {"jsonrpc": "2.0", "id": 1, "method": "ping"}
    for _ in range(5):
        await strict.post("/rpc", [ping] * 3, token)
        await strict.get("/metrics", token)
        await strict.get("/openapi.json", token)
        await strict.call("ping", token)

    assert (await strict.get("/api/events", token)).status_code == 429
