"""The figures as text for a Prometheus server, by its own library, loaded for that alone."""

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from rpcbackend.observability.report import histogram_of
from rpcbackend.schema.metrics import CacheMetrics, HostMetrics, LaneMetrics, Metrics, Times

if TYPE_CHECKING:
    from prometheus_client.metrics_core import Metric

BITS = range(6, 28)
"""The buckets that it is told: doublings from 64 µs to 134 s, whose counts are exact."""


STATES = ("closed", "half_open", "open")
"""Of a breaker, by the number that it is told as."""


def write_prometheus(metrics: Metrics) -> str:
    """Return the text; the histograms must have come with their buckets. 50 ms the first time."""
    from prometheus_client.exposition import generate_latest  # noqa: PLC0415 (50 ms)
    from prometheus_client.registry import CollectorRegistry  # noqa: PLC0415 (50 ms)

    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Collected(list(_families(metrics))))
    return generate_latest(registry).decode()


class _Collected:
    """Families that were made before."""

    def __init__(self, families: list["Metric"]) -> None:
        self._families = families

    def collect(self) -> Iterable["Metric"]:
        return self._families


def _families(metrics: Metrics) -> Iterator["Metric"]:
    from prometheus_client import metrics_core as core  # noqa: PLC0415 (50 ms)

    yield core.InfoMetricFamily("rpcbackend", "The program.", value={"version": metrics.version})
    yield _gauge(core, "uptime_seconds", "Since the process started.", metrics.uptime_ms / 1_000)
    yield from _of_calls(metrics, core)
    yield from _of_process(metrics, core)
    if metrics.store is not None:
        yield from _of_store(metrics, core)
    if metrics.cache is not None:
        yield from _of_cache(metrics.cache, core)
    yield from _of_hosts(metrics.hosts, core)


def _of_calls(metrics: Metrics, core: Any) -> Iterator["Metric"]:
    calls = metrics.calls
    yield _gauge(core, "calls_in_flight", "Calls that run.", calls.in_flight)
    yield _gauge(core, "calls_queued", "Calls that wait for their turn.", calls.queued)
    times = core.HistogramMetricFamily(
        "rpcbackend_call_seconds", "How long calls took, queue included.", labels=["channel"]
    )
    callers = core.CounterMetricFamily(
        "rpcbackend_calls", "Calls by who made them.", labels=["channel", "caller"]
    )
    errors = core.CounterMetricFamily(
        "rpcbackend_errors", "Calls that ended with an error.", labels=["channel", "symbol", "type"]
    )
    for channel in calls.channels:
        name = channel.channel or ""
        times.add_metric([name], _buckets(channel.times), channel.total_ms / 1_000)
        for caller in channel.callers:
            callers.add_metric([name, caller.caller], caller.count)
        for error in channel.errors:
            errors.add_metric([name, error.symbol, error.type], error.count)
    yield from (times, callers, errors)


def _of_process(metrics: Metrics, core: Any) -> Iterator["Metric"]:
    process = metrics.process
    yield core.CounterMetricFamily(
        "rpcbackend_cpu_seconds", "Time on the processor.", value=process.cpu_seconds
    )
    yield _gauge(core, "resident_memory_bytes", "Memory.", process.rss_bytes)
    yield _gauge(core, "open_files", "File descriptors, or handles.", process.open_files)
    yield _gauge(core, "threads", "Threads.", process.threads)
    yield _gauge(core, "tasks", "Tasks of the event loop.", process.tasks)
    lag = core.HistogramMetricFamily(
        "rpcbackend_loop_lag_seconds", "How late timers were.", labels=[]
    )
    lag.add_metric([], _buckets(process.loop_lag), _seconds(process.loop_lag))
    yield lag


def _of_store(metrics: Metrics, core: Any) -> Iterator["Metric"]:
    store = metrics.store
    assert store is not None  # noqa: S101 (asked before)
    lanes = {"writer": store.writer} | ({"reader": store.reader} if store.reader else {})
    waiting = core.GaugeMetricFamily(
        "rpcbackend_store_waiting", "Units that no thread has begun.", labels=["lane"]
    )
    sizes = core.HistogramMetricFamily(
        "rpcbackend_store_batch_units", "Units in a batch, or commit.", labels=["lane"]
    )
    times = core.HistogramMetricFamily(
        "rpcbackend_store_batch_seconds", "How long batches took.", labels=["lane"]
    )
    for name, lane in lanes.items():
        waiting.add_metric([name], lane.waiting)
        sizes.add_metric([name], _sizes(lane), lane.done)
        times.add_metric([name], _buckets(lane.times), _seconds(lane.times))
    yield from (waiting, sizes, times)
    for name, what, size in (
        ("database_bytes", "Size of the database.", store.database_bytes),
        ("wal_bytes", "Size of its write-ahead log.", store.wal_bytes),
        ("disk_free_bytes", "Room on its disk.", store.disk_free_bytes),
    ):
        if size is not None:
            yield _gauge(core, name, what, size)


def _of_cache(cache: CacheMetrics, core: Any) -> Iterator["Metric"]:
    lookups = core.CounterMetricFamily(
        "rpcbackend_cache_lookups", "Questions whose answers are kept.", labels=["outcome"]
    )
    for outcome, count in (
        ("hit", cache.hits),
        ("miss", cache.misses),
        ("shared", cache.shared),
        ("unchanged", cache.unchanged),
    ):
        lookups.add_metric([outcome], count)
    yield lookups
    yield core.CounterMetricFamily(
        "rpcbackend_cache_evictions", "Answers that had to go.", value=cache.evictions
    )
    yield _gauge(core, "cache_answers", "Answers that are kept.", cache.answers)
    yield _gauge(core, "cache_bytes", "What they take.", cache.bytes)


def _of_hosts(hosts: list[HostMetrics], core: Any) -> Iterator["Metric"]:
    states = core.GaugeMetricFamily(
        "rpcbackend_breaker_state",
        "Of a host outside: 0 closed, 1 half-open, 2 open.",
        labels=["host"],
    )
    calls, failures, retries = (
        core.CounterMetricFamily(f"rpcbackend_host_{name}", what, labels=["host"])
        for name, what in (
            ("calls", "Calls to a host outside."),
            ("failures", "Those that failed because of the host."),
            ("retries", "Those that were a second or third try."),
        )
    )
    for host in hosts:
        states.add_metric([host.host], STATES.index(host.state))
        calls.add_metric([host.host], host.calls)
        failures.add_metric([host.host], host.failures)
        retries.add_metric([host.host], host.retries)
    yield from (states, calls, failures, retries)


def _gauge(core: Any, name: str, what: str, value: float) -> "Metric":
    family: Metric = core.GaugeMetricFamily(f"rpcbackend_{name}", what, value=value)
    return family


def _buckets(times: Times) -> list[tuple[str, float]]:
    """Return how many were no longer than each bound, in seconds."""
    histogram = histogram_of(times)
    bounds = [(f"{(1 << bits) / 1e6:.6f}", float(histogram.below(bits))) for bits in BITS]
    return [*bounds, ("+Inf", float(times.count))]


def _seconds(times: Times) -> float:
    return histogram_of(times).total / 1e6


def _sizes(lane: LaneMetrics) -> list[tuple[str, float]]:
    sizes = {size.units: size.count for size in lane.sizes}
    bounds = [1, 2, 4, 8, 16, 32, 64]
    return [
        *((str(float(most)), _up_to(sizes, most)) for most in bounds),
        ("+Inf", float(sum(sizes.values()))),
    ]


def _up_to(sizes: dict[int, int], most: int) -> float:
    return float(sum(count for units, count in sizes.items() if units <= most))
