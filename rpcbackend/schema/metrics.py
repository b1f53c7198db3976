"""What system.metrics answers: figures of the process since it started, nobody's data in them."""

from typing import Annotated, Literal

from pydantic import Field

from rpcbackend.schema.base import Flag, Instant, Integer, Params, WireModel
from rpcbackend.schema.system import HostHealth, ServiceWindow

Milliseconds = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Count = Annotated[Integer, Field(ge=0)]


class GetMetrics(Params):
    """Params of system.metrics."""

    format: Annotated[
        Literal["json", "prometheus"],
        Field(description="prometheus answers the text that its server reads."),
    ] = "json"
    buckets: Annotated[
        Flag, Field(description="Also the buckets of the histograms, which add up.")
    ] = False


class Bucket(WireModel):
    """How many lasted less than this, and not less than the bucket before says."""

    below_ms: Milliseconds
    count: Count


class Times(WireModel):
    """How long something took; a quantile is off by 3.2 % at most."""

    count: Count
    p50_ms: Milliseconds | None
    p95_ms: Milliseconds | None
    p99_ms: Milliseconds | None
    buckets: Annotated[
        list[Bucket] | None,
        Field(
            description="Those that are not empty. They are the same everywhere: 16 to an "
            "octave of microseconds."
        ),
    ] = None


class ErrorCount(WireModel):
    """How many calls ended with this error."""

    symbol: str
    type: str
    count: Count


class CallerCount(WireModel):
    """How many calls came from there."""

    caller: Annotated[
        str, Field(description="nobody, local, user, api_key, or the id of an API key.")
    ]
    count: Count


class ChannelMetrics(WireModel):
    """What the calls of one channel came to."""

    channel: Annotated[str | None, Field(description="null: lines that name none of ours.")]
    times: Annotated[Times, Field(description="From the arrival on, the queue included.")]
    total_ms: Milliseconds
    errors: Annotated[list[ErrorCount], Field(description="The most frequent first.")]
    callers: Annotated[list[CallerCount], Field(description="The most frequent first.")]


class CallsMetrics(WireModel):
    """What all calls came to."""

    in_flight: Count
    queued: Count
    work: Annotated[Times, Field(description="All but those that look after the process.")]
    failed: Annotated[Count, Field(description="Of those: errors of the system or the network.")]
    channels: Annotated[list[ChannelMetrics], Field(description="By name.")]


class BatchSize(WireModel):
    """How many batches had so many units."""

    units: Count
    count: Count


class LaneMetrics(WireModel):
    """What the threads of the database do: the writer's batches are its commits."""

    waiting: Annotated[Count, Field(description="Units that no thread has begun.")]
    done: Annotated[Count, Field(description="Units.")]
    sizes: list[BatchSize]
    times: Annotated[Times, Field(description="Of whole batches.")]


class StoreMetrics(WireModel):
    """What the store does."""

    writer: LaneMetrics
    reader: Annotated[LaneMetrics | None, Field(description="null: the writer reads too.")]
    database_bytes: Annotated[
        Count | None, Field(description="null: a server keeps it, and tells its own people.")
    ]
    wal_bytes: Annotated[Count | None, Field(description="Likewise.")]
    disk_free_bytes: Annotated[
        Count | None, Field(description="Likewise, and while the disk does not answer.")
    ]


class CacheMetrics(WireModel):
    """Where the answers came from to questions whose answers are kept."""

    hits: Annotated[Count, Field(description="From memory.")]
    misses: Annotated[Count, Field(description="They were looked up.")]
    shared: Annotated[Count, Field(description="From a look-up that was under way.")]
    unchanged: Annotated[Count, Field(description="The caller had it: `notModified`.")]
    evictions: Annotated[Count, Field(description="Answers that had to go for want of room.")]
    answers: Annotated[Count, Field(description="Those that are kept now.")]
    bytes: Annotated[Count, Field(description="What these take.")]


class HostMetrics(HostHealth):
    """What the calls to one host outside came to."""

    calls: Annotated[Count, Field(description="Retries included.")]
    failures: Annotated[Count, Field(description="Of those, because of the host.")]
    retries: Count


class ProcessMetrics(WireModel):
    """What the process needs of the machine."""

    cpu_seconds: Annotated[float, Field(ge=0)]
    rss_bytes: Count
    open_files: Annotated[Count, Field(description="File descriptors; handles on Windows.")]
    threads: Count
    tasks: Annotated[Count, Field(description="Of the event loop.")]
    loop_lag: Annotated[
        Times, Field(description="By how much a timer was late, looked at every few seconds.")
    ]


class Metrics(WireModel):
    """Figures since the process started."""

    at: Instant
    pid: Integer
    version: str
    uptime_ms: Count
    calls: CallsMetrics
    store: Annotated[StoreMetrics | None, Field(description="null while it is not open.")]
    cache: Annotated[CacheMetrics | None, Field(description="null: no answers are kept.")]
    hosts: Annotated[
        list[HostMetrics],
        Field(description="Those outside that were called last, 200 at most, by name."),
    ]
    process: ProcessMetrics


class Watch(Params):
    """Params of system.watch."""

    interval_seconds: Annotated[
        Annotated[Integer, Field(ge=1, le=3_600)] | None,
        Field(description="How often; null ends it."),
    ] = 2


class Watching(WireModel):
    """What system.watch answers."""

    interval_seconds: Integer | None


class Live(WireModel):
    """What `rpcbackend top` is shown."""

    metrics: Metrics
    service: list[ServiceWindow]


class MetricsAnswer(WireModel):
    """What system.metrics answers: the one or the other."""

    metrics: Metrics | None = None
    text: Annotated[str | None, Field(description="In Prometheus' text format 0.0.4.")] = None
