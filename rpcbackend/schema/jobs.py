"""Jobs: work that goes on after its call was answered."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Any, Generic

from pydantic import Field

from rpcbackend.schema.base import (
    Encoded,
    Flag,
    Instant,
    Integer,
    Limit,
    ModelT,
    Params,
    WireModel,
    id_pattern,
)

JobId = Annotated[str, id_pattern("job")]


class JobState(StrEnum):
    """How far a job is; the last three are its end."""

    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def is_over(self) -> bool:
        """Whether nothing more comes of it."""
        return self not in (JobState.QUEUED, JobState.RUNNING)


class ErrorResponse(WireModel):
    """Why a job failed: what `error.data` says of a call."""

    code: str
    message: str
    type: str
    timestamp: Annotated[Integer, Field(description="Milliseconds since the epoch.")]
    retryable: Flag
    outcome: str
    correlation_id: str
    details: dict[str, Any] | None = None
    retry_after_ms: Integer | None = None


class Job(WireModel):
    """One job; how far it is stands in done, total and message while it runs."""

    id: JobId
    channel: Annotated[str, Field(description="What was asked for.")]
    state: JobState
    actor: Annotated[str, Field(description="Who began it.")]
    is_resumable: Annotated[
        Flag, Field(description="Whether another process goes on with it when this one ends.")
    ] = False
    attempts: Annotated[
        Integer,
        Field(ge=0, description="How often it was begun, but for ends in good order."),
    ] = 0
    done: Annotated[Integer, Field(ge=0, description="Steps that are done.")] = 0
    total: Annotated[Integer, Field(ge=0, description="Steps in all, as far as known.")] = 0
    message: Annotated[str | None, Field(description="What comes now, or came last.")] = None
    result: Annotated[
        dict[str, Any] | None, Field(description="What the channel's job answers, once done.")
    ] = None
    error: Annotated[ErrorResponse | None, Field(description="Why it failed.")] = None
    created_at: Instant
    started_at: Instant | None = None
    ended_at: Instant | None = None


class JobStarted(WireModel):
    """The answer to a call that began a job: jobs.get tells how far it is."""

    job_id: JobId


@dataclass(frozen=True, slots=True)
class Started(Encoded[JobStarted], Generic[ModelT]):
    """A JobStarted as JSON, which knows what its job will answer."""


class GetJob(Params):
    """Params of jobs.get."""

    job_id: JobId


class ListJobs(Params):
    """Params of jobs.list."""

    is_over: Annotated[
        Flag | None, Field(description="Only those that are over, or only the others.")
    ] = None
    limit: Limit = 50


class JobPage(WireModel):
    """Jobs, the newest first."""

    items: list[Job]


class CancelJob(Params):
    """Params of jobs.cancel."""

    job_id: JobId


class CancelledJob(WireModel):
    """What jobs.cancel answers."""

    state: JobState
