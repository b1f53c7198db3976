"""A queue in front of one database thread: many jobs a hop, one wake-up for many results."""

import asyncio
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

FLUSH_SECONDS = 0.0005
"""Results wait at most this long in the thread for company: a slow unit holds up no other reply."""


class Hop(Protocol):
    """Runs a function on the thread of a connection."""

    async def __call__(self, function: Callable[[Any], None], /) -> None:
        """Call *function* with the driver's connection."""
        ...


@dataclass(slots=True, eq=False)
class Job:
    """One unit of work on its way through a lane."""

    run: Callable[[Any], Any]
    """Takes the driver's connection."""
    keep: bool = True
    """False runs a write in full and then takes it back."""
    is_cancelled: bool = False
    future: "asyncio.Future[Any]" = field(
        default_factory=lambda: asyncio.get_running_loop().create_future()
    )


@dataclass(slots=True)
class Outcome:
    """How a job ended: with a value or an error."""

    job: Job
    value: Any = None
    error: Exception | None = None


Deliver = Callable[[Outcome], None]
RunBatch = Callable[[Any, Sequence[Job], Deliver], None]
"""Runs jobs on the thread and delivers each outcome when it is final."""


class Lane:
    """Feed one connection's thread.

    Args:
        hop: Gets a function onto the thread.
        run_batch: What the thread does with the jobs that it finds.
        batch: How many jobs it takes at most at a time.
        when_idle: Runs on the thread after replies went out and nothing waits.
    """

    def __init__(
        self,
        hop: Hop,
        run_batch: RunBatch,
        *,
        batch: int,
        when_idle: Callable[[Any], None] | None = None,
    ) -> None:
        self._hop, self._run_batch, self._batch = hop, run_batch, batch
        self._when_idle = when_idle
        self._jobs: deque[Job] = deque()
        self._task: asyncio.Task[None] | None = None
        self._under_way = 0

    @property
    def load(self) -> int:
        """How many jobs wait or run."""
        return len(self._jobs) + self._under_way

    def put(self, job: Job) -> None:
        """Queue *job*; its future gets the outcome."""
        self._jobs.append(job)
        if self._task is None:
            self._loop = asyncio.get_running_loop()
            self._task = self._loop.create_task(self._feed())

    def withdraw(self, job: Job) -> bool:
        """Take *job* back, if the thread has not begun it."""
        try:
            # Atomic against the thread's popleft: either of the two gets the job.
            self._jobs.remove(job)
        except ValueError:
            return False
        return True

    async def drain(self) -> None:
        """Wait until nothing waits or runs."""
        while self._task is not None:
            await asyncio.shield(self._task)

    async def _feed(self) -> None:
        try:
            while self._jobs:
                await self._hop(self._work)
        finally:
            self._task = None

    def _work(self, connection: Any) -> None:
        """On the thread: take batches until none is left."""
        results = _Results(self._loop)
        while self._jobs:
            jobs = self._take()
            self._under_way = len(jobs)
            self._run_batch(connection, jobs, results.add)
            results.flush()
            self._under_way = 0
            if self._when_idle is not None and not self._jobs:
                self._when_idle(connection)

    def _take(self) -> list[Job]:
        jobs: list[Job] = []
        while len(jobs) < self._batch:
            try:
                jobs.append(self._jobs.popleft())
            except IndexError:
                break
        return jobs


class _Results:
    """Outcomes on their way from the thread to the loop."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._outcomes: list[Outcome] = []
        self._since = 0.0

    def add(self, outcome: Outcome) -> None:
        now = time.perf_counter()
        if not self._outcomes:
            self._since = now
        self._outcomes.append(outcome)
        if now - self._since > FLUSH_SECONDS:
            self.flush()

    def flush(self) -> None:
        if self._outcomes:
            self._loop.call_soon_threadsafe(_settle, self._outcomes)
            self._outcomes = []


def _settle(outcomes: list[Outcome]) -> None:
    for outcome in outcomes:
        future = outcome.job.future
        if future.done():
            continue
        if outcome.error is None:
            future.set_result(outcome.value)
        else:
            future.set_exception(outcome.error)
