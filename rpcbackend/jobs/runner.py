"""Run jobs beside the calls: one of an area at a time, each to a recorded end."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractContextManager, suppress
from typing import Any, TypeVar

from loguru import logger

from rpcbackend.clock import Clock
from rpcbackend.dispatch.dispatcher import ReportBug
from rpcbackend.errors import ShuttingDownError
from rpcbackend.ids import Ids
from rpcbackend.jobs import records
from rpcbackend.jobs.left_behind import Resume, adopt, take_over
from rpcbackend.jobs.roster import Live, Roster
from rpcbackend.moments import in_moment
from rpcbackend.rpc_error import RpcError
from rpcbackend.running import Conclude, JobOverError, Order, Run
from rpcbackend.schema.base import Params
from rpcbackend.schema.jobs import Job
from rpcbackend.schema.steps import JobFacts, JobStepName
from rpcbackend.steps import Step, Steps
from rpcbackend.store import Command, LeftJob, Store, Work

T = TypeVar("T")


async def _note_nothing(work: Work, job_id: str) -> None:
    """Let the record be all that is written."""


class JobRunner:
    """Runs the jobs of one process.

    Args:
        store: Returns the open store; it may be another one after a restore.
        clock: Gives the times of ends.
        ids: Makes the marks that tie a failed job to its log lines.
        report_bug: Told about an exception that no job expected.
        steps: Takes what a job does to the store beside the calls: begins, is sealed, ends.
    """

    def __init__(
        self,
        store: Callable[[], Store],
        *,
        clock: Clock,
        ids: Ids,
        report_bug: ReportBug,
        steps: Steps | None = None,
    ) -> None:
        self._steps = steps or Steps()
        self._store, self._clock, self._ids = store, clock, ids
        self._report_bug = report_bug
        self._roster = Roster(self._lost, lambda: self._store().engine.is_shared)
        self._areas: dict[str, asyncio.Lock] = {}
        self._tidying: set[asyncio.Task[None]] = set()
        self._suspected: set[str] = set()
        self.resume: Resume = lambda left: None  # noqa: ARG005
        """Returns what goes on with a job that a process left behind, or None."""

    # What handlers ask (rpcbackend.running.Jobs)

    def room(self, job_id: str) -> AbstractContextManager[None]:
        """Keep a place for a job while it is recorded; see `Jobs.room`."""
        return self._roster.room(job_id)

    def start(self, order: Order) -> None:
        """Run a recorded job as soon as no other one of its area runs."""
        live = Live(order, self, order.job)
        if order.left is not None:
            live.lease, live.is_sealed = order.left.lease, order.left.is_sealed
        self._roster.live[live.job_id] = live
        live.task = asyncio.get_running_loop().create_task(self._run(live))
        if self._roster.is_closed:
            live.interrupt("shutdown")

    def find(self, job_id: str) -> Job | None:
        """Return how a job is that runs here or waits, or None."""
        return self._roster.find(job_id)

    def shown(self, job: Job) -> Job:
        """Return how a recorded job is now; one that nobody runs any more has failed."""
        return self._roster.shown(job)

    def is_sealed(self, job_id: str) -> bool:
        """Tell whether nothing stops the job any more."""
        live = self._roster.live.get(job_id)
        return live is not None and live.is_sealed

    def stop(self, cancelled: Job) -> None:
        """See `Jobs.stop`."""
        if (live := self._roster.live.get(cancelled.id)) is not None:
            told = {"state": cancelled.state, "ended_at": cancelled.ended_at}
            live.job = live.job.model_copy(update=told)
            live.interrupt("cancelled")

    # What the process asks

    def welcome(self, store: Store) -> None:
        """Look soon what a process left behind that died, in a store that was opened."""
        self._roster.forget_ends()
        task = asyncio.get_running_loop().create_task(
            take_over(store, self._roster, self._goes_on, self.start)
        )
        # The loop keeps only weak references to its tasks.
        self._tidying.add(task)
        task.add_done_callback(self._tidying.discard)

    async def adopt(self, store: Store) -> None:
        """Look what a process left behind that died beside this one; called now and then."""
        self._suspected = await adopt(
            store, self._roster, self._goes_on, self.start, self._suspected
        )

    def _goes_on(self, left: LeftJob) -> Order | None:
        return self.resume(left)

    def close(self) -> None:
        """Begin no more jobs, and stop all that can be stopped."""
        self._roster.is_closed = True
        for live in self._roster.live.values():
            live.interrupt("shutdown")

    async def launch(
        self,
        channel: str,
        actor: str,
        run: Run[Any],
        *,
        name: str = "",
        resume_by: Params | None = None,
        note: Callable[[Work, str], Awaitable[None]] = _note_nothing,
    ) -> str:
        """Record and run a job that nobody called for, and return its id.

        Args:
            channel: What it does.
            actor: Who begins it.
            run: The job.
            name: What is told of it when it begins, see `Steps.began`.
            resume_by: See `begin_job`.
            note: Given its id in the transaction that records it.

        Raises:
            RpcError: As those of `room`, or of the store.
        """
        began = self._steps.began
        with in_moment(None if began is None else lambda: began(name)):
            created_at = records.whole_second(self._clock.now_ms())
            job = records.queued(self._ids.new("job"), channel, actor, created_at)
            job = job.model_copy(update={"is_resumable": resume_by is not None})

            async def unit(work: Work) -> None:
                await work.jobs.begin(job, resume_by, None)
                await note(work, job.id)

            with self.room(job.id):
                await self._store().write(unit, actor=actor)
                self.start(Order(job=job, command=Command(channel=channel), run=run))
        return job.id

    async def ended(self, job_id: str) -> Job | None:
        """Wait until the job runs and waits no more, and return how it ended."""
        live = self._roster.live.get(job_id)
        if live is None or live.task is None:
            return None
        await asyncio.wait({live.task})
        return live.job

    async def settle(self, seconds: float) -> bool:
        """Wait until every job has ended, for so long at most, and tell whether all have."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while tasks := self._tidying | self._roster.tasks():
                    await asyncio.wait(tasks)
        return not self._roster.live

    # One job's way

    async def _run(self, live: Live) -> None:
        try:
            with self._store().engine.others.holding(live.job_id):
                await self._run_in_turn(live)
        except asyncio.CancelledError:
            await self._end_stopped(live)
        except JobOverError as over:
            live.job = over.job
        except Exception as failed:  # noqa: BLE001 (here a failure becomes the end of a job)
            await self._fail(live, failed)
        finally:
            self._roster.leave(live)
            live.order.end_report()

    async def _run_in_turn(self, live: Live) -> None:
        async with self._areas.setdefault(_area_of(live.job), asyncio.Lock()):
            await self._begin(live)
            live.report(0, 1, "begins")
            await self._steps.turn("run_job", JobFacts(job_id=live.job_id))
            conclude = await live.order.run(live)
            if conclude is not None:
                await self._conclude(live, conclude)
            elif live.ended_in is not None:
                live.job = live.ended_in

    async def _begin(self, live: Live) -> None:
        async def unit(work: Work) -> Job:
            if not live.is_sealed:
                await self._check(live, work)
            running = records.running(live.job, work.now_ms)
            await work.jobs.put(running)
            live.lease = await work.jobs.take(live.job_id)
            return running

        running = await self._take("begin_job", live.job, unit)
        if not live.job.state.is_over:
            # Else it was cancelled meanwhile.
            live.job = running
        live.check_stopped()

    async def keep(self, live: Live, work: Work, checkpoint: Mapping[str, Any]) -> None:
        """See `Running.keep_in`."""
        if not live.is_sealed:
            await self._check(live, work)
        await work.jobs.keep(live.job_id, checkpoint)

    async def seal(self, live: Live, checkpoint: Mapping[str, Any] | None) -> None:
        """See `Running.seal`."""

        async def unit(work: Work) -> None:
            await self._check(live, work)
            if live.job.is_resumable:
                await work.jobs.keep(live.job_id, checkpoint, is_sealed=True)
            # Within the transaction: a cancellation comes before it, or sees this.
            live.is_sealed = True

        try:
            await self._take("seal_job", live.job, unit)
        except BaseException:
            live.is_sealed = False
            raise
        live.check_stopped()

    async def _check(self, live: Live, work: Work) -> None:
        stored = await work.jobs.get(live.job_id)
        # In a store that was restored meanwhile the lease may be an older one.
        if stored is not None and (
            stored.state.is_over or await work.jobs.lease(live.job_id) > live.lease
        ):
            raise JobOverError(stored)
        await live.order.confirm(work)

    async def _conclude(self, live: Live, conclude: Conclude[Any]) -> None:
        async def unit(work: Work) -> Job:
            if not live.is_sealed:
                await self._check(live, work)
            done = records.done(live.job, await conclude(work), work.now_ms)
            await work.jobs.put(done)
            return done

        command = live.order.command
        live.job = await self._take("end_job", live.job, lambda work: work.audited(unit, command))

    async def _take(self, name: JobStepName, job: Job, unit: Callable[[Work], Awaitable[T]]) -> T:
        step = Step(name=name, actor=job.actor, run=unit, facts=lambda: JobFacts(job_id=job.id))
        return await self._steps.take(self._store(), step)

    # Other ends

    async def _end_stopped(self, live: Live) -> None:
        task = asyncio.current_task()
        while task is not None and task.cancelling():
            task.uncancel()
        if live.stopped is None:
            # Something that it waited for was cancelled, and nobody asked for that.
            await self._fail(live, RuntimeError("something the job waited for was cancelled"))
        elif live.stopped == "shutdown" and live.job.is_resumable:
            await self._record(live, records.put_back(live.job))
        elif live.stopped == "shutdown":
            await self._fail(
                live,
                ShuttingDownError(
                    "The process ended before the job; begin it again, with a new idempotency key."
                ),
            )

    async def _fail(self, live: Live, failed: Exception) -> None:
        correlation_id = self._ids.correlation()
        error = failed if isinstance(failed, RpcError) else RpcError()
        if error is not failed:
            self._report_bug(failed, correlation_id)
        ended = records.failed(live.job, error, correlation_id, self._clock.now_ms())
        await self._record(live, ended)

    async def _record(self, live: Live, ended: Job) -> None:
        if live.job.state.is_over:
            # It was cancelled, and that is recorded.
            return
        live.end()
        live.job = ended

        async def put(work: Work) -> Job:
            return await records.put_unless_over(work, ended)

        try:
            if live.stopped is None:
                live.job = await self._take("end_job", ended, put)
            else:
                live.job = await self._store().write(put, actor=ended.actor)
        except Exception as error:  # noqa: BLE001 (its end is told from memory, and logged)
            logger.bind(job=ended.id, error=str(error)).warning("a job's end cannot be recorded")
            self._roster.remember(ended)

    def _lost(self, job: Job) -> Job:
        return records.interrupted(job, self._ids.correlation(), self._clock.now_ms())


def _area_of(job: Job) -> str:
    return job.channel.partition(".")[0]
