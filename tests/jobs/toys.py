"""Jobs that last until a test lets them end."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from rpcbackend.app import Application
from rpcbackend.running import Conclude, Order, Running
from rpcbackend.schema.base import NoParams, WireModel
from rpcbackend.schema.jobs import Job, JobState
from rpcbackend.store import Command, LeftJob, Work
from tests.factories import an_id, at, make_branch


class Toy(WireModel):
    """What the toys answer."""

    word: str


def make_job(number: int = 1, **given: Any) -> Job:
    """Make a job that waits unless its state is given too."""
    fields: dict[str, Any] = {
        "id": an_id("job", number),
        "channel": "toys.play",
        "state": JobState.QUEUED,
        "actor": "local",
        "created_at": at("2026-11-23T08:00:00Z"),
    }
    return Job(**fields | given)


class Play:
    """A job that runs until it may end, and leaves a branch and an event."""

    def __init__(self, number: int = 1, **given: Any) -> None:
        self.job = make_job(number, **given)
        self.begun = asyncio.Event()
        self.may_end = asyncio.Event()
        self.told: list[tuple[int, int, str] | None] = []
        """What it reported; None is the end."""
        self.running: Running | None = None
        self.before_end: Callable[[Running], Awaitable[None]] = _nothing
        self.confirm: Callable[[Work], Awaitable[None]] = _allow
        self.behind: LeftJob | None = None
        """What a process before this one left of it."""

    async def run(self, job: Running) -> Conclude[Toy]:
        """Play."""
        self.running = job
        self.begun.set()
        await self.may_end.wait()
        await self.before_end(job)
        return self._conclude

    async def _conclude(self, work: Work) -> Toy:
        await work.branches.put(make_branch(id=self.job.id.replace("job_", "bra_")))
        await work.record("toys.played", ("toy", self.job.id, 1), {})
        return Toy(word="played")

    def order(self) -> Order:
        """Return what runs it."""
        return Order(
            job=self.job,
            command=Command(channel=self.job.channel),
            run=self.run,
            confirm=self._check,
            left=self.behind,
            report=lambda done, total, message: self.told.append((done, total, message)),
            end_report=lambda: self.told.append(None),
        )

    async def _check(self, work: Work) -> None:
        await self.confirm(work)

    def left(self, **given: Any) -> LeftJob:
        """Return it as a process leaves it that dies."""
        fields: dict[str, Any] = {
            "job": self.job,
            "lease": 1,
            "is_sealed": False,
            "session_id": None,
            "params": b"{}",
            "checkpoint": None,
        }
        return LeftJob(**fields | given)

    async def leave(self, app: Application) -> None:
        """Record it as one that another process may go on with; this one has looked already."""
        assert await app.jobs.settle(30)
        await app.store.write(
            lambda work: work.jobs.begin(self.job, NoParams(), None), actor="tests"
        )

    async def start(self, app: Application) -> None:
        """Record it and let it wait for its turn."""
        with app.jobs.room(self.job.id):
            await app.store.write(lambda work: work.jobs.put(self.job), actor="tests")
            app.jobs.start(self.order())

    async def until_begun(self) -> None:
        """Wait until it runs."""
        async with asyncio.timeout(30):
            await self.begun.wait()


async def _nothing(job: Running) -> None:
    """Do no more."""


async def _allow(work: Work) -> None:
    """Let pass."""


async def recorded(app: Application, job_id: str) -> Job:
    """Return what the store says of a job."""
    job = await app.store.read(lambda work: work.jobs.get(job_id))
    assert job is not None
    return job


async def until_over(app: Application, job_id: str) -> Job:
    """Wait until the job runs no more and return its record."""
    async with asyncio.timeout(30):
        await app.jobs.ended(job_id)
    return await recorded(app, job_id)


async def cancel(app: Application, job: Job) -> Job:
    """End the record, as jobs.cancel does, and return it."""
    told = {"state": JobState.CANCELLED, "ended_at": at("2026-11-23T08:00:00Z")}
    ended = job.model_copy(update=told)
    await app.store.write(lambda work: work.jobs.put(ended), actor="tests")
    return ended
