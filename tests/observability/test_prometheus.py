"""The text for Prometheus, read by its official parser."""

from collections.abc import Mapping
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from rpcbackend.app import Application
from rpcbackend.outside.adapter import TryAgainError
from rpcbackend.testing import CallFailedError, Client, FrozenClock, running_app
from tests.factories import save_branch

Samples = Mapping[str, Mapping[tuple[tuple[str, str], ...], float]]


async def scrape(client: Client) -> Samples:
    """Return every sample of the text by its name and labels."""
    text = (await client.call("system.metrics", format="prometheus"))["text"]
    samples: dict[str, dict[tuple[tuple[str, str], ...], float]] = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            labels = tuple(sorted(sample.labels.items()))
            assert labels not in samples.setdefault(sample.name, {}), "no sample comes twice"
            samples[sample.name][labels] = sample.value
    return samples


async def test_the_text_tells_what_the_calls_came_to(client: Client) -> None:
    await save_branch(client)
    with pytest.raises(CallFailedError):
        await client.call("students.get", studentId="stu_00000000-0000-7000-8000-000000000001")

    samples = await scrape(client)

    of = (("channel", "students.get"),)
    assert samples["rpcbackend_calls_total"][(("caller", "local"), *of)] == 1
    assert (
        samples["rpcbackend_errors_total"][(*of, ("symbol", "NOT_FOUND"), ("type", "business"))]
        == 1
    )
    assert samples["rpcbackend_call_seconds_count"][of] == 1
    # The clock of this test stands still.
    assert samples["rpcbackend_call_seconds_sum"][of] == 0
    assert samples["rpcbackend_call_seconds_bucket"][(*of, ("le", "0.000064"))] == 1
    assert samples["rpcbackend_calls_in_flight"][()] == 1
    assert samples["rpcbackend_calls_queued"][()] == 0


async def test_the_text_tells_what_store_and_process_do(tmp_path: Path) -> None:
    async with running_app(tmp_path) as app:
        client = Client(app)
        await save_branch(client)
        # A batch of the readers is counted before they come to the next one.
        await client.call("branches.list")
        await client.call("branches.list")

        samples = await scrape(client)

    lanes = {(("lane", "reader"),), (("lane", "writer"),)}
    assert samples["rpcbackend_store_waiting"] == dict.fromkeys(lanes, 0)
    assert samples["rpcbackend_store_batch_units_sum"].keys() == lanes
    assert samples["rpcbackend_store_batch_units_sum"][(("lane", "writer"),)] >= 1
    assert all(samples["rpcbackend_store_batch_seconds_sum"][lane] > 0 for lane in lanes)
    for name in ("database_bytes", "wal_bytes", "disk_free_bytes", "resident_memory_bytes"):
        assert samples[f"rpcbackend_{name}"][()] > 0
    for name in ("open_files", "threads", "tasks", "cpu_seconds_total"):
        assert samples[f"rpcbackend_{name}"][()] > 0


async def test_the_text_tells_where_answers_came_from(client: Client) -> None:
    for _ in range(3):
        await client.call("branches.list")

    samples = await scrape(client)

    lookups = samples["rpcbackend_cache_lookups_total"]
    told = {dict(labels)["outcome"]: count for labels, count in lookups.items()}
    assert told == {"hit": 2, "miss": 1, "shared": 0, "unchanged": 0}
    assert samples["rpcbackend_cache_evictions_total"][()] == 0
    assert samples["rpcbackend_cache_answers"][()] == 1
    assert samples["rpcbackend_cache_bytes"][()] > 0


async def test_the_text_tells_how_the_hosts_outside_stand(
    client: Client, app: Application, clock: FrozenClock
) -> None:
    async def fail() -> None:
        raise TryAgainError("down", is_unreached=True, retry_after_seconds=60)

    for host, calls in (("a.example:443", 1), ("b.example:443", 5), ("c.example:443", 5)):
        for _ in range(calls):
            with pytest.raises(TryAgainError):
                await app.ways.gate.call(host, fail)
        if host.startswith("b"):
            clock.advance(30)

    samples = await scrape(client)

    def of(name: str) -> dict[str, float]:
        return {labels[0][1]: value for labels, value in samples[f"rpcbackend_{name}"].items()}

    assert of("breaker_state") == {"a.example:443": 0, "b.example:443": 1, "c.example:443": 2}
    assert of("host_calls_total") == {"a.example:443": 1, "b.example:443": 5, "c.example:443": 5}
    assert of("host_failures_total") == of("host_calls_total")
    assert set(of("host_retries_total").values()) == {0}


async def test_buckets_grow_up_to_the_count(client: Client) -> None:
    await save_branch(client)

    samples = await scrape(client)

    for name, values in samples.items():
        if name.endswith("_bucket"):
            series: dict[tuple[tuple[str, str], ...], list[tuple[float, float]]] = {}
            for labels, value in values.items():
                rest = tuple(label for label in labels if label[0] != "le")
                series.setdefault(rest, []).append((float(dict(labels)["le"]), value))
            for rest, points in series.items():
                points.sort()
                assert [value for _, value in points] == sorted(value for _, value in points)
                assert points[-1] == (float("inf"), samples[name[:-7] + "_count"][rest])
