"""A queue in front of one database thread: many jobs a hop, one wake-up for many results."""

import asyncio
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

FLUSH_SECONDS = 0.0005
"""Results wait at most this long in the thread for company: a slow unit holds up no other reply."""


class Thread(Protocol):
    """The thread that owns a connection."""

    def post(self, function: Callable[[Any], None]) -> None:
        """Call *function* with the driver's connection soon, after what was posted before."""
        ...

    async def run(self, function: Callable[[Any], None]) -> None:
        """Do the same and wait until it has returned."""
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
    error: BaseException | None = None


Deliver = Callable[[Outcome], None]
RunBatch = Callable[[Any, Sequence[Job], Deliver], None]
"""Runs jobs on the thread and delivers each outcome when it is final."""


class Lane:
    """Feed one connection's thread.

    Args:
        thread: Where the jobs run, one after the other.
        run_batch: What the thread does with the jobs that it finds; what it raises is the outcome
            of those that have none yet.
        batch: How many jobs it takes at most at a time.
        when_idle: Runs on the thread after replies went out and nothing waits; must not raise.
    """

    def __init__(
        self,
        thread: Thread,
        run_batch: RunBatch,
        *,
        batch: int,
        when_idle: Callable[[Any], None] | None = None,
    ) -> None:
        self._thread, self._run_batch, self._batch = thread, run_batch, batch
        self._when_idle = when_idle
        self._results = _Results(asyncio.get_running_loop())
        self._jobs: deque[Job] = deque()
        self._is_posted = False
        self._under_way = 0

    @property
    def load(self) -> int:
        """How many jobs wait or run."""
        return len(self._jobs) + self._under_way

    def put(self, job: Job) -> None:
        """Queue *job*; its future gets the outcome."""
        self._jobs.append(job)
        if not self._is_posted:
            self._is_posted = True
            self._thread.post(self._work)

    def withdraw(self, job: Job) -> bool:
        """Take *job* back, if the thread has not begun it."""
        try:
            # Atomic against the thread's popleft: either of the two gets the job.
            self._jobs.remove(job)
        except ValueError:
            return False
        return True

    async def drain(self) -> None:
        """Wait until every job that was put has its outcome."""
        await self._thread.run(self._work)

    def _work(self, connection: Any) -> None:
        """On the thread: take batches until none is left."""
        while True:
            while jobs := self._take():
                self._under_way = len(jobs)
                self._results.expect(len(jobs))
                self._run(connection, jobs)
                self._results.flush()
                self._under_way = 0
            if self._when_idle is not None:
                self._when_idle(connection)
            # A job that is put between the two lines is seen here, or posts this method again,
            # or both: then the second run finds nothing to do.
            self._is_posted = False
            if not self._jobs:
                return
            self._is_posted = True

    def _run(self, connection: Any, jobs: list[Job]) -> None:
        try:
            self._run_batch(connection, jobs, self._results.add)
        except Exception as error:  # noqa: BLE001 (on this thread nobody else would hear of it)
            for job in jobs:
                self._results.add(Outcome(job, error=error))

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
        self._missing = 0

    def expect(self, count: int) -> None:
        """Note how many outcomes a batch will have: with the last one all of them go."""
        self._missing = count

    def add(self, outcome: Outcome) -> None:
        now = time.perf_counter()
        if not self._outcomes:
            self._since = now
        self._outcomes.append(outcome)
        self._missing -= 1
        if not self._missing or now - self._since > FLUSH_SECONDS:
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
