"""Who is told that a host outside is left alone, or well again."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from loguru import logger

from rpcbackend.observability.breaker_news import MAX_WAITING, BreakerNews
from rpcbackend.outside.hosts import HostState
from rpcbackend.resilience.breaker import State
from rpcbackend.store import Store
from rpcbackend.testing import Client

SINCE = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)


def changed(state: State = "open", host: str = "sms.example:443") -> HostState:
    return HostState(
        host=host,
        state=state,
        since=SINCE,
        retry_after_seconds=30.0 if state == "open" else 0.0,
        calls=5,
        failures=5,
        retries=0,
    )


async def events(client: Client, count: int) -> list[dict[str, Any]]:
    """Return all that were left, of which there are so many."""
    subscribed = await client.call("events.subscribe", types=["system.breaker_changed"], afterSeq=0)
    assert subscribed["headSeq"] == count
    return [(await client.next_line())["params"] for _ in range(count)]


@pytest.fixture
def log() -> Iterator[list[tuple[str, dict[str, Any]]]]:
    lines: list[tuple[str, dict[str, Any]]] = []
    sink = logger.add(
        lambda line: lines.append((line.record["level"].name, dict(line.record["extra"])))
    )
    yield lines
    logger.remove(sink)


async def test_each_change_leaves_an_event_in_its_order(client: Client, store: Store) -> None:
    news = BreakerNews()
    news.welcome(store)

    news.note(changed("open"))
    news.note(changed("closed"))
    await news.close()

    first, second = await events(client, 2)
    assert first == {
        "seq": 1,
        "id": first["id"],
        "type": "system.breaker_changed",
        "at": first["at"],
        "actor": "outside",
        "aggregate": {"type": "host", "id": "sms.example:443", "version": 1},
        "data": {"state": "open", "since": "2026-11-23T08:00:00.000Z", "retryAfterMs": 30_000},
    }
    assert (second["data"]["state"], second["data"]["retryAfterMs"]) == ("closed", 0)


async def test_what_changed_before_the_store_was_open_is_told_then(
    client: Client, store: Store
) -> None:
    news = BreakerNews()
    news.note(changed())

    news.welcome(store)
    await news.close()

    assert len(await events(client, 1)) == 1


async def test_what_the_store_refuses_is_told_once_it_does_not(
    client: Client, store: Store
) -> None:
    news = BreakerNews()
    news.welcome(store)
    store.engine.read_only = "disk"
    news.note(changed("open"))
    await news.close()
    store.engine.read_only = None

    news.note(changed("closed"))
    await news.close()

    assert [event["data"]["state"] for event in await events(client, 2)] == ["open", "closed"]


async def test_no_more_wait_than_so_many(client: Client, store: Store) -> None:
    news = BreakerNews()
    for number in range(MAX_WAITING + 1):
        news.note(changed(host=f"{number}.example:443"))

    news.welcome(store)
    await news.close()

    first, *_ = await events(client, MAX_WAITING)
    assert first["aggregate"]["id"] == "1.example:443"


async def test_the_log_tells_of_it(log: list[tuple[str, dict[str, Any]]]) -> None:
    news = BreakerNews()

    news.note(changed("open"))
    news.note(changed("closed"))

    assert log == [
        ("WARNING", {"host": "sms.example:443", "retry_after_seconds": 30.0}),
        ("INFO", {"host": "sms.example:443", "retry_after_seconds": 0.0}),
    ]
