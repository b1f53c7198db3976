"""How a job's record says what has become of it."""

from datetime import UTC, datetime

from rpcbackend.dispatch.dispatcher import error_object
from rpcbackend.errors import OutcomeUnknownError
from rpcbackend.rpc_error import RpcError
from rpcbackend.schema.base import WireModel
from rpcbackend.schema.jobs import ErrorResponse, Job, JobState
from rpcbackend.store import Work


def queued(job_id: str, channel: str, actor: str, created_at: datetime) -> Job:
    """Return the record of a job that waits for its turn."""
    return Job(
        id=job_id, channel=channel, state=JobState.QUEUED, actor=actor, created_at=created_at
    )


def running(job: Job, now_ms: int) -> Job:
    """Return the record of a job that begins."""
    told = {
        "state": JobState.RUNNING,
        "started_at": whole_second(now_ms),
        "attempts": job.attempts + 1,
    }
    return job.model_copy(update=told)


def put_back(job: Job) -> Job:
    """Return the record of a job that waits for another process, and was not tried by this one."""
    has_begun = job.state is JobState.RUNNING
    told = {"state": JobState.QUEUED, "started_at": None, "attempts": job.attempts - has_begun}
    return job.model_copy(update=told)


def done(job: Job, result: WireModel, now_ms: int) -> Job:
    """Return the record of a job that came to its result."""
    return job.model_copy(
        update={
            "state": JobState.DONE,
            "done": job.total,
            "result": result.model_dump(mode="json"),
            "ended_at": whole_second(now_ms),
        }
    )


def failed(job: Job, error: RpcError, correlation_id: str, now_ms: int) -> Job:
    """Return the record of a job that came to an error."""
    told = error_object(error, correlation_id, now_ms)["data"]
    return job.model_copy(
        update={
            "state": JobState.FAILED,
            "error": ErrorResponse.model_validate(told),
            "ended_at": whole_second(now_ms),
        }
    )


def interrupted(job: Job, correlation_id: str, now_ms: int) -> Job:
    """Return the record of a job that nobody runs any more, though it has not ended."""
    error = OutcomeUnknownError(
        "The job did not end in this store: the process ended, or the store was restored, "
        "while it ran. Look what it has left, and begin it again with a new idempotency key.",
        outcome="unknown",
    )
    return failed(job, error, correlation_id, now_ms)


async def put_unless_over(work: Work, ended: Job) -> Job:
    """Record the end of a job, or return the one that is recorded."""
    stored = await work.jobs.get(ended.id)
    if stored is not None and stored.state.is_over:
        return stored
    await work.jobs.put(ended)
    return ended


def whole_second(now_ms: int) -> datetime:
    """Return the time as records keep it: a job has one time, wherever it is told from."""
    return datetime.fromtimestamp(now_ms // 1_000, UTC)
