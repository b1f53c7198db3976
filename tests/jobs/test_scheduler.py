"""What is due runs once, as a job, whatever the clock does, and nothing else runs by itself."""

import asyncio
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from rpcbackend.app import Application
from rpcbackend.jobs import scheduler
from rpcbackend.jobs.scheduler import Scheduler
from rpcbackend.schema.jobs import Job, JobState, ListJobs
from rpcbackend.schema.schedules import RunSchedule, ScheduleName
from rpcbackend.store import Work
from rpcbackend.surroundings import Surroundings
from rpcbackend.testing import Client, FrozenClock, running_app
from tests.factories import at, make_branch
from tests.jobs.toys import cancel, make_job

DAY_SECONDS = 24 * 3600
BACKUP, UPKEEP = ("backups.create", None), ("schedules.run", "upkeep")
CHECK = ("schedules.run", "check")


@asynccontextmanager
async def desk(
    directory: Path,
    clock: FrozenClock,
    *,
    zone: str = "UTC",
    without: Collection[ScheduleName] = (),
) -> AsyncIterator[tuple[Application, Scheduler]]:
    """Run a process over a school that is in use, and a scheduler that looks when it is told to."""
    async with running_app(directory, Surroundings(clock=clock)) as app:
        await use(app, zone)
        yield app, Scheduler(app.jobs, app, delay_seconds=0, without=without, look_seconds=0)


async def use(app: Application, zone: str = "UTC") -> None:
    """Leave an event."""

    async def unit(work: Work) -> None:
        await work.branches.put(make_branch(zone=zone))
        await work.record("branches.saved", ("branch", "bra", 1), {})

    await app.open_store()
    await app.store.write(unit, actor="tests")


async def begun(app: Application, watch: Scheduler) -> list[tuple[str, str | None]]:
    """Look once, and return what was begun by that."""
    before = {job.id for job in await jobs_of(app)}
    await watch.look(app.store)
    new = [job for job in await jobs_of(app) if job.id not in before]
    return [(job.channel, (job.result or {}).get("name")) for job in reversed(new)]


async def jobs_of(app: Application) -> list[Job]:
    return await app.store.read(lambda work: work.jobs.list(ListJobs(), None))


async def test_what_has_never_run_runs_once_and_is_done_for_the_day(
    tmp_path: Path, clock: FrozenClock
) -> None:
    async with desk(tmp_path, clock) as (app, watch):
        assert await begun(app, watch) == [BACKUP, UPKEEP, CHECK]
        assert await begun(app, watch) == []
        for job in await jobs_of(app):
            assert (job.actor, job.state) == ("schedule", JobState.DONE)
        [backup] = app.store.backups()
        assert backup.reason == "daily"


async def test_the_next_process_of_the_same_day_has_nothing_to_do(
    tmp_path: Path, clock: FrozenClock
) -> None:
    async with desk(tmp_path, clock) as (app, watch):
        await begun(app, watch)
    clock.advance(3600)

    async with desk(tmp_path, clock) as (app, watch):
        assert await begun(app, watch) == []


async def test_a_day_s_backup_waits_for_its_first_use_and_the_upkeep_does_not(
    tmp_path: Path, clock: FrozenClock
) -> None:
    async with desk(tmp_path, clock) as (app, watch):
        await begun(app, watch)
        clock.advance(DAY_SECONDS)
        assert await begun(app, watch) == [UPKEEP]
        await use(app)
        assert await begun(app, watch) == [BACKUP]
        assert await begun(app, watch) == []


async def test_what_was_changed_while_the_backup_was_made_makes_the_next_day_s_due(
    tmp_path: Path, clock: FrozenClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with desk(tmp_path, clock) as (app, watch):
        make = app.store.backup

        async def make_slowly(*given: Any) -> Any:
            made = await make(*given)
            await use(app)
            return made

        monkeypatch.setattr(app.store, "backup", make_slowly)
        await begun(app, watch)
        clock.advance(DAY_SECONDS)

        assert BACKUP in await begun(app, watch)


async def test_what_was_missed_while_the_machine_slept_runs_once(
    tmp_path: Path, clock: FrozenClock
) -> None:
    async with desk(tmp_path, clock) as (app, watch):
        await begun(app, watch)
        await use(app)
        clock.advance(30 * DAY_SECONDS)

        assert await begun(app, watch) == [BACKUP, UPKEEP, CHECK]
        assert await begun(app, watch) == []


async def test_an_empty_store_is_left_alone(tmp_path: Path, clock: FrozenClock) -> None:
    async with running_app(tmp_path, Surroundings(clock=clock)) as app:
        await app.open_store()
        watch = Scheduler(app.jobs, app, delay_seconds=0)

        assert await begun(app, watch) == []
        await use(app)
        assert await begun(app, watch) == [BACKUP, UPKEEP, CHECK]


@pytest.mark.parametrize(
    ("zone", "is_due"), [("Pacific/Auckland", True), ("UTC", False)], ids=["next day", "same day"]
)
async def test_a_day_is_one_on_the_wall_clock_of_the_school(
    tmp_path: Path, *, zone: str, is_due: bool
) -> None:
    clock = FrozenClock(at("2026-11-23T10:00:00Z"))
    async with desk(tmp_path, clock, zone=zone) as (app, watch):
        await begun(app, watch)
        clock.advance(3_600)
        await use(app, zone)

        assert (BACKUP in await begun(app, watch)) == is_due


async def test_a_branch_in_another_zone_moves_what_is_due(
    tmp_path: Path, clock: FrozenClock
) -> None:
    async with desk(tmp_path, clock) as (app, watch):
        await begun(app, watch)
        clock.advance(3 * 3_600)
        assert await begun(app, watch) == []
        await use(app, "Pacific/Auckland")

        # It is past midnight there.
        assert BACKUP in await begun(app, watch)


# Clocks


async def test_a_clock_that_is_set_back_over_midnight_makes_nothing_due_again(
    tmp_path: Path,
) -> None:
    clock = FrozenClock(at("2026-11-23T23:30:00Z"))
    async with desk(tmp_path, clock) as (app, watch):
        await begun(app, watch)
        clock.set_wall(3_600)
        await use(app)
        assert BACKUP in await begun(app, watch)
        clock.set_wall(-3_600)
        await use(app)

        assert await begun(app, watch) == []
        clock.set_wall(3_600)
        assert await begun(app, watch) == []


async def test_a_clock_that_was_wrong_by_a_year_does_not_stop_what_is_due_for_a_year(
    tmp_path: Path, clock: FrozenClock
) -> None:
    clock.set_wall(365 * DAY_SECONDS)
    async with desk(tmp_path, clock) as (app, watch):
        await begun(app, watch)
    clock.set_wall(-365 * DAY_SECONDS)

    async with desk(tmp_path, clock) as (app, watch):
        assert await begun(app, watch) == []
        clock.advance(DAY_SECONDS)
        await use(app)
        assert await begun(app, watch) == [BACKUP, UPKEEP]


# What fails, and what is killed


def refuse_backups(directory: Path) -> Path:
    """Let there be a file where the folder of the backups should be."""
    refusal = directory / "backups"
    refusal.write_bytes(b"")
    return refusal


async def test_one_that_failed_is_tried_again_an_hour_later_though_nobody_does_anything(
    tmp_path: Path, clock: FrozenClock
) -> None:
    async with desk(tmp_path, clock) as (app, watch):
        refusal = refuse_backups(tmp_path)
        assert await begun(app, watch) == [BACKUP, UPKEEP, CHECK]
        refusal.unlink()
        clock.advance(scheduler.RETRY_SECONDS - 1)
        assert await begun(app, watch) == []
        clock.advance(1)

        assert await begun(app, watch) == [BACKUP]
        assert len(app.store.backups()) == 1
        clock.advance(scheduler.RETRY_SECONDS)
        assert await begun(app, watch) == []


async def test_one_that_failed_is_tried_again_by_the_next_process_at_once(
    tmp_path: Path, clock: FrozenClock
) -> None:
    async with desk(tmp_path, clock) as (app, watch):
        refusal = refuse_backups(tmp_path)
        await begun(app, watch)
        refusal.unlink()

    async with desk(tmp_path, clock) as (app, watch):
        assert await begun(app, watch) == [BACKUP]


async def test_one_that_somebody_ended_is_not_begun_again_for_that(
    tmp_path: Path, clock: FrozenClock
) -> None:
    async with desk(tmp_path, clock) as (app, watch):
        await begun(app, watch)
        job = make_job(7)
        await app.store.write(lambda work: work.jobs.put(job), actor="tests")
        await cancel(app, job)

        async def unit(work: Work) -> None:
            await work.schedules.see(ScheduleName.UPKEEP, work.now, job.id)

        await app.store.write(unit, actor="tests")

        assert await begun(app, watch) == []


async def test_upkeep_that_was_killed_goes_on_and_is_not_begun_a_second_time(
    tmp_path: Path, clock: FrozenClock
) -> None:
    job = make_job(channel="schedules.run", actor="schedule", is_resumable=True)
    async with desk(tmp_path, clock) as (app, watch):
        await begun(app, watch)
        clock.advance(DAY_SECONDS)

        async def leave(work: Work) -> None:
            await work.jobs.begin(job, RunSchedule(name="upkeep"), None)
            await work.jobs.keep(job.id, {"jobs": 7, "replies": 0, "messages": 0})
            await work.schedules.see(ScheduleName.UPKEEP, work.now, job.id)

        await app.store.write(leave, actor="tests")

    async with desk(tmp_path, clock) as (app, watch):
        assert await begun(app, watch) == [BACKUP]
        await app.jobs.settle(5)
        [over] = [each for each in await jobs_of(app) if each.id == job.id]
        assert over.result is not None
        assert (over.state, over.result["removed"]["jobs"]) == (JobState.DONE, 7)


async def test_a_store_that_cannot_be_read_is_looked_at_again(
    tmp_path: Path, clock: FrozenClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refuse(*_: object) -> None:
        raise OSError("no")

    async with desk(tmp_path, clock) as (app, watch):
        with monkeypatch.context() as patch:
            patch.setattr(app.store, "read", refuse)
            await watch.look(app.store)
        assert BACKUP in await begun(app, watch)


async def test_what_cannot_be_begun_is_tried_again_an_hour_later(
    tmp_path: Path, clock: FrozenClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refuse(*_: object, **__: object) -> str:
        raise OSError("no")

    async with desk(tmp_path, clock) as (app, watch):
        with monkeypatch.context() as patch:
            patch.setattr(app.jobs, "launch", refuse)
            assert await begun(app, watch) == []
        assert await begun(app, watch) == []
        clock.advance(scheduler.RETRY_SECONDS)
        assert await begun(app, watch) == [BACKUP, UPKEEP, CHECK]


# Whose wish it is


async def test_a_schedule_that_is_switched_off_rests_and_makes_up_for_nothing(
    tmp_path: Path, clock: FrozenClock
) -> None:
    async with desk(tmp_path, clock) as (app, watch):
        client = Client(app)
        await client.call("schedules.save", name="upkeep", isEnabled=False)
        assert await begun(app, watch) == [BACKUP, CHECK]
        clock.advance(DAY_SECONDS)
        await client.call("schedules.save", name="upkeep", isEnabled=True)
        assert await begun(app, watch) == [BACKUP]
        clock.advance(DAY_SECONDS)

        assert await begun(app, watch) == [UPKEEP]


async def test_another_time_holds_from_the_next_look_on(tmp_path: Path, clock: FrozenClock) -> None:
    async with desk(tmp_path, clock) as (app, watch):
        await begun(app, watch)
        await Client(app).call("schedules.save", name="upkeep", cron="*/5 * * * *")
        clock.advance(299)
        assert await begun(app, watch) == []
        clock.advance(1)

        assert await begun(app, watch) == [UPKEEP]


async def test_what_a_process_is_to_leave_alone_it_leaves_alone(
    tmp_path: Path, clock: FrozenClock
) -> None:
    async with desk(tmp_path, clock, without=[ScheduleName.BACKUP]) as (app, watch):
        assert await begun(app, watch) == [UPKEEP, CHECK]


async def test_a_store_without_a_folder_for_backups_gets_none(app: Application) -> None:
    await use(app)
    watch = Scheduler(app.jobs, app, delay_seconds=0)

    assert await begun(app, watch) == [UPKEEP, CHECK]


# The watch itself


async def test_a_store_is_looked_after_until_another_takes_its_place_or_the_end(
    tmp_path: Path, clock: FrozenClock
) -> None:
    async with desk(tmp_path, clock) as (app, watch):
        watch.welcome(app.store)
        watch.welcome(app.store)
        async with asyncio.timeout(30):
            while len(await jobs_of(app)) < 3:
                pass
        clock.advance(DAY_SECONDS)
        async with asyncio.timeout(30):
            while len(await jobs_of(app)) < 4:
                pass
        watch.close()
