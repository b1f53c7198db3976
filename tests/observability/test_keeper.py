"""What is remembered of the service across restarts, and that nobody notices how."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from rpcbackend.app import Application
from rpcbackend.errors import OutcomeUnknownError
from rpcbackend.histogram import Histogram
from rpcbackend.observability.keeper import Keeper
from rpcbackend.observability.service import ServiceRecord
from rpcbackend.schema.system import ServiceWindow
from rpcbackend.store import Measured, Store
from rpcbackend.store.digest import state_hash
from rpcbackend.surroundings import Surroundings
from rpcbackend.testing import CallFailedError, Client, FrozenClock, running_app
from tests.factories import KEY, save_branch, store_in
from tests.store.gate import restore_under_way

HOUR, DAY = 3_600, 86_400


async def service(app: Application) -> dict[int, Any]:
    health = await Client(app).call("system.health")
    return {window["seconds"]: window for window in health["service"]}


async def calls(app: Application) -> list[int]:
    return [window["calls"] for window in (await service(app)).values()]


async def list_branches(app: Application, times: int = 1) -> None:
    client = Client(app)
    for _ in range(times):
        await client.call("branches.list")


def at(clock: FrozenClock) -> Surroundings:
    return Surroundings(clock=clock)


@pytest.mark.parametrize("key", [None, KEY], ids=["plain", "encrypted"])
async def test_figures_survive_a_restart(tmp_path: Path, key: bytes | None) -> None:
    clock = FrozenClock()
    for expected in (2, 4, 6):
        async with running_app(tmp_path, at(clock)) as app:
            await app.open_store(key)
            await list_branches(app, 2)
            await app.monitor.keeper.settle()
            assert await calls(app) == [expected] * 3
        clock.advance(60)


async def test_figures_leave_the_windows_one_after_the_other(tmp_path: Path) -> None:
    clock, found = FrozenClock(), []
    for pause in (0, 2 * HOUR, 2 * DAY, 40 * DAY):
        clock.advance(pause)
        async with running_app(tmp_path, at(clock)) as app:
            await list_branches(app)
            await app.monitor.keeper.settle()
            found.append(await calls(app))

    assert found == [[1, 1, 1], [1, 2, 2], [1, 1, 3], [1, 1, 1]]


@pytest.mark.parametrize("jump", [40 * DAY, -9_000 * DAY], ids=["ahead", "back"])
async def test_a_clock_that_is_wrong_for_a_while_takes_nothing(tmp_path: Path, jump: int) -> None:
    clock = FrozenClock()
    async with life_in(tmp_path, clock) as life:
        await life.live(1, calls=3)
        await life.live(20 * DAY, calls=5)

        clock.set_wall(jump)
        await life.live(11 * 60, calls=1)
        await life.live(11 * 60, calls=1)
        clock.set_wall(-jump)
        await life.live(HOUR, calls=7)
        await life.live(2 * HOUR)
        await life.live(301, calls=2)
        found = [life.over(seconds).calls for seconds in (HOUR, DAY, 30 * DAY)]
        await life.keeper.close()

    assert found == [2, 14, 17]
    async with life_in(tmp_path, clock) as life:
        assert [life.over(seconds).calls for seconds in (HOUR, DAY, 30 * DAY)] == found


async def test_what_is_farthest_from_now_is_given_up_when_there_is_too_much(
    tmp_path: Path,
) -> None:
    clock = FrozenClock()
    async with store_in(tmp_path, clock=clock) as store:
        life = Life(store, clock)
        await life.keeper.settle()
        began = life.now - life.now % 300
        for number in range(-400, 3):
            life.record.short.add(began + number * 300, Measured(times={1: 1}))
        await life.live(1, calls=1)
        await life.keeper.close()

        spans = await store.read(lambda work: work.measurements.all(300))
    assert sorted(spans) == [began + number * 300 for number in range(-299, 1)]
    assert spans.keys() == life.record.short.spans.keys()


class Life:
    """A process's record of its service, and whoever keeps it."""

    def __init__(self, store: Store, clock: FrozenClock) -> None:
        self.record, self._clock = ServiceRecord(), clock
        self.keeper = Keeper(self.record, clock)
        self._work = Histogram()
        self.keeper.welcome(store)

    async def live(self, seconds: int, *, calls: int = 0) -> None:
        """Let time pass, and calls."""
        self._clock.advance(seconds)
        for _ in range(calls):
            self._work.add(1_000)
        self.keeper.has_calls = self.record.note(
            self.now, up_ms=seconds * 1_000, work=self._work, failed=0
        )
        self.keeper.beat()
        await self.keeper.settle()

    @property
    def now(self) -> int:
        """Unix seconds."""
        return self._clock.now_ms() // 1_000

    def over(self, seconds: int) -> ServiceWindow:
        """Tell how it was."""
        (found,) = [one for one in self.record.windows(self.now) if one.seconds == seconds]
        return found


@asynccontextmanager
async def life_in(directory: Path, clock: FrozenClock) -> AsyncIterator[Life]:
    """Begin a life that ends without a word, unless its keeper is closed."""
    async with store_in(directory, clock=clock) as store:
        life = Life(store, clock)
        await life.keeper.settle()
        yield life
        await life.keeper.settle()


async def kept(store: Store, span: int = 300) -> int:
    """Count the calls that the store knows of."""
    measured = await store.read(lambda work: work.measurements.all(span))
    return sum(sum(one.times.values()) for one in measured.values())


async def test_a_process_that_died_is_missed(tmp_path: Path) -> None:
    clock = FrozenClock()
    async with life_in(tmp_path, clock) as life:
        await life.live(1_000, calls=1)

    clock.advance(500)
    async with life_in(tmp_path, clock) as life:
        window = life.over(DAY)

    # The store remembers when it began its life, as nothing else was written.
    assert window.up_share == pytest.approx(1_000 / 1_500)
    assert (window.calls, window.is_met) == (1, False)


async def test_a_process_that_ended_in_good_order_is_not_missed(tmp_path: Path) -> None:
    clock = FrozenClock()
    async with life_in(tmp_path, clock) as life:
        await life.live(1_000, calls=1)
        await life.keeper.close()

    clock.advance(500)
    async with life_in(tmp_path, clock) as life:
        await life.live(10)
        window = life.over(DAY)

    assert (window.up_share, window.calls, window.is_met) == (1, 1, True)


async def test_it_writes_every_five_minutes_while_there_are_calls(tmp_path: Path) -> None:
    clock, found = FrozenClock(), []
    async with store_in(tmp_path, clock=clock) as store:
        life = Life(store, clock)
        await life.keeper.settle()
        for seconds, number in ((1, 1), (298, 1), (2, 1), (500, 0), (1, 1)):
            await life.live(seconds, calls=number)
            found.append(await kept(store))

    # The first beat writes, for it tells that a process is there.
    assert found == [1, 1, 3, 3, 4]


async def test_what_the_store_refuses_is_kept_for_later(tmp_path: Path) -> None:
    clock = FrozenClock()
    async with store_in(tmp_path, clock=clock) as store:
        life = Life(store, clock)
        await life.keeper.settle()
        store.engine.read_only = "disk"
        await life.live(400, calls=3)
        assert await kept(store) == 0

        store.engine.read_only = None
        await life.live(400, calls=1)

        assert await kept(store) == 4
        assert life.over(DAY).calls == 4


async def test_a_bug_in_what_is_kept_ends_nothing(tmp_path: Path) -> None:
    clock = FrozenClock()
    async with store_in(tmp_path, clock=clock) as store:
        life = Life(store, clock)
        await life.keeper.settle()
        # No span begins there.
        life.record.short.untold[life.now - life.now % 300 + 7] = Measured(times={1: 1})
        await life.live(1, calls=1)
        await life.keeper.close()

        assert await kept(store) == 0
        assert life.over(DAY).calls == 1


async def test_a_restored_store_is_told_what_happened_since(tmp_path: Path) -> None:
    async with running_app(tmp_path, Surroundings(clock=FrozenClock())) as app:
        await list_branches(app, 2)
        await app.monitor.keeper.settle()
        async with restore_under_way(app):
            await list_branches(app, 3)
        await app.monitor.close()

        assert await kept(app.store) == 5


async def test_it_leaves_no_event_and_no_row_of_the_audit(tmp_path: Path) -> None:
    async with running_app(tmp_path, Surroundings(clock=FrozenClock())) as app:
        await save_branch(Client(app))
        heard: list[int] = []
        app.store.on_commit.append(lambda: heard.append(1))
        before = (app.store.head_seq, app.store.audit_head, await state_hash(app.store))

        await app.monitor.close()

        assert await kept(app.store) == 1
        assert (app.store.head_seq, app.store.audit_head, await state_hash(app.store)) == before
        assert heard == []


async def test_a_store_that_is_served_as_it_is_stays_so(tmp_path: Path) -> None:
    async with running_app(tmp_path, Surroundings(clock=FrozenClock())) as app:
        await list_branches(app)
        await app.monitor.keeper.settle()
    before = (tmp_path / "school.db").read_bytes()

    app = Application(tmp_path, Surroundings(clock=FrozenClock()), is_read_only=True)
    await app.boot()
    await list_branches(app)
    await app.monitor.keeper.settle()
    counted = await calls(app)
    await app.close()

    assert counted == [2, 2, 2]
    assert (tmp_path / "school.db").read_bytes() == before


async def test_a_locked_store_is_not_asked(tmp_path: Path) -> None:
    async with running_app(tmp_path, Surroundings(clock=FrozenClock())) as app:
        await app.open_store(KEY)

    async with running_app(tmp_path) as app:
        with pytest.raises(CallFailedError):
            await Client(app).call("branches.list")

        assert await calls(app) == [1, 1, 1]


async def test_what_cannot_be_learned_is_not_written_over(tmp_path: Path) -> None:
    clock = FrozenClock()
    async with life_in(tmp_path, clock) as life:
        await life.live(1, calls=7)
        await life.keeper.close()
    async with store_in(tmp_path, clock=clock) as store:
        engine = store.engine
        read, engine.read = engine.read, refuse  # type: ignore[method-assign]  # a disk that fails
        life = Life(store, clock)
        await life.keeper.settle()
        await life.live(400, calls=1)
        await life.keeper.close()
        engine.read = read  # type: ignore[method-assign]  # and is well again

        assert await kept(store) == 7


@pytest.mark.parametrize("failure", [OutcomeUnknownError(), OSError(5, "Input/output error")])
async def test_what_could_not_be_learned_at_first_is_learned_later(
    tmp_path: Path, failure: Exception
) -> None:
    clock = FrozenClock()
    async with life_in(tmp_path, clock) as life:
        await life.live(1, calls=7)
        await life.keeper.close()
    async with store_in(tmp_path, clock=clock) as store:

        async def fail(work: Any) -> Any:  # noqa: ARG001 (as of the engine)
            raise failure

        engine = store.engine
        read, engine.read = engine.read, fail  # type: ignore[method-assign]  # a disk that fails
        life = Life(store, clock)
        await life.keeper.settle()
        await life.live(5, calls=1)
        engine.read = read  # type: ignore[method-assign]  # and is well again

        await life.live(5, calls=1)
        assert life.over(DAY).calls == 9
        await life.live(5)

        assert await kept(store) == 9


async def refuse(work: Any) -> Any:  # noqa: ARG001 (as of the engine)
    raise OutcomeUnknownError
