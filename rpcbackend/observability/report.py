"""The figures as system.metrics tells them: what was counted, made into the models of the wire.

A part that has figures of its own has a function here, and a member in `schema.metrics`.
"""

from collections import Counter
from collections.abc import Iterable
from math import ceil

from rpcbackend.histogram import Histogram, bucket_of, lowest_of
from rpcbackend.observability.calls import CallMetrics, ChannelCalls
from rpcbackend.observability.resources import Disk, Resources
from rpcbackend.outside.hosts import HostState
from rpcbackend.resilience.answers import Answers
from rpcbackend.schema.metrics import (
    BatchSize,
    Bucket,
    CacheMetrics,
    CallerCount,
    CallsMetrics,
    ChannelMetrics,
    ErrorCount,
    HostMetrics,
    LaneMetrics,
    ProcessMetrics,
    StoreMetrics,
    Times,
)
from rpcbackend.schema.system import HostHealth
from rpcbackend.store import LaneFacts, Store


def tell_times(times: Histogram, *, has_buckets: bool = False) -> Times:
    """Return how long something took, in milliseconds."""
    p50, p95, p99 = (_ms(times.quantile(share)) for share in (0.5, 0.95, 0.99))
    buckets = [
        Bucket(below_ms=lowest_of(bucket + 1) / 1_000, count=count)
        for bucket, count in times.sparse()
    ]
    return Times(
        count=times.count,
        p50_ms=p50,
        p95_ms=p95,
        p99_ms=p99,
        buckets=buckets if has_buckets else None,
    )


def tell_calls(
    calls: CallMetrics, *, in_flight: int, queued: int, has_buckets: bool
) -> CallsMetrics:
    """Return what the calls came to."""
    channels = sorted(calls.channels.items(), key=lambda item: item[0] or "")
    return CallsMetrics(
        in_flight=in_flight,
        queued=queued,
        work=tell_times(calls.work, has_buckets=has_buckets),
        failed=calls.failed,
        channels=[_tell_channel(name, found, has_buckets) for name, found in channels],
    )


def _tell_channel(name: str | None, found: ChannelCalls, has_buckets: bool) -> ChannelMetrics:
    return ChannelMetrics(
        channel=name,
        times=tell_times(found.times, has_buckets=has_buckets),
        total_ms=found.total_us / 1_000,
        errors=[
            ErrorCount(symbol=error.symbol, type=error.error_type, count=count)
            for error, count in Counter(found.errors).most_common()
        ],
        callers=[
            CallerCount(caller=caller, count=count)
            for caller, count in Counter(found.callers).most_common()
        ],
    )


def tell_store(store: Store, disk: Disk, *, has_buckets: bool) -> StoreMetrics:
    """Return what the store does."""
    engine = store.engine
    is_shared = engine.reader is engine.writer
    return StoreMetrics(
        writer=_tell_lane(engine.writer.facts(), has_buckets),
        reader=None if is_shared else _tell_lane(engine.reader.facts(), has_buckets),
        database_bytes=disk.database_bytes,
        wal_bytes=disk.wal_bytes,
        disk_free_bytes=disk.free_bytes,
    )


def tell_cache(answers: Answers) -> CacheMetrics:
    """Return where answers came from."""
    return CacheMetrics(**answers.figures()._asdict())


def tell_host(state: HostState) -> HostMetrics:
    """Return what the calls to a host came to."""
    return HostMetrics(
        host=state.host,
        state=state.state,
        since=state.since,
        retry_after_ms=ceil(state.retry_after_seconds * 1_000),
        calls=state.calls,
        failures=state.failures,
        retries=state.retries,
    )


def tell_sick(states: Iterable[HostState]) -> list[HostHealth]:
    """Return those that are not as they are to be."""
    return [
        HostHealth(
            host=state.host,
            state=state.state,
            since=state.since,
            retry_after_ms=ceil(state.retry_after_seconds * 1_000),
        )
        for state in states
        if state.state != "closed"
    ]


def _tell_lane(facts: LaneFacts, has_buckets: bool) -> LaneMetrics:
    sizes = list(enumerate(facts.sizes))
    return LaneMetrics(
        waiting=facts.waiting,
        done=sum(units * count for units, count in sizes),
        sizes=[BatchSize(units=units, count=count) for units, count in sizes if count],
        times=tell_times(facts.times, has_buckets=has_buckets),
    )


def tell_process(
    resources: Resources, *, tasks: int, lag: Histogram, has_buckets: bool
) -> ProcessMetrics:
    """Return what the process needs of the machine."""
    return ProcessMetrics(
        cpu_seconds=round(resources.cpu_seconds, 3),
        rss_bytes=resources.rss_bytes,
        open_files=resources.open_files,
        threads=resources.threads,
        tasks=tasks,
        loop_lag=tell_times(lag, has_buckets=has_buckets),
    )


def histogram_of(times: Times) -> Histogram:
    """Return the histogram of what was told with its buckets."""
    return Histogram.of(
        (bucket_of(round(bucket.below_ms * 1_000) - 1), bucket.count)
        for bucket in times.buckets or ()
    )


def _ms(microseconds: float | None) -> float | None:
    return None if microseconds is None else microseconds / 1_000
