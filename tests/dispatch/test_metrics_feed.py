"""Figures that are sent now and then: the present ones, to whoever may see them and reads."""

import asyncio
from typing import Any

import orjson
import pytest

from rpcbackend.app import Application
from rpcbackend.dispatch.metrics_feed import MetricsFeed
from rpcbackend.monitor import Monitor
from rpcbackend.schema.metrics import Metrics
from rpcbackend.schema.users import Role
from rpcbackend.testing import Client
from tests.callers import add_caller, add_session
from tests.people import be_quick


class Subscriber:
    """Notes what he is sent."""

    def __init__(self) -> None:
        self.is_writable = True
        self.sent: asyncio.Queue[Any] = asyncio.Queue()

    def notify(self, method: str, params: bytes) -> None:
        """Take figures."""
        assert method == "system.metrics"
        self.sent.put_nowait(orjson.loads(params))

    async def next(self) -> Any:
        """Return the next figures."""
        async with asyncio.timeout(30):
            return await self.sent.get()


class Standing:
    """Whether he may see them, until the test says otherwise."""

    def __init__(self) -> None:
        self.may = True

    def known(self) -> None:
        """Remember nothing."""

    async def sight(self) -> object | None:
        """Return something if he may."""
        return self if self.may else None


class Broken:
    """A monitor that fails the first time."""

    def __init__(self, monitor: Monitor) -> None:
        self._monitor, self.failures = monitor, 1

    async def metrics(self, *, has_buckets: bool) -> Metrics:
        """Fail, or return what there is."""
        if self.failures:
            self.failures -= 1
            raise RuntimeError("not now")
        return await self._monitor.metrics(has_buckets=has_buckets)

    async def prometheus(self) -> str:
        """Return nothing."""
        return ""


async def test_figures_come_until_it_is_stopped(app: Application) -> None:
    subscriber = Subscriber()
    feed = MetricsFeed(app.monitor, Standing(), seconds=0, subscriber=subscriber)
    running = asyncio.ensure_future(feed.run())

    first, second = await subscriber.next(), await subscriber.next()
    feed.stop()
    async with asyncio.timeout(30):
        await running

    assert Metrics.model_validate(first).pid == Metrics.model_validate(second).pid
    assert first["calls"]["work"]["buckets"] is None


async def test_whoever_does_not_read_is_sent_nothing_and_the_present_ones_later(
    app: Application,
) -> None:
    subscriber = Subscriber()
    subscriber.is_writable = False
    feed = MetricsFeed(app.monitor, Standing(), seconds=0, subscriber=subscriber)
    running = asyncio.ensure_future(feed.run())
    for _ in range(10):
        await asyncio.sleep(0)
    assert subscriber.sent.empty()

    subscriber.is_writable = True

    assert (await subscriber.next())["pid"]
    feed.stop()
    await running


async def test_it_ends_when_he_may_not_see_them_any_more(app: Application) -> None:
    subscriber, standing = Subscriber(), Standing()
    feed = MetricsFeed(app.monitor, standing, seconds=0, subscriber=subscriber)
    running = asyncio.ensure_future(feed.run())
    await subscriber.next()

    standing.may = False

    async with asyncio.timeout(30):
        await running


async def test_figures_that_cannot_be_had_once_are_sent_later(app: Application) -> None:
    subscriber = Subscriber()
    feed = MetricsFeed(Broken(app.monitor), Standing(), seconds=0, subscriber=subscriber)
    running = asyncio.ensure_future(feed.run())

    assert (await subscriber.next())["pid"]
    feed.stop()
    await running


async def test_a_window_watches_and_stops_watching(client: Client) -> None:
    assert await client.call("system.watch", intervalSeconds=3_600) == {"intervalSeconds": 3_600}
    line = await client.next_line()

    assert (line["method"], line["params"]["version"]) == ("system.metrics", "0.1.0")
    assert await client.call("system.watch", intervalSeconds=None) == {"intervalSeconds": None}
    assert await client.call("system.watch", intervalSeconds=None) == {"intervalSeconds": None}


async def test_a_new_watch_takes_the_place_of_the_old_and_events_come_beside_it(
    client: Client,
) -> None:
    await client.call("events.subscribe")
    for _ in range(2):
        await client.call("system.watch", intervalSeconds=3_600)
        assert (await client.next_line())["method"] == "system.metrics"

    await client.call("branches.save", name="A", zone="Europe/Berlin", currency="EUR")

    assert (await client.next_line())["method"] == "event"


@pytest.mark.parametrize("seconds", [0, 3_601, "2"])
async def test_an_interval_that_makes_no_sense_is_refused(client: Client, seconds: Any) -> None:
    reply = await client.start("system.watch", {"intervalSeconds": seconds})

    assert reply["error"]["data"]["code"] == "INVALID_PARAMS"


async def test_whoever_was_signed_out_is_sent_nothing_more(app: Application) -> None:
    be_quick(app)
    await add_caller(app.store, 1, Role.OWNER)
    session = await add_session(app.store, 1)
    client = Client(app)
    client.server.session_id = session.id
    await client.call("system.watch", intervalSeconds=3_600)
    await client.next_line()
    (feed,) = client.server._feeds.values()  # noqa: SLF001 (an hour is too long to wait)

    await client.call("auth.logout")

    assert await feed._may_go_on() is False  # type: ignore[attr-defined]  # noqa: SLF001 (as above)
