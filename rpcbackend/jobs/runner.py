"""Run jobs beside the calls: one of an area at a time, each to a recorded end."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

from loguru import logger

from rpcbackend.clock import Clock
from rpcbackend.dispatch.dispatcher import ReportBug, error_object
from rpcbackend.errors import OutcomeUnknownError, OverloadedError, ShuttingDownError
from rpcbackend.ids import Ids
from rpcbackend.moments import Moment, in_moment
from rpcbackend.rpc_error import RpcError
from rpcbackend.running import Conclude, JobOverError, Order, Run
from rpcbackend.schema.base import WireModel
from rpcbackend.schema.jobs import ErrorResponse, Job, JobStarted, JobState
from rpcbackend.store import Command, Store, Work

MAX_JOBS = 16
"""Jobs that run and wait: each one takes minutes, and nobody waits for the seventeenth."""

MAX_UNRECORDED = 100
"""Ends that could not be recorded, on a full disk say, and are told from memory."""

MAX_RECENT = 100
"""Ends that are remembered for whoever read the record a moment before."""

LEFT_BEHIND_AT_ONCE = 100


@dataclass(slots=True, eq=False)
class _Live:
    """A job that runs here, or waits for its turn."""

    order: Order
    runner: "JobRunner"
    job: Job
    task: "asyncio.Task[None] | None" = None
    stopped: Literal["cancelled", "shutdown"] | None = None
    is_sealed: bool = False
    ended_in: Job | None = None
    """As what it was recorded in the store that took the place of the present one."""

    @property
    def job_id(self) -> str:
        """Its id."""
        return self.job.id

    def report(self, done: int, total: int, message: str) -> None:
        """Say how far it is, to whoever asks and to whoever began it."""
        figures = {"done": done, "total": total, "message": message}
        self.job = self.job.model_copy(update=figures)
        self.order.report(done, total, message)

    async def seal(self) -> None:
        """See `Running.seal`."""
        await self.runner.seal(self)

    async def end_in(self, work: Work, result: WireModel) -> None:
        """See `Running.end_in`."""
        done = _done(self.job, result, work)
        await work.jobs.put(done)
        if self.order.keyed is not None:
            reply = JobStarted(job_id=done.id).model_dump_json().encode()
            await work.idempotency_keys.keep(self.order.keyed, reply, work.now_ms // 1_000)
        self.ended_in = done

    def check_stopped(self) -> None:
        """Stop here if it was stopped while a transaction was seen through."""
        if self.stopped is not None:
            self.is_sealed = False
            raise asyncio.CancelledError


class JobRunner:
    """Runs the jobs of one process.

    Args:
        store: Returns the open store; it may be another one after a restore.
        clock: Gives the times of ends.
        ids: Makes the marks that tie a failed job to its log lines.
        report_bug: Told about an exception that no job expected.
        began: Told of a job that nobody called for, and gives it its moment.
    """

    def __init__(
        self,
        store: Callable[[], Store],
        *,
        clock: Clock,
        ids: Ids,
        report_bug: ReportBug,
        began: Callable[[], Moment] | None = None,
    ) -> None:
        self._began = began
        self._store, self._clock, self._ids = store, clock, ids
        self._report_bug = report_bug
        self._live: dict[str, _Live] = {}
        self._expected: set[str] = set()
        self._unrecorded: dict[str, Job] = {}
        self._recent: dict[str, Job] = {}
        self._areas: dict[str, asyncio.Lock] = {}
        self._tidying: set[asyncio.Task[None]] = set()
        self._is_closing = False

    # What handlers ask (rpcbackend.running.Jobs)

    @contextmanager
    def room(self, job_id: str) -> Iterator[None]:
        """Keep a place for a job while it is recorded; see `Jobs.room`."""
        if self._is_closing:
            raise ShuttingDownError(retry_after_ms=1_000)
        if len(self._live.keys() | self._expected) >= MAX_JOBS:
            raise OverloadedError("Too many jobs are waiting; nothing was begun.")
        self._expected.add(job_id)
        try:
            yield
        finally:
            self._expected.discard(job_id)

    def start(self, order: Order) -> None:
        """Run a recorded job as soon as no other one of its area runs."""
        live = _Live(order, self, order.job)
        self._live[live.job_id] = live
        live.task = asyncio.get_running_loop().create_task(self._run(live))
        if self._is_closing:
            self._interrupt(live, "shutdown")

    def find(self, job_id: str) -> Job | None:
        """Return how a job is that runs here or waits, or None."""
        live = self._live.get(job_id)
        return live.job if live else self._unrecorded.get(job_id)

    def shown(self, job: Job) -> Job:
        """Return how a recorded job is now; one that nobody runs any more has failed."""
        if job.state.is_over or job.id in self._expected:
            return job
        # It may have ended since its record was read.
        return self.find(job.id) or self._recent.get(job.id) or self._interrupted(job)

    def is_sealed(self, job_id: str) -> bool:
        """Tell whether nothing stops the job any more."""
        live = self._live.get(job_id)
        return live is not None and live.is_sealed

    def stop(self, cancelled: Job) -> None:
        """See `Jobs.stop`."""
        if (live := self._live.get(cancelled.id)) is not None:
            told = {"state": cancelled.state, "ended_at": cancelled.ended_at}
            live.job = live.job.model_copy(update=told)
            self._interrupt(live, "cancelled")

    # What the process asks

    def welcome(self, store: Store) -> None:
        """Look soon what a process left behind that died, in a store that was opened."""
        # They ended in another store.
        self._recent.clear()
        task = asyncio.get_running_loop().create_task(self._tidy(store))
        # The loop keeps only weak references to its tasks.
        self._tidying.add(task)
        task.add_done_callback(self._tidying.discard)

    async def _tidy(self, store: Store) -> None:
        try:
            await self._fail_left_behind(store)
        except Exception as error:  # noqa: BLE001 (the store is open all the same)
            logger.bind(error=str(error)).warning("jobs that were left behind stay as they are")

    async def _fail_left_behind(self, store: Store) -> None:
        recorded = await store.read(lambda work: work.jobs.not_over(LEFT_BEHIND_AT_ONCE))
        left = [self.shown(job) for job in recorded]

        async def unit(work: Work) -> None:
            for job in left:
                if job.state.is_over:
                    await _put_unless_over(work, job)

        if left:
            await store.write(unit, actor="jobs")

    def close(self) -> None:
        """Begin no more jobs, and stop all that can be stopped."""
        self._is_closing = True
        for live in self._live.values():
            self._interrupt(live, "shutdown")

    async def launch(self, channel: str, actor: str, run: Run[Any]) -> str:
        """Record and run a job that nobody called for, and return its id.

        Raises:
            RpcError: As those of `room`, or of the store.
        """
        with in_moment(self._began):
            created_at = _whole_second(self._clock.now_ms())
            job = Job(
                id=self._ids.new("job"),
                channel=channel,
                state=JobState.QUEUED,
                actor=actor,
                created_at=created_at,
            )
            with self.room(job.id):
                await self._store().write(lambda work: work.jobs.put(job), actor=actor)
                self.start(Order(job=job, command=Command(channel=channel), run=run))
        return job.id

    async def ended(self, job_id: str) -> Job | None:
        """Wait until the job runs and waits no more, and return how it ended."""
        live = self._live.get(job_id)
        if live is None or live.task is None:
            return None
        await asyncio.wait({live.task})
        return live.job

    async def settle(self, seconds: float) -> bool:
        """Wait until every job has ended, for so long at most, and tell whether all have."""
        tasks = {live.task for live in self._live.values() if live.task is not None}
        if tasks | self._tidying:
            await asyncio.wait(tasks | self._tidying, timeout=seconds)
        return not self._live

    def _interrupt(self, live: _Live, reason: Literal["cancelled", "shutdown"]) -> None:
        if live.is_sealed or live.stopped is not None or live.task is None:
            return
        live.stopped = reason
        # Not at once: a task that is cancelled before its first step never begins, nor ends well.
        asyncio.get_running_loop().call_soon(live.task.cancel)

    # One job's way

    async def _run(self, live: _Live) -> None:
        try:
            async with self._areas.setdefault(_area_of(live.job), asyncio.Lock()):
                await self._begin(live)
                live.report(0, 1, "begins")
                conclude = await live.order.run(live)
                if conclude is not None:
                    await self._conclude(live, conclude)
                elif live.ended_in is not None:
                    live.job = live.ended_in
        except asyncio.CancelledError:
            await self._end_stopped(live)
        except JobOverError as over:
            live.job = over.job
        except Exception as failed:  # noqa: BLE001 (here a failure becomes the end of a job)
            await self._fail(live, failed)
        finally:
            self._leave(live)
            live.order.end_report()

    def _leave(self, live: _Live) -> None:
        del self._live[live.job_id]
        if live.job.state.is_over:
            self._recent[live.job_id] = live.job
        if len(self._recent) > MAX_RECENT:
            del self._recent[next(iter(self._recent))]

    async def _begin(self, live: _Live) -> None:
        async def unit(work: Work) -> Job:
            await self._check(live, work)
            running = live.job.model_copy(
                update={"state": JobState.RUNNING, "started_at": _whole_second(work.now_ms)}
            )
            await work.jobs.put(running)
            return running

        running = await self._store().write(unit, actor=live.job.actor)
        if not live.job.state.is_over:
            # Else it was cancelled meanwhile.
            live.job = running
        live.check_stopped()

    async def seal(self, live: _Live) -> None:
        """See `Running.seal`."""

        async def unit(work: Work) -> None:
            await self._check(live, work)
            # Within the transaction: a cancellation comes before it, or sees this.
            live.is_sealed = True

        try:
            await self._store().write(unit, actor=live.job.actor)
        except BaseException:
            live.is_sealed = False
            raise
        live.check_stopped()

    async def _check(self, live: _Live, work: Work) -> None:
        stored = await work.jobs.get(live.job_id)
        if stored is not None and stored.state.is_over:
            raise JobOverError(stored)
        await live.order.confirm(work)

    async def _conclude(self, live: _Live, conclude: Conclude[Any]) -> None:
        async def unit(work: Work) -> Job:
            if not live.is_sealed:
                await self._check(live, work)
            done = _done(live.job, await conclude(work), work)
            await work.jobs.put(done)
            return done

        command = live.order.command
        live.job = await self._store().write(
            lambda work: work.audited(unit, command), actor=live.job.actor
        )

    # Other ends

    async def _end_stopped(self, live: _Live) -> None:
        task = asyncio.current_task()
        while task is not None and task.cancelling():
            task.uncancel()
        if live.stopped is None:
            # Something that it waited for was cancelled, and nobody asked for that.
            await self._fail(live, RuntimeError("something the job waited for was cancelled"))
        elif live.stopped == "shutdown":
            await self._fail(
                live,
                ShuttingDownError(
                    "The process ended before the job; begin it again, with a new idempotency key."
                ),
            )

    async def _fail(self, live: _Live, failed: Exception) -> None:
        correlation_id = self._ids.correlation()
        error = failed if isinstance(failed, RpcError) else RpcError()
        if error is not failed:
            self._report_bug(failed, correlation_id)
        await self._record(live, self._failed(live.job, error, correlation_id))

    async def _record(self, live: _Live, ended: Job) -> None:
        if live.job.state.is_over:
            # It was cancelled, and that is recorded.
            return
        live.job = ended
        try:
            live.job = await self._store().write(
                lambda work: _put_unless_over(work, ended), actor=ended.actor
            )
        except Exception as error:  # noqa: BLE001 (its end is told from memory, and logged)
            logger.bind(job=ended.id, error=str(error)).warning("a job's end cannot be recorded")
            if len(self._unrecorded) < MAX_UNRECORDED:
                self._unrecorded[ended.id] = ended

    def _failed(self, job: Job, error: RpcError, correlation_id: str) -> Job:
        now_ms = self._clock.now_ms()
        told = error_object(error, correlation_id, now_ms)["data"]
        return job.model_copy(
            update={
                "state": JobState.FAILED,
                "error": ErrorResponse.model_validate(told),
                "ended_at": _whole_second(now_ms),
            }
        )

    def _interrupted(self, job: Job) -> Job:
        error = OutcomeUnknownError(
            "The job did not end in this store: the process ended, or the store was restored, "
            "while it ran. Look what it has left, and begin it again with a new idempotency key.",
            outcome="unknown",
        )
        return self._failed(job, error, self._ids.correlation())


def _done(job: Job, result: WireModel, work: Work) -> Job:
    return job.model_copy(
        update={
            "state": JobState.DONE,
            "done": job.total,
            "result": result.model_dump(mode="json"),
            "ended_at": _whole_second(work.now_ms),
        }
    )


async def _put_unless_over(work: Work, ended: Job) -> Job:
    stored = await work.jobs.get(ended.id)
    if stored is not None and stored.state.is_over:
        return stored
    await work.jobs.put(ended)
    return ended


def _whole_second(now_ms: int) -> datetime:
    """Return the time as records keep it: a job has one time, wherever it is told from."""
    return datetime.fromtimestamp(now_ms // 1_000, UTC)


def _area_of(job: Job) -> str:
    return job.channel.partition(".")[0]
