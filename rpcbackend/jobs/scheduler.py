"""Begins by itself what is due: the day's backup, the upkeep, the check."""

import asyncio
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from loguru import logger

from rpcbackend.backups import backing_up
from rpcbackend.context import Host
from rpcbackend.domain.schedules import BUILT_IN, believed, cron_of, due_at
from rpcbackend.jobs.reminders import Reminders
from rpcbackend.jobs.runner import JobRunner
from rpcbackend.running import Run
from rpcbackend.schema.jobs import Job, JobState
from rpcbackend.schema.schedules import RunSchedule, ScheduleName, StoredSchedule
from rpcbackend.steps import Steps
from rpcbackend.store import Store, Work
from rpcbackend.store.schedules import TAGS
from rpcbackend.upkeep import ACTOR, keeping

LOOK_SECONDS = 60.0
"""How often somebody looks whether something is due: a comparison, unless something was changed.

Never longer ahead: a machine that slept, or whose clock was set, would not notice.
"""

RETRY_SECONDS = 3600.0
"""After a job that failed: a full disk is not emptied within a minute."""


@dataclass(slots=True)
class _Plan:
    """A schedule, and when it is due next."""

    name: ScheduleName
    due_at: datetime | None


class LeadsNoMoreError(Exception):
    """Another process of the school leads by now."""


class Scheduler:
    """Looks after one store at a time; each schedule runs as a job, one after the other.

    Reminders go beside them: too many and too small for jobs.

    Args:
        jobs: Runs them.
        host: The process, as handlers see it.
        delay_seconds: How long after its opening a store is left to those who wait for it.
        without: Schedules that this process leaves alone.
        look_seconds: See `LOOK_SECONDS`.
        steps: Takes what is done to the store beside jobs.
    """

    def __init__(
        self,
        jobs: JobRunner,
        host: Host,
        *,
        delay_seconds: float,
        without: Collection[ScheduleName] = (),
        look_seconds: float = LOOK_SECONDS,
        steps: Steps | None = None,
    ) -> None:
        self._jobs, self._host = jobs, host
        self._delay, self._look_seconds = delay_seconds, look_seconds
        self._names = [name for name in ScheduleName if name not in without]
        self._reminders = Reminders(delay_seconds=delay_seconds, steps=steps)
        self._watch: asyncio.Task[None] | None = None
        self._plans: list[_Plan] = []
        self._revision: int | None = None
        self._retry_at: dict[ScheduleName, float] = {}
        self._quiet_seq = -1
        """No event after it is anything but our own."""

    def welcome(self, store: Store) -> None:
        """Look after a store that was opened, in the place of the one before."""
        self.close()
        self._reminders.welcome(store)
        self._revision, self._quiet_seq = None, -1
        self._watch = asyncio.get_running_loop().create_task(self._look_after(store))

    def close(self) -> None:
        """Begin nothing more."""
        self._reminders.close()
        if self._watch is not None:
            self._watch.cancel()

    async def _look_after(self, store: Store) -> None:
        await asyncio.sleep(self._delay)
        while True:
            await self.look(store)
            await asyncio.sleep(self._look_seconds)

    async def look(self, store: Store) -> None:
        """Run what is due now, one after the other; a store that is empty or only read has rest."""
        engine = store.engine
        if engine.read_only is not None or not engine.is_leader or _is_empty(store):
            return
        try:
            if engine.is_shared:
                await self._jobs.adopt(store)
            await self._look(store)
        except Exception as error:  # noqa: BLE001 (nobody waits for it, and it looks again)
            logger.bind(error=str(error)).warning("it cannot be told what is due")

    async def _look(self, store: Store) -> None:
        revision = store.tags.revision(TAGS)
        if self._revision is None or revision != self._revision or store.engine.is_shared:
            self._plans, self._revision = await self._plan(store), revision
        now = store.clock.now_ms() / 1_000
        for plan in self._plans:
            if plan.name is ScheduleName.BACKUP and store.backup_folder is None:
                # A server has its own, and memory none.
                continue
            if plan.due_at is not None and plan.due_at.timestamp() <= now:
                await self._run_if_wanted(plan, store)

    async def _plan(self, store: Store) -> list[_Plan]:
        """Return when everything is due, and take back what a wrong clock has noted."""
        plans, wrong = await store.read(self._read_plans)

        async def correct(work: Work) -> None:
            for name in wrong:
                await work.schedules.see(name, work.now, None)

        if wrong:
            await store.write(correct, actor=ACTOR)
        return plans

    async def _read_plans(self, work: Work) -> tuple[list[_Plan], list[ScheduleName]]:
        zone = await work.branches.first_zone() or "UTC"
        plans, wrong = [], []
        for stored in await work.schedules.list():
            if stored.id not in self._names:
                continue
            due = due_at(stored, zone, work.now)
            if due is not None and await _has_failed(work, stored):
                due = work.now
            plans.append(_Plan(stored.id, due))
            if stored.seen_at and _is_wrong(stored, zone, work.now):
                wrong.append(stored.id)
        return plans, wrong

    async def _run_if_wanted(self, plan: _Plan, store: Store) -> None:
        now = store.clock.monotonic()
        if now < self._retry_at.get(plan.name, now):
            return
        if BUILT_IN[plan.name].waits_for_use and store.head_seq <= self._quiet_seq:
            return
        try:
            job = await self.run(plan.name)
        except Exception as error:  # noqa: BLE001 (it is tried again, and nobody waits for it)
            logger.bind(schedule=plan.name, error=str(error)).warning("it could not be begun")
            job = None
        if job is None or job.state is JobState.FAILED:
            reason = job.error if job else None
            logger.bind(schedule=plan.name, error=reason).warning("what is due failed")
            self._retry_at[plan.name] = now + RETRY_SECONDS

    async def run(self, name: ScheduleName) -> Job | None:
        """Run a schedule now, as a job, and return how that ended.

        Raises:
            LeadsNoMoreError: This process stood still, and another one runs it by now.
        """
        head_seq = self._host.store.head_seq
        job = await self._jobs.ended(await self.begin(name))
        if BUILT_IN[name].waits_for_use and job is not None and job.state is JobState.DONE:
            # Its own event comes behind what it was to see.
            self._quiet_seq = head_seq + 1
        return job

    async def begin(self, name: ScheduleName) -> str:
        """Begin a schedule now, and return the id of its job.

        Raises:
            LeadsNoMoreError: This process stood still, and another one runs it by now.
        """
        others = self._host.store.engine.others
        channel, run, params = self._task(name)

        async def note(work: Work, job_id: str) -> None:
            if not await others.leads(work.tx):
                raise LeadsNoMoreError
            await work.schedules.see(name, work.now, job_id)

        return await self._jobs.launch(channel, ACTOR, run, resume_by=params, note=note, name=name)

    def _task(self, name: ScheduleName) -> tuple[str, Run[Any], RunSchedule | None]:
        channel = BUILT_IN[name].channel
        if name is ScheduleName.BACKUP:
            host = self._host
            return channel, backing_up(lambda: host.store, host.backups, "daily"), None
        params = RunSchedule.model_validate({"name": name})
        return channel, keeping(self._host, params), params


def _is_empty(store: Store) -> bool:
    # Nothing is lost with it, and it may be a mistake.
    return store.head_seq == 0 and store.audit_head.seq == 0


def _is_wrong(stored: StoredSchedule, zone: str, now: datetime) -> bool:
    assert stored.seen_at is not None  # noqa: S101 (whoever asks has looked)
    seen = believed(cron_of(stored), stored.zone or zone, stored.seen_at, now)
    return seen != stored.seen_at


async def _has_failed(work: Work, stored: StoredSchedule) -> bool:
    job = await work.jobs.get(stored.job_id) if stored.job_id else None
    return job is not None and job.state is JobState.FAILED
