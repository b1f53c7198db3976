"""What a process goes outside by, and what it tells of it."""

from collections.abc import AsyncIterator

import pytest

from rpcbackend.app import Application
from rpcbackend.errors import UrlRefusedError
from rpcbackend.outside.adapter import TryAgainError
from rpcbackend.outside_settings import OutsideSettings, ResourceSettings
from rpcbackend.surroundings import Surroundings
from rpcbackend.testing import Client, FrozenClock, running_app
from tests.outside.hosts import OK, answering, running

HOST = "smtp.example:587"
EIGHT = "2026-11-23T08:00:00Z"


@pytest.fixture
async def local(clock: FrozenClock) -> AsyncIterator[Application]:
    """An application that may call this machine."""
    outside = OutsideSettings(
        mail=ResourceSettings(max_connections=1, retry_attempts=0), allow_private=True
    )
    surroundings = Surroundings(clock=clock, chance=lambda: 0.0)
    async with running_app(surroundings=surroundings, outside=outside) as app:
        await app.open_store()
        yield app


async def down() -> None:
    raise TryAgainError("down", is_unreached=True)


async def well() -> None:
    pass


async def fail(app: Application) -> None:
    for _ in range(5):
        with pytest.raises(TryAgainError):
            await app.ways.gate_of("mail").call(HOST, down)


async def test_each_channel_has_its_own_policy_and_all_the_same_hosts(local: Application) -> None:
    assert local.ways.gate_of("mail").policy.max_connections == 1
    assert local.ways.gate_of("webhook").policy.timeout_seconds == 10

    await fail(local)

    for gate in (local.ways.gate, local.ways.gate_of("sms")):
        assert [(state.host, state.state) for state in gate.states()] == [(HOST, "open")]


async def test_health_names_the_hosts_that_are_left_alone(
    local: Application, clock: FrozenClock
) -> None:
    client = Client(local)
    await local.ways.gate.call("api.example:443", well)
    await fail(local)
    clock.advance(10)

    sick = {"host": HOST, "state": "open", "since": EIGHT, "retryAfterMs": 20_000}
    assert (await client.call("system.health"))["hosts"] == [sick]
    clock.advance(20)
    assert (await client.call("system.health"))["hosts"] == [
        sick | {"state": "half_open", "retryAfterMs": 0}
    ]
    await local.ways.gate.call(HOST, well)
    assert (await client.call("system.health"))["hosts"] == []


async def test_figures_tell_of_every_host(local: Application) -> None:
    await local.ways.gate.call("api.example:443", well)
    await fail(local)

    hosts = (await Client(local).call("system.metrics"))["metrics"]["hosts"]

    one = {"host": "api.example:443", "state": "closed", "since": EIGHT, "retryAfterMs": 0}
    other = {"host": HOST, "state": "open", "since": EIGHT, "retryAfterMs": 30_000}
    assert hosts == [
        one | {"calls": 1, "failures": 0, "retries": 0},
        other | {"calls": 5, "failures": 5, "retries": 0},
    ]


async def test_a_change_is_an_event(local: Application, clock: FrozenClock) -> None:
    client = Client(local)
    await client.call("events.subscribe", types=["system.breaker_changed"])

    await fail(local)
    opened = await client.next_line()
    clock.advance(30)
    await local.ways.gate.call(HOST, well)
    closed = await client.next_line()

    states = [line["params"]["data"]["state"] for line in (opened, closed)]
    assert states == ["open", "closed"]


async def test_the_last_change_is_left_before_the_store_closes(local: Application) -> None:
    await fail(local)
    store = local.store

    await local.close()

    assert store.head_seq == 1


async def test_http_goes_through_the_guard_of_the_settings(
    local: Application, app: Application
) -> None:
    async with running(answering(OK)) as host:
        url = f"http://127.0.0.1:{host.port}/"
        answer = await local.ways.web_of("webhook").post(url, headers={}, content=b"")
        await local.ways.close()

    assert answer.status == 200
    assert local.ways.web_of("webhook") is local.ways.web_of("webhook")
    with pytest.raises(UrlRefusedError):
        app.ways.guard.check(url)
