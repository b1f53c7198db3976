"""The part that counts and measures what the process does, and tells when asked."""

import asyncio
import os
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import NamedTuple

from rpcbackend import __version__
from rpcbackend.clock import Clock
from rpcbackend.dispatch.registry import Method
from rpcbackend.histogram import Histogram
from rpcbackend.observability.calls import CallMetrics
from rpcbackend.observability.report import tell_calls, tell_process, tell_store
from rpcbackend.observability.resources import look_at_process
from rpcbackend.schema.metrics import Metrics
from rpcbackend.store import Store


class Load(NamedTuple):
    """How many calls there are."""

    in_flight: int
    queued: int


class ProcessMonitor:
    """Counts what passes and looks at the rest when asked.

    Args:
        methods: The channels.
        clock: Tells the time.
        started: Since when the process is there, by the clock's seconds.
        load: Tells how many calls there are.
        store: Returns the open store, if there is one.
    """

    def __init__(
        self,
        methods: Iterable[Method],
        *,
        clock: Clock,
        started: float,
        load: Callable[[], Load],
        store: Callable[[], Store | None],
    ) -> None:
        self._clock, self._load, self._store = clock, load, store
        self._started = started
        self.calls = CallMetrics(
            frozenset(method.channel for method in methods if method.lane == "control")
        )
        self._lag = Histogram()

    @property
    def uptime_ms(self) -> int:
        """For how long the process is there."""
        return round((self._clock.monotonic() - self._started) * 1_000)

    async def metrics(self, *, has_buckets: bool) -> Metrics:
        """Return all figures, those of the machine as they are now."""
        # On a thread: the import alone takes 10 ms the first time.
        resources = await asyncio.to_thread(look_at_process)
        load, store = self._load(), self._store()
        return Metrics(
            at=datetime.fromtimestamp(self._clock.now_ms() / 1_000, UTC),
            pid=os.getpid(),
            version=__version__,
            uptime_ms=self.uptime_ms,
            calls=tell_calls(
                self.calls,
                in_flight=load.in_flight,
                queued=load.queued,
                has_buckets=has_buckets,
            ),
            store=tell_store(store, has_buckets=has_buckets) if store else None,
            process=tell_process(
                resources,
                tasks=len(asyncio.all_tasks()),
                lag=self._lag,
                has_buckets=has_buckets,
            ),
        )

    async def prometheus(self) -> str:
        """Return all figures as text for a Prometheus server."""
        from rpcbackend.observability.prometheus import write_prometheus  # noqa: PLC0415 (when asked)

        metrics = await self.metrics(has_buckets=True)
        return await asyncio.to_thread(write_prometheus, metrics)
