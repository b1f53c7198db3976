"""Jobs: what runs and what has become of it, and a way to end it."""

from rpcbackend.context import Context
from rpcbackend.dispatch.registry import method
from rpcbackend.errors import InvalidTransitionError, NotFoundError
from rpcbackend.schema.jobs import (
    CancelJob,
    CancelledJob,
    GetJob,
    Job,
    JobPage,
    JobState,
    ListJobs,
)
from rpcbackend.security.roles import Permission
from rpcbackend.store import Work


@method("jobs.get", permission=Permission.SIGNED_IN, errors=(NotFoundError,))
async def get(ctx: Context, params: GetJob) -> Job:
    """Return how a job is: one's own, or anybody's for the owner; kept 30 days after its end."""
    job = ctx.host.jobs.find(params.job_id)
    if job is None or ctx.host.store.engine.is_shared:
        # Another process may have cancelled what runs here.
        job = await ctx.read(lambda work: work.jobs.get(params.job_id)) or job
    return _seen(ctx, params.job_id, job, Permission.JOBS_READ)


@method("jobs.list", permission=Permission.SIGNED_IN)
async def list_all(ctx: Context, params: ListJobs) -> JobPage:
    """Return one's own jobs, or all for the owner, the newest first: what runs, and what ran."""
    actor = None if _may_see_all(ctx, Permission.JOBS_READ) else ctx.actor
    found = await ctx.read(lambda work: work.jobs.list(params, actor))
    return JobPage(items=[ctx.host.jobs.shown(job) for job in found])


@method(
    "jobs.cancel",
    permission=Permission.SIGNED_IN,
    kind="command",
    idempotency="natural",
    errors=(NotFoundError, InvalidTransitionError),
    events=("jobs.cancelled",),
)
async def cancel(ctx: Context, params: CancelJob) -> CancelledJob:
    """End a job of one's own, or anybody's for the owner, that runs or waits.

    What it would have left in the store is not kept. A job that cannot be stopped any more, as a
    restore that has begun to replace the store, goes on. One that is cancelled already stays so.
    """
    jobs = ctx.host.jobs
    ended: list[Job] = []

    async def unit(work: Work) -> CancelledJob:
        # A restore may have taken the place of the store that has its record.
        found = await work.jobs.get(params.job_id) or jobs.find(params.job_id)
        job = _seen(ctx, params.job_id, found, Permission.JOBS_CANCEL)
        if job.state is JobState.CANCELLED:
            return CancelledJob(state=job.state)
        if job.state.is_over or jobs.is_sealed(job.id) or await work.jobs.is_sealed(job.id):
            raise InvalidTransitionError(
                "The job is over, or cannot be stopped any more.",
                details={"from": job.state, "to": JobState.CANCELLED, "allowed": []},
            )
        told = {"state": JobState.CANCELLED, "ended_at": work.now.replace(microsecond=0)}
        ended.append(job.model_copy(update=told))
        await work.jobs.put(ended[0])
        await work.record("jobs.cancelled", ("job", job.id, 1), {"channel": job.channel})
        return CancelledJob(state=JobState.CANCELLED)

    cancelled = await ctx.write(unit)
    if ctx.has_written and ended:
        jobs.stop(ended[0])
    return cancelled


def _seen(ctx: Context, job_id: str, job: Job | None, permission: Permission) -> Job:
    """Return the job as it is now, if the caller may know of it."""
    if job is None or not (job.actor == ctx.actor or _may_see_all(ctx, permission)):
        # Whose it is, is nobody else's business: it is not there.
        raise NotFoundError.of("job", job_id)
    return ctx.host.jobs.shown(job)


def _may_see_all(ctx: Context, permission: Permission) -> bool:
    return ctx.principal.reach(permission) is not None
