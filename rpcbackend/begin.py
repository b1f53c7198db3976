"""How a call begins a job: recorded in the call's transaction, run after its reply."""

from typing import Any

from rpcbackend.context import Context
from rpcbackend.running import Order, Run
from rpcbackend.schema.base import ModelT, Params
from rpcbackend.schema.jobs import Job, JobStarted, JobState, Started
from rpcbackend.store import Command, Work


async def begin_job(
    ctx: Context, run: Run[ModelT], resume_by: Params | None = None
) -> Started[ModelT]:
    """Record a job in the call's transaction, and run it after the reply.

    Args:
        ctx: The call.
        run: The job.
        resume_by: What is kept until it ends, so that another process can go on with it by the
            channel's `resume`: nothing secret, for it stands in the store as it is.

    Raises:
        DoneBeforeError: It was begun before, by the call's key: that job is the answer.
        IdempotencyKeyReusedError: The key was used before, with other params.
        OverloadedError: Too many jobs run and wait.
    """
    jobs, job_id = ctx.host.jobs, ctx.ids.new("job")
    order: list[Order] = []

    async def note(work: Work) -> JobStarted:
        job = Job(
            id=job_id,
            channel=ctx.channel,
            state=JobState.QUEUED,
            actor=ctx.actor,
            created_at=work.now.replace(microsecond=0),
            is_resumable=resume_by is not None,
        )
        await work.jobs.forget_old(work.now_ms // 1_000)
        await work.jobs.begin(job, resume_by, ctx.principal.session_id)
        order.append(_order(ctx, job, run))
        return JobStarted(job_id=job_id)

    with jobs.room(job_id):
        started = await ctx.write(note)
        if ctx.has_written:
            jobs.start(order[0])
    return Started(started.model_dump_json().encode())


def _order(ctx: Context, job: Job, run: Run[Any]) -> Order:
    return Order(
        job=job,
        command=Command(channel=ctx.channel, session_id=ctx.principal.session_id),
        run=run,
        keyed=ctx.keyed,
        confirm=ctx.confirm,
        report=ctx.report,
        end_report=ctx.end_report,
    )
