"""The composition root: the one list of rings, the one list of observers, one process's life."""

import asyncio
import os
from collections.abc import Collection
from pathlib import Path

from rpcbackend import PROTOCOL_VERSION, __version__
from rpcbackend.access import Access
from rpcbackend.backups import Shelf
from rpcbackend.caching import Caching
from rpcbackend.config import CacheSettings, Disk
from rpcbackend.context import Context
from rpcbackend.contract.shipped import contract_hash, read_contract
from rpcbackend.dispatch.connections import Connections
from rpcbackend.dispatch.dispatcher import Dispatcher, Sources
from rpcbackend.dispatch.server import STOP_SECONDS, Server
from rpcbackend.dispatch.tap import LineSink
from rpcbackend.door import StoreDoor, read_key
from rpcbackend.errors import InvalidParamsError
from rpcbackend.exits import EX_PROTOCOL, EX_TIMED_OUT
from rpcbackend.hashing import Hashing
from rpcbackend.ids import Ids
from rpcbackend.jobs.resuming import Resuming
from rpcbackend.jobs.runner import JobRunner
from rpcbackend.jobs.scheduler import Scheduler
from rpcbackend.methods import build_registry
from rpcbackend.middleware.rate_limit import RateLimit
from rpcbackend.moments import MomentClock
from rpcbackend.observability.monitor import Load, ProcessMonitor
from rpcbackend.outbound import Outbound
from rpcbackend.outside.channels import Means
from rpcbackend.outside_settings import OutsideSettings
from rpcbackend.parent import until_gone
from rpcbackend.rates import share_rates
from rpcbackend.resilience.shares import Rates
from rpcbackend.rings import build_rings
from rpcbackend.schema.lifecycle import (
    Initialize,
    Initialized,
    Peer,
    Ready,
)
from rpcbackend.schema.limits import Limits
from rpcbackend.schema.schedules import ScheduleName
from rpcbackend.schema.system import Health
from rpcbackend.steps import Steps
from rpcbackend.store import Origin, Report, Store, Verdict
from rpcbackend.surroundings import Surroundings
from rpcbackend.ways import Ways

DRAIN_SECONDS = 5.0


class Application:
    """One process's program: a store behind a dispatcher, and any number of connections.

    Args:
        directory: The data directory; None keeps everything in memory.
        surroundings: Time, randomness, and where faults are told.
        drain_seconds: How long a shutdown waits for running calls.
        limits: What a connection may ask for.
        schedules_after_seconds: How long after the store was opened runs what is due; None lets
            nothing run by itself.
        but: Schedules that do not run all the same.
        disk: When there is too little room on it.
        is_read_only: Whether the store is served as it is, whatever its state.
        cache: How answers are kept; None keeps none.
        outside: How the world outside is called.
    """

    def __init__(
        self,
        directory: Path | None,
        surroundings: Surroundings | None = None,
        *,
        drain_seconds: float = DRAIN_SECONDS,
        limits: Limits | None = None,
        schedules_after_seconds: float | None = None,
        but: Collection[ScheduleName] = (),
        disk: Disk | None = None,
        is_read_only: bool = False,
        cache: CacheSettings | None = None,
        outside: OutsideSettings | None = None,
    ) -> None:
        self._limits, self._surroundings = limits or Limits(), surroundings or Surroundings()
        self._drain_seconds = drain_seconds
        self._clock, self._tap = self._surroundings.clock, self._surroundings.tap
        still, steps = self._clock, self._surroundings.steps or Steps(self._tap)
        if self._tap is not None:
            still, self._clock = MomentClock(still, is_still=True), MomentClock(still)
        started, ids = self._clock.monotonic(), Ids(self._clock, self._surroundings.bits)
        self.jobs = JobRunner(
            lambda: self.store,
            clock=self._clock,
            ids=ids,
            report_bug=self._surroundings.report_bug,
            steps=steps,
        )
        """Runs what goes on after its call was answered."""
        self.backups = Shelf()
        """Knows which backups there are."""
        self._has_schedules = schedules_after_seconds is not None
        self._door = StoreDoor(
            directory,
            clock=self._clock,
            ids=Ids(self._clock, self._surroundings.record_bits),
            end=self.end,
            on_open=self._welcome,
            tell=self._surroundings.tell,
            disk=disk,
            place=self._surroundings.place,
            is_read_only=is_read_only,
        )
        self.mirror_url: str | None = None
        """Where the mirror listens."""
        self.access = Access(still, self._surroundings.over_http)
        """Tells who calls."""
        self.random_bytes = self._surroundings.random_bytes
        """Gives secrets their bytes."""
        self.hashing = Hashing(self.random_bytes)
        """Hashes and verifies passwords."""
        self.rates = Rates()
        """Shares what callers took with the other processes of the school."""
        self._rate_limit = RateLimit(self._surroundings.rates or self._limits, self.rates)
        self._exit_code = 0
        self._closing: asyncio.Task[None] | None = None
        self._parent_watch: asyncio.Task[None] | None = None
        self._has_begun_to_end = asyncio.Event()
        self.ended = asyncio.Event()
        """Set when the process should end, with `exit_code`."""
        self.log_levels = self._surroundings.log_levels
        """Tells from which level on the log is written."""
        self.ways = Ways(
            outside or OutsideSettings(),
            clock=self._clock,
            chance=self._surroundings.chance,
            ids=ids,
            report_bug=self._surroundings.report_bug,
            steps=steps,
        )
        """Lead outside."""
        self.recordings = self._surroundings.recordings
        """Knows the transcript that this process writes."""
        self.post = Outbound(
            None if is_read_only else self._surroundings.channels,
            Means(ways=self.ways, clock=self._clock, store=lambda: self.store, steps=steps),
            self._surroundings.chance,
        )
        """Sends what is in the outbox."""
        registry = build_registry()
        self.monitor = ProcessMonitor(
            registry,
            clock=self._clock,
            started=started,
            load=self._load,
            store=lambda: self.store if self.has_store else None,
            answers=lambda: self.caching.answers,
            hosts=self.ways.gate.states,
            directory=directory,
        )
        """Knows the figures of this process."""
        self.caching = Caching(
            # Whether a `rev` can be told depends on the instant, and a replay tells the same.
            # And of what other processes change, nobody here would know in time.
            cache if self._tap is None and self._surroundings.place is None else None,
            self,
            registry,
            clock=self._clock,
            ids=ids,
            is_idle=lambda: not any(self._load()),
        )
        """Keeps answers."""
        self.jobs.resume = Resuming(self, registry).order
        self.scheduler = Scheduler(
            self.jobs, self, delay_seconds=schedules_after_seconds or 0, without=but, steps=steps
        )
        """Begins what is due."""
        self.dispatcher = Dispatcher(
            registry,
            rings=build_rings(self._limits, self._rate_limit, self.caching.ring),
            limits=self._limits,
            observers=(self.monitor.calls.observe, *self._surroundings.observers),
            host=self,
            sources=Sources(clock=self._clock, ids=ids),
            report_bug=self._surroundings.report_bug,
        )
        self.connections = Connections(self.dispatcher, self._clock, self._tap)
        """Whoever speaks to this process."""

    @property
    def exit_code(self) -> int:
        """What the process should exit with once `ended` is set."""
        return self._exit_code

    async def boot(self) -> None:
        """Open the store now if there is a plain one; see `StoreDoor.boot`."""
        self.monitor.start()
        await self._door.boot()

    def connect(self, sink: LineSink) -> Server:
        """Begin to serve a connection of the desk, whose lines out go to *sink*."""
        return self.connections.open(sink)

    def ready(self) -> Ready:
        """Return what the first line says."""
        return Ready(
            name="rpcbackend",
            version=__version__,
            protocol_version=PROTOCOL_VERSION,
            contract_hash=contract_hash(),
            pid=os.getpid(),
            locked=self._door.is_locked,
            boot_ms=self.monitor.uptime_ms,
        )

    async def close(self) -> None:
        """Refuse new calls, let the running ones end, and close the store.

        Whoever comes second waits for the same end: a shutdown is often followed by end of file.
        """
        if self._closing is None:
            self._closing = asyncio.get_running_loop().create_task(self._close())
        await asyncio.shield(self._closing)

    async def _close(self) -> None:
        self._has_begun_to_end.set()
        if self._parent_watch is not None:
            self._parent_watch.cancel()
        self.scheduler.close()
        self.jobs.close()
        noting = asyncio.create_task(self.caching.close())
        posting = asyncio.create_task(self.post.close())
        if not await self.connections.drain(self._drain_seconds):
            self._exit_code = self._exit_code or EX_TIMED_OUT
        await self.jobs.settle(STOP_SECONDS)
        self.hashing.close()
        await self.access.settle()
        try:
            await noting
            await posting
            await self.ways.close()
            await self.monitor.close()
        finally:
            await self._door.close()

    def _welcome(self, store: Store) -> None:
        if self._closing is not None:
            # A restore that nothing could stop any more.
            return
        if self._tap is not None:
            self._tap.opened(store.key)
        share_rates(self.rates, store, self._clock)
        self.jobs.welcome(store)
        self.monitor.welcome(store)
        self.ways.welcome(store)
        self.post.welcome(store)
        self.caching.welcome(store)
        if self._has_schedules:
            self.scheduler.welcome(store)

    def end(self, exit_code: int) -> None:
        """Let the process end; the first code that is not 0 stays."""
        self._exit_code = self._exit_code or exit_code
        self.ended.set()
        self._has_begun_to_end.set()

    async def begun_to_end(self) -> None:
        """Wait until the process closes or should end, whichever comes first."""
        await self._has_begun_to_end.wait()

    # What handlers ask of the process (rpcbackend.context.Host)

    @property
    def store(self) -> Store:
        """The open store."""
        return self._door.store

    @property
    def has_store(self) -> bool:
        """Whether there is an open store, even if somebody still waits for it."""
        return self._door.has_store

    @property
    def is_open(self) -> bool:
        """Whether there is an open store, and nobody still waits for it."""
        return self._door.is_open

    async def open_store(self, key: bytes | None = None) -> None:
        """Make sure that the store is open; see `StoreDoor.open`."""
        await self._door.open(key)

    def contract(self) -> bytes:
        """Return the OpenRPC document, encoded."""
        return read_contract()

    def check_address(self, url: str, *, is_trusted: bool = False) -> None:
        """Check that an address outside may be called; see `Guard.check`."""
        self.ways.guard.check(url, is_trusted=is_trusted)

    def take_heavy(self, ctx: Context) -> None:
        """Count a heavy call whose channel is a light one; see `RateLimit.take`."""
        self._rate_limit.take(ctx, "heavy")

    async def health(self, *, deep: bool, report: Report) -> Health:
        """Say how the process and its store are."""
        store = await self._door.health(deep=deep, report=report)
        if store is not None:
            last = await self.backups.last(self.store, self._clock.now_ms())
            store = store.model_copy(update={"last_backup": last})
        return Health(
            status="damaged" if store and store.integrity == "damaged" else self.status,
            version=__version__,
            pid=os.getpid(),
            uptime_ms=self.monitor.uptime_ms,
            **self._load()._asdict(),
            service=self.monitor.service(),
            store=store,
            outbox=await self.post.health(self.store) if store is not None else None,
            hosts=self.ways.sick(),
            mirror_url=self.mirror_url,
        )

    def _load(self) -> Load:
        return Load(in_flight=self.connections.in_flight, queued=self.connections.queued)

    async def initialize(self, params: Initialize, *, may_end: bool) -> Initialized:
        """Open the store with the key and tell what this server can do.

        Args:
            params: Version, key, and who calls.
            may_end: Whether a version that does not fit ends the process: a window may not.

        Raises:
            InvalidParamsError: The client speaks another version of the protocol; exits with 76.
            NotInitializedError: The key is wrong; exits with 77.
            SchemaTooNewError: A newer version of this program wrote the store; exits with 79.
        """
        if params.protocol_version != PROTOCOL_VERSION:
            if may_end:
                self.end(EX_PROTOCOL)
            raise InvalidParamsError(
                f"This server speaks version {PROTOCOL_VERSION} of the protocol.",
                details={"supported": [PROTOCOL_VERSION]},
            )
        if params.parent_pid is not None:
            self._watch_parent(params.parent_pid)
        if params.database_key is not None:
            await self._door.unlock(params.database_key, params.pending_database_key)
        return Initialized(
            protocol_version=PROTOCOL_VERSION,
            contract_hash=contract_hash(),
            server=Peer(name="rpcbackend", version=__version__),
            capabilities=self._surroundings.capabilities(),
            limits=self._limits,
        )

    async def rekey(self, new_key: str, report: Report, *, dry_run: bool) -> None:
        """Encrypt the store with another key; see `StoreDoor.rekey`."""
        await self._door.rekey(new_key, report, dry_run=dry_run)
        if self._tap is not None and not dry_run:
            self._tap.opened(read_key(new_key))

    async def look_through(
        self, path: Path, report: Report, *, database_key: str | None
    ) -> Verdict:
        """Look through a backup with that key, or the store's own."""
        key = read_key(database_key) if database_key is not None else None
        return await self.store.verify_backup(path, report, key=key)

    async def restore(self, origin: Origin, report: Report, *, database_key: str | None) -> None:
        """Put a backup in the place of the store; see `StoreDoor.restore`."""
        await self._door.restore(origin, report, database_key)
        self.backups.forget()

    async def shut_down(self) -> None:
        """Close, and let the process end after the reply."""
        await self.close()
        asyncio.get_running_loop().call_soon(self.end, 0)

    def _watch_parent(self, pid: int) -> None:
        if self._parent_watch is not None:
            self._parent_watch.cancel()
        self._parent_watch = asyncio.get_running_loop().create_task(self._end_with_parent(pid))

    async def _end_with_parent(self, pid: int) -> None:
        await until_gone(pid)
        self.end(0)

    @property
    def status(self) -> str:
        """How the process is, in a word, without a question to the database."""
        if self._has_begun_to_end.is_set():
            return "closing"
        if not self.has_store:
            return "locked" if self._door.is_locked else "ok"
        return "ok" if self.store.engine.read_only is None else "read_only"
