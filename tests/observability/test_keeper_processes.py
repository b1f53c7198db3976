"""What several processes of a school remember of its service: all of it, each call once."""

from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager

import pytest

from rpcbackend.observability.keeper import KEEP_SECONDS
from rpcbackend.store import Place, Store, open_server_store
from rpcbackend.testing import FrozenClock
from tests.observability.test_keeper import DAY, HOUR, Life, kept

pytestmark = pytest.mark.postgresql


class Processes:
    """Processes of one school."""

    def __init__(self, place: Place, clock: FrozenClock) -> None:
        self._place, self._clock = place, clock

    @asynccontextmanager
    async def one(self) -> AsyncIterator[tuple[Life, Store]]:
        """Begin one; it ends without a word, unless its keeper is closed."""
        store = await open_server_store(self._place, clock=self._clock)
        try:
            life = Life(store, self._clock)
            await life.keeper.settle()
            yield life, store
            await life.keeper.settle()
        finally:
            await store.close()


@pytest.fixture
def processes(schools: Iterator[Place], clock: FrozenClock) -> Processes:
    """A school that nobody serves yet."""
    return Processes(next(schools), clock)


async def test_no_process_writes_over_what_another_one_measured(processes: Processes) -> None:
    async with AsyncExitStack() as stack:
        lives = [(await stack.enter_async_context(processes.one()))[0] for _ in range(3)]
        for turn in range(4):
            for number, life in enumerate(lives):
                await life.live(100, calls=number + turn + 1)
        for life in lives:
            await life.keeper.close()

    async with processes.one() as (life, store):
        assert await kept(store) == await kept(store, HOUR) == life.over(DAY).calls == 42


async def test_each_learns_within_minutes_what_the_others_measured(processes: Processes) -> None:
    async with processes.one() as (one, _), processes.one() as (two, _):
        await one.live(1, calls=5)
        await two.live(1, calls=7)
        assert (one.over(DAY).calls, two.over(DAY).calls) == (5, 7)

        await one.live(round(KEEP_SECONDS))
        await two.live(1)

        assert (one.over(DAY).calls, two.over(DAY).calls) == (12, 12)


async def test_one_that_dies_is_not_missed_while_another_serves(
    processes: Processes,
) -> None:
    async with processes.one() as (one, _):
        async with processes.one() as (two, _):
            await two.live(10, calls=1)
        await one.live(100, calls=1)

        async with processes.one() as (three, _):
            await three.live(10)
            assert three.over(DAY).up_share == 1
        await one.keeper.close()


async def test_all_are_missed_when_the_last_one_dies_though_others_ended_in_good_order(
    processes: Processes, clock: FrozenClock
) -> None:
    async with processes.one() as (one, _):
        async with processes.one() as (two, _):
            await two.live(10, calls=1)
            await two.keeper.close()
        for _ in range(100):
            await one.live(10, calls=1)

    clock.advance(500)
    async with processes.one() as (life, _):
        # It is known to the minute when the last was there; what it had not told is lost with it.
        assert life.over(DAY).up_share == pytest.approx(910 / 1_440, abs=0.03)
