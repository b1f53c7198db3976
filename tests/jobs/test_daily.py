"""The first use of a day makes a backup, and nothing else does."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime

import pytest

from rpcbackend.app import Application
from rpcbackend.errors import DiskFullError
from rpcbackend.jobs import daily
from rpcbackend.jobs.daily import Daily
from rpcbackend.running import Conclude, Running
from rpcbackend.schema.jobs import Job, JobState, ListJobs
from rpcbackend.store import Work
from rpcbackend.testing import FrozenClock
from tests.factories import at, make_branch
from tests.jobs.toys import Toy

DAY_SECONDS = 24 * 3600


class WatchedClock(FrozenClock):
    """A clock that tells how often somebody looked at it."""

    def __init__(self, now: str = "2026-11-23T08:00:00Z") -> None:
        super().__init__(at(now))
        self.looks = 0
        self._grew = asyncio.Event()

    def now_ms(self) -> int:
        """Milliseconds since the Unix epoch, UTC."""
        self.looks += 1
        self._grew.set()
        return super().now_ms()

    async def until_looked(self, count: int) -> None:
        """Wait until it was looked at so often."""
        async with asyncio.timeout(5):
            while self.looks < count:
                self._grew.clear()
                await self._grew.wait()


class Maker:
    """Makes backups of nothing, and knows when it made the last."""

    def __init__(self, clock: WatchedClock, newest: datetime | None = None) -> None:
        self.clock = clock
        self.newest = newest
        self.made = 0
        self.fails = False
        self._grew = asyncio.Event()

    async def run(self, job: Running) -> Conclude[Toy]:
        """Make one."""
        self.made += 1
        self._grew.set()
        if self.fails:
            raise DiskFullError
        self.newest = datetime.fromtimestamp(FrozenClock.now_ms(self.clock) / 1_000, UTC)
        assert job.job_id

        async def conclude(_: Work) -> Toy:
            return Toy(word="made")

        return conclude

    async def tell_newest(self) -> datetime | None:
        """Tell when the last one was made."""
        return self.newest

    async def until_made(self, count: int) -> None:
        """Wait until so many were begun."""
        async with asyncio.timeout(5):
            while self.made < count:
                self._grew.clear()
                await self._grew.wait()


@asynccontextmanager
async def looked_after(app: Application, maker: Maker) -> AsyncIterator[Daily]:
    """Let the store of an application be looked after."""
    watch = Daily(app.jobs, maker.run, maker.tell_newest, clock=maker.clock, delay_seconds=0)
    watch.welcome(app.store)
    try:
        yield watch
    finally:
        watch.close()


async def use(app: Application, zone: str = "UTC") -> None:
    """Leave an event."""

    async def unit(work: Work) -> None:
        await work.branches.put(make_branch(zone=zone))
        await work.record("branches.saved", ("branch", "bra", 1), {})

    await app.store.write(unit, actor="tests")


async def jobs_of(app: Application) -> list[Job]:
    return await app.store.read(lambda work: work.jobs.list(ListJobs(), None))


async def test_each_day_s_first_use_makes_one_backup_as_a_job(app: Application) -> None:
    clock = WatchedClock()
    maker = Maker(clock)
    await use(app)

    async with looked_after(app, maker):
        await maker.until_made(1)
        for looks in (2, 3):
            # Behind the first backup, which is no event.
            assert await app.jobs.settle(5)
            await use(app)
            await clock.until_looked(looks)
        assert maker.made == 1
        clock.advance(DAY_SECONDS)
        await use(app)
        await maker.until_made(2)
        assert await app.jobs.settle(5)

    assert [(job.channel, job.actor, job.state) for job in await jobs_of(app)] == [
        ("backups.create", "daily", JobState.DONE)
    ] * 2


async def test_a_day_that_has_its_backup_gets_no_other_from_the_next_process(
    app: Application,
) -> None:
    clock = WatchedClock()
    maker = Maker(clock, newest=at("2026-11-23T00:00:01Z"))
    await use(app)

    async with looked_after(app, maker):
        await clock.until_looked(1)
        clock.advance(DAY_SECONDS)
        async with asyncio.timeout(5):
            while clock.looks < 2:
                await use(app)
        await maker.until_made(1)
        assert await app.jobs.settle(5)

    assert len(await jobs_of(app)) == 1


async def test_an_empty_store_gets_no_backup(app: Application) -> None:
    clock = WatchedClock()
    maker = Maker(clock)

    async with looked_after(app, maker):
        for _ in range(20):
            await app.store.read(lambda work: work.branches.first_zone())
        assert (maker.made, clock.looks) == (0, 0)
        await use(app)
        await maker.until_made(1)


@pytest.mark.parametrize(
    ("zone", "is_due"), [("Pacific/Auckland", True), ("UTC", False)], ids=["next day", "same day"]
)
async def test_a_day_is_one_on_the_wall_clock_of_the_school(
    app: Application, zone: str, *, is_due: bool
) -> None:
    clock = WatchedClock("2026-11-23T23:30:00Z")
    maker = Maker(clock, newest=at("2026-11-23T10:00:00Z"))
    await use(app, zone)

    async with looked_after(app, maker):
        await clock.until_looked(1)
        if is_due:
            await maker.until_made(1)
        else:
            clock.advance(DAY_SECONDS)
            async with asyncio.timeout(5):
                while clock.looks < 2:
                    await use(app, zone)
            await maker.until_made(1)
            assert await app.jobs.settle(5)
            assert maker.newest == at("2026-11-24T23:30:00Z")


async def test_one_that_failed_is_made_again_an_hour_later_though_nobody_does_anything(
    app: Application, monkeypatch: pytest.MonkeyPatch
) -> None:
    maker = Maker(WatchedClock())
    maker.fails = True
    await use(app)

    async with looked_after(app, maker):
        await maker.until_made(1)
        assert await app.jobs.settle(5)
        maker.fails = False
        for seconds in (daily.RETRY_SECONDS - 60, 61):
            for _ in range(20):
                await asyncio.sleep(0)
            assert maker.made == 1
            let_pass(monkeypatch, seconds)
        await maker.until_made(2)
        assert await app.jobs.settle(5)

    states = [job.state for job in await jobs_of(app)]
    assert sorted(states) == [JobState.DONE, JobState.FAILED]


def let_pass(monkeypatch: pytest.MonkeyPatch, seconds: float) -> None:
    """Let timers ring that much earlier."""
    loop = asyncio.get_running_loop()
    now = loop.time
    monkeypatch.setattr(loop, "time", lambda: now() + seconds)


async def test_a_store_that_takes_the_place_of_another_is_looked_after_instead(
    app: Application,
) -> None:
    maker = Maker(WatchedClock())

    async with looked_after(app, maker) as watch:
        watch.welcome(app.store)
        await use(app)
        await maker.until_made(1)

    await asyncio.sleep(0)
    assert app.store.on_commit == []
