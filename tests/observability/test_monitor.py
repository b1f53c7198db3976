"""Figures that are asked for by a channel, and what they never hold."""

import os
import threading
from pathlib import Path
from typing import Any

import pytest

from rpcbackend import __version__
from rpcbackend.config import CacheSettings
from rpcbackend.surroundings import Surroundings
from rpcbackend.testing import CallFailedError, Client, FrozenClock, running_app
from tests.factories import save_branch


def named(metrics: dict[str, Any], channel: str | None) -> Any:
    (found,) = [one for one in metrics["calls"]["channels"] if one["channel"] == channel]
    return found


async def test_figures_tell_what_happened_since_the_start(
    client: Client, clock: FrozenClock
) -> None:
    await save_branch(client)
    clock.advance(90)
    await client.raw(b"{")

    metrics = (await client.call("system.metrics"))["metrics"]

    assert (metrics["pid"], metrics["version"]) == (os.getpid(), __version__)
    assert (metrics["at"], metrics["uptimeMs"]) == ("2026-11-23T08:01:30Z", 90_000)
    assert metrics["calls"]["inFlight"] == 1
    assert metrics["calls"]["work"]["count"] == 1
    assert named(metrics, None)["errors"] == [
        {"symbol": "PARSE_ERROR", "type": "validation", "count": 1}
    ]
    assert named(metrics, "branches.save") == {
        "channel": "branches.save",
        "times": {"count": 1, "p50Ms": 0, "p95Ms": 0, "p99Ms": 0, "buckets": None},
        "totalMs": 0,
        "errors": [],
        "callers": [{"caller": "local", "count": 1}],
    }


async def test_the_buckets_come_when_they_are_wanted(client: Client) -> None:
    await save_branch(client)

    metrics = (await client.call("system.metrics", buckets=True))["metrics"]

    assert metrics["calls"]["work"]["buckets"] == [{"belowMs": 0.001, "count": 1}]


async def test_a_commit_of_several_units_is_one_batch_of_the_writer(tmp_path: Path) -> None:
    async with running_app(tmp_path) as app:
        client = Client(app)
        await save_branch(client)
        before = (await client.call("system.metrics"))["metrics"]["store"]["writer"]

        replies = [
            client.start(
                "branches.save", {"name": f"B{n}", "zone": "Europe/Berlin", "currency": "EUR"}
            )
            for n in range(5)
        ]
        for reply in replies:
            await reply
        after = (await client.call("system.metrics"))["metrics"]["store"]["writer"]

    assert after["waiting"] == 0
    assert after["done"] == before["done"] + 5
    assert sum(size["units"] * size["count"] for size in after["sizes"]) == after["done"]
    assert sum(size["count"] for size in after["sizes"]) == after["times"]["count"]
    assert after["times"]["p50Ms"] > 0


async def test_a_store_in_memory_has_one_lane_for_all(client: Client) -> None:
    metrics = (await client.call("system.metrics"))["metrics"]

    assert metrics["store"]["reader"] is None
    assert metrics["store"]["databaseBytes"] == 0


async def test_figures_tell_how_many_answers_came_from_memory(client: Client) -> None:
    empty = (await client.call("system.metrics"))["metrics"]["cache"]
    for _ in range(3):
        await client.call("branches.list")

    cache = (await client.call("system.metrics"))["metrics"]["cache"]

    nothing = ("hits", "misses", "shared", "unchanged", "evictions", "answers", "bytes")
    assert empty == dict.fromkeys(nothing, 0)
    assert cache == empty | {"hits": 2, "misses": 1, "answers": 1, "bytes": cache["bytes"]}
    assert cache["bytes"] > 0


async def test_a_process_that_keeps_no_answers_says_so(clock: FrozenClock) -> None:
    async with running_app(
        surroundings=Surroundings(clock=clock), cache=CacheSettings(bytes=0)
    ) as app:
        client = Client(app)
        metrics = (await client.call("system.metrics"))["metrics"]
        text = (await client.call("system.metrics", format="prometheus"))["text"]

    assert metrics["cache"] is None
    assert "rpcbackend_cache" not in text


async def test_a_disk_that_does_not_answer_is_asked_off_the_loop_and_costs_its_figure_alone(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[bool] = []

    def refuse(path: Path) -> None:
        asked.append(threading.current_thread() is threading.main_thread())
        raise OSError(5, "Input/output error", path)

    monkeypatch.setattr("shutil.disk_usage", refuse)
    metrics = (await client.call("system.metrics"))["metrics"]
    text = (await client.call("system.metrics", format="prometheus"))["text"]

    assert metrics["store"]["diskFreeBytes"] is None
    assert ("disk_free_bytes" in text, "database_bytes" in text) == (False, True)
    assert asked == [False, False]


async def test_figures_hold_nothing_that_was_sent(client: Client) -> None:
    with pytest.raises(CallFailedError):
        await client.call("students.get", studentId="canary", canary="canary")
    with pytest.raises(CallFailedError):
        await client.call("canary.unknown", login="canary")

    for form in ("json", "prometheus"):
        assert "canary" not in str(await client.call("system.metrics", format=form, buckets=True))
