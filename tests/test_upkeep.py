"""The upkeep removes what nobody needs, some at a time, and counts nothing twice."""

from pathlib import Path

from rpcbackend.app import Application
from rpcbackend.schema.jobs import JobState
from rpcbackend.schema.schedules import RunSchedule, ScheduleName
from rpcbackend.store import Message, Work
from rpcbackend.store.old_messages import FORGOTTEN_AT_ONCE, TOLD_MS, forget_messages
from rpcbackend.surroundings import Surroundings
from rpcbackend.testing import FrozenClock, running_app
from rpcbackend.upkeep import STEPS
from tests.jobs.toys import make_job

MANY = 2 * FORGOTTEN_AT_ONCE + 7


async def leave_messages(app: Application, clock: FrozenClock) -> None:
    """Leave many that were withdrawn long ago."""

    async def unit(work: Work) -> None:
        for number in range(MANY):
            key = str(number)
            message = Message(
                channel="mail", recipient="a@b", template="t", payload={}, dedupe_key=key
            )
            await work.outbox.queue(message)
            await work.outbox.withdraw(key)

    await app.store.write(unit, actor="tests")
    clock.advance(TOLD_MS / 1_000)


async def test_it_goes_on_until_nothing_is_left_to_remove(
    tmp_path: Path, clock: FrozenClock
) -> None:
    async with running_app(tmp_path, Surroundings(clock=clock)) as app:
        await app.open_store()
        await leave_messages(app, clock)

        job = await app.scheduler.run(ScheduleName.UPKEEP)

        assert job is not None
        assert job.result is not None
        assert job.result["removed"] == dict.fromkeys(STEPS, 0) | {"messages": MANY}


async def test_upkeep_that_dies_after_some_steps_counts_each_record_once(
    tmp_path: Path, clock: FrozenClock
) -> None:
    job = make_job(channel="schedules.run", actor="schedule", is_resumable=True)
    async with running_app(tmp_path, Surroundings(clock=clock)) as app:
        await app.open_store()
        await leave_messages(app, clock)

        async def some(work: Work) -> None:
            await work.jobs.begin(job, RunSchedule(name="upkeep"), None)
            removed = await forget_messages(work.tx, work.now_ms)
            await work.jobs.keep(job.id, {"messages": removed})

        await app.store.write(some, actor="tests")

    async with running_app(tmp_path, Surroundings(clock=clock)) as app:
        await app.jobs.settle(5)
        over = await app.store.read(lambda work: work.jobs.get(job.id))
        assert over is not None
        assert over.result is not None
        assert (over.state, over.result["removed"]["messages"]) == (JobState.DONE, MANY)
