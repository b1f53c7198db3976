"""Lets the jobs of a replay go on where those of the recording did, and no further.

A job runs beside the calls. What it does to the store between them are steps
(docs/adr/0064-jobs-end-where-they-ended.md): before each it waits until the replay has come there,
and what lies between two of them is done at the last moment, for until then nobody saw it.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Literal

from rpcbackend.moments import Moment
from rpcbackend.schema.base import WireModel
from rpcbackend.schema.jobs import Job
from rpcbackend.schema.steps import JobFacts, StepName
from rpcbackend.transcripts.timeline import Calls

PATIENCE_SECONDS = 60.0
"""No job takes longer from one of its steps to the next."""

_NEXT = frozenset({"seal_job", "end_job"})
"""What comes of the work of a job."""

_Turn = tuple[str, str]


class Turns:
    """Knows which steps of jobs may be taken, and which jobs wait for that.

    Args:
        calls: Give each step the moment that it had.
        is_told: Whether the transcript tells of such steps: older ones do not.
    """

    def __init__(self, calls: Calls, *, is_told: bool) -> None:
        self.is_told = is_told
        self._calls = calls
        self._moments: dict[_Turn, Moment] = {}
        self._waiting: dict[str, str] = {}
        self._news = asyncio.Event()
        self._is_over = False

    async def wait(self, name: StepName | Literal["run_job"], facts: WireModel) -> None:
        """Wait until a step of a job may be taken; there is no need to for others."""
        if not self.is_told or not isinstance(facts, JobFacts):
            return
        self._waiting[facts.job_id] = name
        try:
            while not self._may_go(name, facts.job_id) and not self._is_over:
                self._tell()
                await self._news.wait()
        finally:
            del self._waiting[facts.job_id]

    def moment(self, name: StepName, facts: WireModel) -> Moment:
        """Return that of a step."""
        given = None
        if isinstance(facts, JobFacts):
            given = self._moments.get((name, facts.job_id))
        return given or self._calls.next()

    def let(self, name: StepName, facts: JobFacts) -> None:
        """Let a step be taken, now or when its job comes to it."""
        self._moments[name, facts.job_id] = self._calls.next()
        self._tell()

    def close(self) -> None:
        """Let them go on as they like: the transcript is at its end."""
        self._is_over = True
        self._tell()

    async def settle(
        self,
        job_id: str,
        find: Callable[[str], Job | None],
        ended: Callable[[str], Awaitable[object]],
    ) -> None:
        """Wait until a job is over, or waits: for a step, or for another job of its area.

        Args:
            job_id: Of a job that may be there or not.
            find: Returns how a job is that runs here.
            ended: Waits until one runs no more.
        """
        end = asyncio.ensure_future(ended(job_id))
        try:
            with suppress(TimeoutError):
                async with asyncio.timeout(PATIENCE_SECONDS):
                    while not end.done() and not self._is_held(job_id, find):
                        news = asyncio.ensure_future(self._news.wait())
                        await asyncio.wait({end, news}, return_when=asyncio.FIRST_COMPLETED)
                        news.cancel()
        finally:
            end.cancel()

    def _may_go(self, name: str, job_id: str) -> bool:
        names = _NEXT if name == "run_job" else {name}
        return any((each, job_id) in self._moments for each in names)

    def _is_held(self, job_id: str, find: Callable[[str], Job | None]) -> bool:
        name, job = self._waiting.get(job_id), find(job_id)
        if name is not None:
            return not self._may_go(name, job_id)
        others = (find(each) for each in self._waiting)
        return job is not None and any(
            other is not None and _area_of(other) == _area_of(job) for other in others
        )

    def _tell(self) -> None:
        self._news.set()
        self._news = asyncio.Event()


def _area_of(job: Job) -> str:
    return job.channel.partition(".")[0]
