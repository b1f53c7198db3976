"""Who is told what of the jobs of a process: those that run, those that ended a moment ago."""

import asyncio
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from rpcbackend.errors import OverloadedError, ShuttingDownError
from rpcbackend.jobs import records
from rpcbackend.running import Order
from rpcbackend.schema.base import WireModel
from rpcbackend.schema.jobs import Job, JobStarted
from rpcbackend.store import Work

MAX_JOBS = 16
"""Jobs that run and wait: each one takes minutes, and nobody waits for the seventeenth."""

MAX_UNRECORDED = 100
"""Ends that could not be recorded, on a full disk say, and are told from memory."""

MAX_RECENT = 100
"""Ends that are remembered for whoever read the record a moment before."""


class Keeper(Protocol):
    """Keeps for a job how far it is."""

    async def keep(self, live: "Live", work: Work, checkpoint: Mapping[str, Any]) -> None:
        """See `Running.keep_in`."""
        ...

    async def seal(self, live: "Live", checkpoint: Mapping[str, Any] | None) -> None:
        """See `Running.seal`."""
        ...


@dataclass(slots=True, eq=False)
class Live:
    """A job that runs here, or waits for its turn."""

    order: Order
    runner: Keeper
    job: Job
    lease: int = 0
    """Under which it is run; see `rpcbackend.store.jobs`."""
    task: "asyncio.Task[None] | None" = None
    stopped: Literal["cancelled", "shutdown"] | None = None
    is_sealed: bool = False
    is_ending: bool = False
    ended_in: Job | None = None
    """As what it was recorded in the store that took the place of the present one."""
    _stopping: asyncio.Handle | None = None

    @property
    def job_id(self) -> str:
        """Its id."""
        return self.job.id

    def report(self, done: int, total: int, message: str) -> None:
        """Say how far it is, to whoever asks and to whoever began it."""
        figures = {"done": done, "total": total, "message": message}
        self.job = self.job.model_copy(update=figures)
        self.order.report(done, total, message)

    @property
    def checkpoint(self) -> Mapping[str, Any] | None:
        """See `Running.checkpoint`."""
        return self.order.left.checkpoint if self.order.left else None

    async def keep_in(self, work: Work, checkpoint: Mapping[str, Any]) -> None:
        """See `Running.keep_in`."""
        await self.runner.keep(self, work, checkpoint)

    async def seal(self, checkpoint: Mapping[str, Any] | None = None) -> None:
        """See `Running.seal`."""
        await self.runner.seal(self, checkpoint)

    async def end_in(self, work: Work, result: WireModel) -> None:
        """See `Running.end_in`."""
        done = records.done(self.job, result, work.now_ms)
        await work.jobs.put(done)
        if self.order.keyed is not None:
            reply = JobStarted(job_id=done.id).model_dump_json().encode()
            await work.idempotency_keys.keep(self.order.keyed, reply, work.now_ms // 1_000)
        self.ended_in = done

    def interrupt(self, reason: Literal["cancelled", "shutdown"]) -> None:
        """Stop its work soon, unless nothing stops it any more."""
        if self.is_sealed or self.is_ending or self.stopped is not None or self.task is None:
            return
        self.stopped = reason
        # Not at once: a task that is cancelled before its first step never begins, nor ends well.
        self._stopping = asyncio.get_running_loop().call_soon(self.task.cancel)

    def end(self) -> None:
        """Let nothing stop it any more, for its end is recorded."""
        self.is_ending = True
        if self._stopping is not None:
            self._stopping.cancel()

    def check_stopped(self) -> None:
        """Stop here if it was stopped while a transaction was seen through."""
        if self.stopped is not None:
            self.is_sealed = False
            raise asyncio.CancelledError


class Roster:
    """The jobs of a process, and what is remembered of their ends.

    Args:
        lost: Returns how a job ended that nobody runs any more.
        has_others: Tells whether other processes may run jobs of the same store.
    """

    def __init__(self, lost: Callable[[Job], Job], has_others: Callable[[], bool]) -> None:
        self.lost, self._has_others = lost, has_others
        self.live: dict[str, Live] = {}
        """Those that run and wait, by their ids."""
        self._expected: set[str] = set()
        self._unrecorded: dict[str, Job] = {}
        self._recent: dict[str, Job] = {}
        self.is_closed = False
        """Whether no job is begun any more."""

    @contextmanager
    def room(self, job_id: str) -> Iterator[None]:
        """Keep a place for a job while it is recorded; see `Jobs.room`."""
        if self.is_closed:
            raise ShuttingDownError(retry_after_ms=1_000)
        if len(self.live.keys() | self._expected) >= MAX_JOBS:
            raise OverloadedError("Too many jobs are waiting; nothing was begun.")
        self._expected.add(job_id)
        try:
            yield
        finally:
            self._expected.discard(job_id)

    def knows(self, job_id: str) -> bool:
        """Tell whether a job is one of this process, whatever became of it."""
        known = (self.live, self._expected, self._unrecorded, self._recent)
        return any(job_id in jobs for jobs in known)

    def find(self, job_id: str) -> Job | None:
        """Return how a job is that runs here or waits, or None."""
        live = self.live.get(job_id)
        return live.job if live else self._unrecorded.get(job_id)

    def shown(self, job: Job) -> Job:
        """Return how a recorded job is now; one that nobody runs any more has failed."""
        if job.state.is_over or job.id in self._expected:
            return job
        # It may have ended since its record was read.
        known = self.find(job.id) or self._recent.get(job.id)
        # What is resumable was not taken over yet, and what is not known here may be another's.
        may_live = job.is_resumable or self._has_others()
        return known or (job if may_live else self.lost(job))

    def tasks(self) -> "set[asyncio.Task[None]]":
        """Return those that run the jobs."""
        return {live.task for live in self.live.values() if live.task is not None}

    def leave(self, live: Live) -> None:
        """Let a job go that has ended."""
        del self.live[live.job_id]
        if live.job.state.is_over:
            self._recent[live.job_id] = live.job
        if len(self._recent) > MAX_RECENT:
            del self._recent[next(iter(self._recent))]

    def forget_ends(self) -> None:
        """Forget what ended in another store."""
        self._recent.clear()

    def remember(self, unrecorded: Job) -> None:
        """Tell from memory how a job ended whose end cannot be recorded."""
        if len(self._unrecorded) < MAX_UNRECORDED:
            self._unrecorded[unrecorded.id] = unrecorded
