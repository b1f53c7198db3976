"""The part that counts and measures what the process does, and tells when asked."""

import asyncio
import os
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from rpcbackend import __version__
from rpcbackend.clock import Clock
from rpcbackend.dispatch.registry import Method
from rpcbackend.observability.calls import CallMetrics
from rpcbackend.observability.keeper import Keeper
from rpcbackend.observability.live_file import LiveFile
from rpcbackend.observability.pulse import Pulse
from rpcbackend.observability.report import (
    tell_cache,
    tell_calls,
    tell_host,
    tell_process,
    tell_store,
)
from rpcbackend.observability.resources import look_at_disk, look_at_process
from rpcbackend.observability.service import ServiceRecord
from rpcbackend.outside.hosts import HostState
from rpcbackend.resilience.answers import Answers
from rpcbackend.schema.metrics import Live, Metrics
from rpcbackend.schema.system import ServiceWindow
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
        answers: Returns the answers that are kept, if any are.
        hosts: Returns how the hosts outside stand.
        directory: The data directory, where `rpcbackend top` looks.
    """

    def __init__(
        self,
        methods: Iterable[Method],
        *,
        clock: Clock,
        started: float,
        load: Callable[[], Load],
        store: Callable[[], Store | None],
        answers: Callable[[], Answers | None],
        hosts: Callable[[], list[HostState]],
        directory: Path | None = None,
    ) -> None:
        self._clock, self._load, self._store, self._answers = clock, load, store, answers
        self._started, self._hosts = started, hosts
        self.calls = CallMetrics(
            frozenset(method.channel for method in methods if not _is_work(method))
        )
        self._noted_at = started
        self._record = ServiceRecord()
        self.keeper = Keeper(self._record, clock)
        """Keeps that record."""
        self._live = LiveFile(directory, self._show, clock)
        self._pulse = Pulse(self._beat)

    def start(self) -> None:
        """Look every few seconds at what has to be looked at by itself."""
        self._pulse.start()

    def welcome(self, store: Store) -> None:
        """Keep the record of the service in a store that was opened, or restored."""
        self.keeper.welcome(store)

    async def close(self) -> None:
        """Keep the last of the record; before the store closes."""
        self._pulse.stop()
        await self._live.close()
        self._note()
        await self.keeper.close()

    def _beat(self) -> None:
        self._note()
        self.keeper.beat()
        self._live.beat()

    async def _show(self) -> bytes:
        live = Live(metrics=await self.metrics(has_buckets=True), service=self.service())
        return live.model_dump_json().encode()

    def _note(self) -> None:
        now, before = self._clock.monotonic(), self._noted_at
        self._noted_at = now
        store = self._store()
        # Of several processes one says for how long the school was served.
        is_first = store is None or store.engine.is_leader
        has_calls = self._record.note(
            self._clock.now_ms() // 1_000,
            up_ms=round((now - before) * 1_000) if is_first else 0,
            work=self.calls.work,
            failed=self.calls.failed,
        )
        self.keeper.has_calls = self.keeper.has_calls or has_calls

    def service(self) -> list[ServiceWindow]:
        """Tell how well the school was served over the last hour, day and 30 days."""
        self._note()
        return list(self._record.windows(self._clock.now_ms() // 1_000))

    @property
    def uptime_ms(self) -> int:
        """For how long the process is there."""
        return round((self._clock.monotonic() - self._started) * 1_000)

    async def metrics(self, *, has_buckets: bool) -> Metrics:
        """Return all figures, those of the machine as they are now."""
        store = self._store()
        # On a thread: the import alone takes 10 ms the first time, and a disk may be slow.
        resources, disk = await asyncio.to_thread(
            lambda: (look_at_process(), look_at_disk(store) if store else None)
        )
        load, answers = self._load(), self._answers()
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
            store=tell_store(store, disk, has_buckets=has_buckets) if store and disk else None,
            cache=tell_cache(answers) if answers else None,
            hosts=[tell_host(state) for state in self._hosts()],
            process=tell_process(
                resources,
                tasks=len(asyncio.all_tasks()),
                lag=self._pulse.lag,
                has_buckets=has_buckets,
            ),
        )

    async def prometheus(self) -> str:
        """Return all figures as text for a Prometheus server."""
        from rpcbackend.observability.prometheus import write_prometheus  # noqa: PLC0415 (when asked)

        metrics = await self.metrics(has_buckets=True)
        return await asyncio.to_thread(write_prometheus, metrics)


def _is_work(method: Method) -> bool:
    # A password that is checked in less than 100 ms is checked badly.
    return method.lane == "work" and not method.channel.startswith("auth.")
