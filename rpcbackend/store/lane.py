"""A queue in front of database threads: many jobs a hop, one wake-up for many results."""

import asyncio
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Protocol, TypeVar

from rpcbackend.errors import ShuttingDownError
from rpcbackend.histogram import Histogram
from rpcbackend.moments import MOMENT, Moment

T = TypeVar("T")

FLUSH_SECONDS = 0.0005
"""Results wait at most this long in the thread for company: a slow unit holds up no other reply."""

HELP_SECONDS = 0.001
"""A thread that is longer at one job gets help from another: two that are both quick take turns at
the interpreter lock at every statement, which costs more than the second one gains."""


class Thread(Protocol):
    """A thread that owns a connection."""

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
    number: int = 0
    """Its place among all that were put."""
    future: "asyncio.Future[Any]" = field(
        default_factory=lambda: asyncio.get_running_loop().create_future()
    )

    def __post_init__(self) -> None:
        moment = MOMENT.get()
        if moment is not None:
            # What a call does on another thread is done in its own moment as well.
            self.run = partial(_run_within, moment, self.run)


def _run_within(moment: Moment, run: Callable[[Any], Any], connection: Any) -> Any:
    before = MOMENT.set(moment)
    try:
        return run(connection)
    finally:
        MOMENT.reset(before)


@dataclass(slots=True)
class Outcome:
    """How a job ended: with a value or an error."""

    job: Job
    value: Any = None
    error: BaseException | None = None


RunBatch = Callable[[Any, Iterable[Job], "Results"], None]
"""Runs jobs on a thread and adds each outcome to the results when it is final.

A job is begun when the iteration comes to it: until then it can be withdrawn, or go to another
thread.
"""
AfterBatch = Callable[[Any, bool], None]
"""Takes the driver's connection, and whether nothing waits."""


@dataclass(slots=True)
class LaneFacts:
    """What a lane has to do, and what it did."""

    waiting: int
    """Jobs that no thread has begun."""
    sizes: list[int]
    """How many batches had 0, 1, 2, … jobs."""
    times: Histogram
    """How long batches took."""


class Lane:
    """Feed the threads of connections that are alike: the first alone as long as it is quick.

    Args:
        threads: Where the jobs run, on each one after the other.
        run_batch: What a thread does with the jobs that it finds; what it raises is the outcome
            of those that it began and that have none yet.
        batch: How many jobs a thread takes at most at a time.
        after_batch: Runs on the thread after the replies went out; what it raises is lost.
        now: Tells how long a job takes, in seconds.
    """

    def __init__(
        self,
        threads: Sequence[Thread],
        run_batch: RunBatch,
        *,
        batch: int,
        after_batch: AfterBatch | None = None,
        now: Callable[[], float] = time.perf_counter,
    ) -> None:
        self._loop = loop = asyncio.get_running_loop()
        self._now = now
        self._hands = [_Hand(thread, Results(loop, now), [0] * (batch + 1)) for thread in threads]
        self._helper: asyncio.TimerHandle | None = None
        self._is_stopped = False
        self._run_batch, self._batch = run_batch, batch
        self._after_batch = after_batch
        self._jobs: deque[Job] = deque()
        self._held: deque[Job] | None = None
        self._taking = threading.Lock()
        self._count = 0

    def put(self, job: Job) -> None:
        """Queue *job*; its future gets the outcome.

        Raises:
            ShuttingDownError: The lane was stopped.
        """
        if self._is_stopped:
            raise ShuttingDownError
        self._count += 1
        job.number = self._count
        if self._held is None:
            self._begin_soon(job)
        else:
            self._held.append(job)

    def _begin_soon(self, job: Job) -> None:
        self._jobs.append(job)
        if self._helper is not None and self._hands[0].is_posted:
            # Whoever looks after those before it looks after this one too.
            return
        self._call_hand()
        if self._helper is None and len(self._hands) > 1:
            self._helper = self._loop.call_later(HELP_SECONDS, self._look_after)

    def _call_hand(self) -> None:
        for hand in self._hands:
            if not hand.is_posted:
                hand.is_posted = True
                hand.since = self._now()
                hand.thread.post(partial(self._work, hand))
                return
            if self._now() - hand.since < HELP_SECONDS:
                # It will come to this job soon.
                return

    def _look_after(self) -> None:
        """See whether the jobs that wait need another thread, as long as there are any."""
        self._helper = None
        if self._jobs:
            self._call_hand()
            self._helper = self._loop.call_later(HELP_SECONDS, self._look_after)

    def withdraw(self, job: Job) -> bool:
        """Take *job* back, if no thread has begun it."""
        queue = self._held if self._held and job in self._held else self._jobs
        try:
            with self._taking:
                queue.remove(job)
        except ValueError:
            return False
        return True

    def hold(self) -> None:
        """Begin none of the jobs that are put from now on, until `resume`."""
        self._held = deque()

    def resume(self) -> None:
        """Begin what was held, in its order, and what is put from now on."""
        held, self._held = self._held or (), None
        for job in held:
            self._begin_soon(job)

    def facts(self) -> LaneFacts:
        """Return what it has to do, and what it did so far."""
        times = Histogram()
        for hand in self._hands:
            times.merge(hand.times)
        sizes = [sum(counts) for counts in zip(*(hand.sizes for hand in self._hands), strict=True)]
        return LaneFacts(len(self._jobs) + len(self._held or ()), sizes, times)

    def stop(self) -> None:
        """Take no more jobs."""
        self._is_stopped = True
        if self._helper is not None:
            self._helper.cancel()

    async def drain(self) -> None:
        """Wait until every job that was put, and is not held, has its outcome."""
        for hand in self._hands:
            await hand.thread.run(partial(self._work, hand))

    def _work(self, hand: "_Hand", connection: Any) -> None:
        """On a thread: take batches until none is left."""
        while True:
            while self._jobs:
                self._run(hand, connection)
            # A job that is put between the two lines is seen here, or posts this method again,
            # or both: then the second run finds nothing to do.
            hand.is_posted = False
            if not self._jobs:
                return
            hand.is_posted = True

    def _run(self, hand: "_Hand", connection: Any) -> None:
        # Those that come later belong to the next batch: they may count on what was written
        # before they came, and this batch may already look at an older state.
        hand.last = self._count
        hand.since = started = self._now()
        first = self._take(hand.last)
        if first is None:
            return
        begun = [first]
        try:
            self._run_batch(connection, self._begin(hand, begun), hand.results)
        except Exception as error:  # noqa: BLE001 (on this thread nobody else would hear of it)
            for job in begun:
                hand.results.add(Outcome(job, error=error))
        hand.sizes[len(begun)] += 1
        hand.times.add(int((self._now() - started) * 1_000_000))
        hand.results.flush()
        if self._after_batch is not None:
            # No job's trouble, and those that come next must be served.
            with suppress(Exception):
                self._after_batch(connection, not self._jobs)

    def _begin(self, hand: "_Hand", begun: list[Job]) -> Iterator[Job]:
        yield begun[0]
        while len(begun) < self._batch and (job := self._take(hand.last)) is not None:
            begun.append(job)
            hand.since = self._now()
            yield job
        # With the last one all go, before the thread tidies up.
        hand.results.flush()

    def _take(self, last: int) -> Job | None:
        with self._taking:
            if self._jobs and self._jobs[0].number <= last:
                return self._jobs.popleft()
        return None


async def see_through(
    future: "asyncio.Future[T]", withdraw: Callable[[], bool] = lambda: False
) -> T:
    """Wait for *future* even when cancelled: it takes effect, so its result is the truth.

    Args:
        future: Ends by itself.
        withdraw: Tells whether there is nothing to wait for after all: it will never begin.
    """
    while True:
        try:
            return await asyncio.shield(future)
        except asyncio.CancelledError:
            if withdraw():
                raise
            # However often it is cancelled now.
            task = asyncio.current_task()
            if task is not None:
                task.uncancel()


@dataclass(slots=True, eq=False)
class _Hand:
    """One thread of a lane."""

    thread: Thread
    results: "Results"
    sizes: list[int]
    times: Histogram = field(default_factory=Histogram)
    is_posted: bool = False
    last: int = 0
    """The number of the last job that may belong to its batch."""
    since: float = 0.0
    """When it was called, or came to the job it is at."""


class Results:
    """Outcomes on their way from a thread to the loop."""

    def __init__(self, loop: asyncio.AbstractEventLoop, now: Callable[[], float]) -> None:
        self._loop, self._now = loop, now
        self._outcomes: list[Outcome] = []
        self._since = 0.0

    def add(self, outcome: Outcome) -> None:
        """Let *outcome* go soon: with the next ones, or with `flush`."""
        now = self._now()
        if not self._outcomes:
            self._since = now
        self._outcomes.append(outcome)
        if now - self._since > FLUSH_SECONDS:
            self.flush()

    def flush(self) -> None:
        """Let go what there is."""
        if self._outcomes:
            # A loop that was closed has nobody left who waits.
            with suppress(RuntimeError):
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
