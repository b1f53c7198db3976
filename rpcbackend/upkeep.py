"""What keeps a store in order: removes what nobody needs any more, and looks through it."""

from collections.abc import Awaitable, Callable, Mapping

from rpcbackend.context import Host
from rpcbackend.running import Conclude, Run, Running
from rpcbackend.schema.schedules import RanSchedule, RunSchedule, ScheduleName
from rpcbackend.store import Work
from rpcbackend.store.old_messages import forget_messages

ACTOR = "schedule"
"""Who removes it, as events name him."""

STEPS: Mapping[str, Callable[[Work], Awaitable[int]]] = {
    "jobs": lambda work: work.jobs.forget_old(work.now_ms // 1_000),
    "replies": lambda work: work.idempotency_keys.forget(work.now_ms // 1_000),
    "reminders": lambda work: work.reminders.forget_old(work.now),
    "messages": lambda work: forget_messages(work.tx, work.now_ms),
}
"""Each removes some records in one transaction, and returns how many."""


def keeping(host: Host, params: RunSchedule) -> Run[RanSchedule]:
    """Return the job of a schedule; one that is killed goes on, and counts nothing twice."""
    name = ScheduleName(params.name)
    return _checking(host) if name is ScheduleName.CHECK else _tidying(host)


def _tidying(host: Host) -> Run[RanSchedule]:
    async def run(job: Running) -> Conclude[RanSchedule]:
        removed = dict.fromkeys(STEPS, 0) | dict(job.checkpoint or {})
        for number, (what, forget) in enumerate(STEPS.items()):
            job.report(number, len(STEPS), what)
            while await _some(host, job, removed, what, forget):
                pass

        async def conclude(_: Work) -> RanSchedule:
            return RanSchedule(name=ScheduleName.UPKEEP, removed=removed)

        return conclude

    return run


async def _some(
    host: Host,
    job: Running,
    removed: dict[str, int],
    what: str,
    forget: Callable[[Work], Awaitable[int]],
) -> bool:
    """Remove some records, count them in the same transaction, and tell whether there were any."""

    async def unit(work: Work) -> int:
        count = await forget(work)
        await job.keep_in(work, removed | {what: removed[what] + count})
        return count

    count = await host.store.write(unit, actor=ACTOR)
    removed[what] += count
    return count > 0


def _checking(host: Host) -> Run[RanSchedule]:
    async def run(job: Running) -> Conclude[RanSchedule]:
        store = (await host.health(deep=True, report=job.report)).store

        async def conclude(_: Work) -> RanSchedule:
            return RanSchedule(
                name=ScheduleName.CHECK,
                removed={},
                integrity=store.integrity if store else None,
                problems=len(store.problems) if store else 0,
            )

        return conclude

    return run
