"""What a job is given while it runs, what it leaves in the end, and what runs it."""

from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Protocol

from rpcbackend.schema.base import ModelT, WireModel
from rpcbackend.schema.jobs import Job
from rpcbackend.store import Command, Keyed, LeftJob, Report, Work

Conclude = Callable[[Work], Awaitable[ModelT]]
"""The last transaction of a job, which returns its result: what it leaves in the store, its events,
the audit's row and its record are kept together, or nothing of it."""


class Running(Protocol):
    """A job's way to whoever runs it."""

    @property
    def job_id(self) -> str:
        """Its id."""
        ...

    def report(self, done: int, total: int, message: str) -> None:
        """Say that *done* of *total* steps are done, and what comes now."""
        ...

    @property
    def checkpoint(self) -> Mapping[str, Any] | None:
        """What the job kept last in a process before this one, if it kept anything."""
        ...

    async def keep_in(self, work: Work, checkpoint: Mapping[str, Any]) -> None:
        """Keep how far a resumable job is, in the transaction that has just brought it there.

        Raises:
            RpcError: Whoever began it may not do so any more.
            JobOverError: It was cancelled, or another process runs it.
        """
        ...

    async def seal(self, checkpoint: Mapping[str, Any] | None = None) -> None:
        """Check for the last time that the job may go on: from here on nothing stops it.

        What comes next takes effect outside of its last transaction, which is kept in any case. A
        resumable job stays sealed in the next process, which is given the checkpoint.

        Raises:
            RpcError: Whoever began it may not do so any more.
            JobOverError: It was cancelled, or another process runs it.
        """
        ...

    async def end_in(self, work: Work, result: WireModel) -> None:
        """Record the end of a sealed job, and the reply to its call, in a store of the future.

        The store takes the place of the present one with that, in one instant: whoever looks in it
        finds the job done, and a repeated delivery of the call begins no other.
        """
        ...


Run = Callable[[Running], Awaitable[Conclude[ModelT] | None]]
"""A job: does the work and returns what concludes it; None when it was ended by `end_in`."""


class JobOverError(Exception):
    """Somebody ended the job meanwhile, or runs it: what it would do now is not wanted any more."""

    def __init__(self, job: Job) -> None:
        self.job = job
        """As it is recorded."""
        super().__init__()


async def _allow(work: Work) -> None:
    """Let pass what nobody's right decides about."""


@dataclass(slots=True, kw_only=True)
class Order:
    """What a job needs in order to run after its call."""

    job: Job
    """As it was recorded when it began."""
    command: Command
    run: Run[Any]
    keyed: Keyed | None = None
    """What makes a repeated delivery of the call the same one, if it came with a key."""
    confirm: Callable[[Work], Awaitable[None]] = _allow
    """Checks within a transaction that whoever began it may still do so."""
    left: LeftJob | None = None
    """What a process before this one left of it."""
    report: Report = lambda done, total, message: None  # noqa: ARG005
    end_report: Callable[[], None] = lambda: None


class Jobs(Protocol):
    """Runs the jobs of this process."""

    def room(self, job_id: str) -> AbstractContextManager[None]:
        """Keep a place for a job while it is recorded.

        Raises:
            OverloadedError: Too many run and wait.
            ShuttingDownError: The process is about to end.
        """
        ...

    def start(self, order: Order) -> None:
        """Run a recorded job as soon as no other one of its area runs."""
        ...

    def find(self, job_id: str) -> Job | None:
        """Return how a job is that runs here or waits, or None."""
        ...

    def shown(self, job: Job) -> Job:
        """Return how a recorded job is now; one that nobody runs any more has failed."""
        ...

    def is_sealed(self, job_id: str) -> bool:
        """Tell whether nothing stops the job any more."""
        ...

    def stop(self, cancelled: Job) -> None:
        """Stop the work of a job that was recorded as cancelled, and tell it so from now on."""
        ...
