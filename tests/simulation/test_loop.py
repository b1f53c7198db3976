"""Virtual time passes without waiting, and a process that was killed does nothing any more."""

import asyncio
import random
from collections.abc import Coroutine
from contextvars import copy_context
from typing import Any

import pytest

from tests.simulation.loop import LIFE, DeadlockError, SimulatedLoop

DAY = 24 * 3600.0


def run(main: Coroutine[Any, Any, Any], seed: int = 1) -> SimulatedLoop:
    """Run a coroutine to its end and return the loop as it is then."""
    loop = SimulatedLoop(random.Random(seed))  # noqa: S311 (a seed, no secret)
    try:
        loop.run_until_complete(main)
    finally:
        loop.close()
    return loop


def test_a_day_passes_at_once() -> None:
    assert run(asyncio.sleep(DAY)).time() == pytest.approx(DAY)


def test_no_timer_goes_off_early_and_one_that_is_earlier_goes_first() -> None:
    wanted = [3.0, 1.0, 2.0, 0.5]
    seen: list[tuple[float, float]] = []

    def note(due: float) -> None:
        seen.append((due, asyncio.get_running_loop().time()))

    async def main() -> None:
        loop = asyncio.get_running_loop()
        for due in wanted:
            loop.call_later(due, note, due)
        await asyncio.sleep(4)

    run(main())

    assert [due for due, _ in seen] == sorted(wanted)
    assert all(at >= due for due, at in seen)


def order_of_one_instant(seed: int) -> list[int]:
    seen: list[int] = []

    async def main() -> None:
        for number in range(10):
            asyncio.get_running_loop().call_later(1, seen.append, number)
        await asyncio.sleep(2)

    run(main(), seed)
    return seen


def test_the_seed_orders_the_timers_of_one_instant() -> None:
    orders = {tuple(order_of_one_instant(seed)) for seed in range(5)}

    assert len(orders) == 5
    assert order_of_one_instant(3) == order_of_one_instant(3)


def test_callbacks_run_in_the_order_of_call_soon_whatever_the_seed() -> None:
    for seed in range(5):
        seen: list[int] = []

        async def main(seen: list[int] = seen) -> None:
            for number in range(10):
                asyncio.get_running_loop().call_soon(seen.append, number)
            await asyncio.sleep(0)

        run(main(), seed)
        assert seen == list(range(10))


def test_a_deadlock_is_told_with_who_waits_and_where() -> None:
    async def wait_in_vain() -> None:
        await asyncio.Event().wait()

    with pytest.raises(DeadlockError, match=r"outside: .*wait_in_vain[\s\S]*test_loop.py:\d+"):
        run(wait_in_vain())


def test_a_killed_process_runs_nothing_any_more() -> None:
    done: list[str] = []

    async def process() -> None:
        asyncio.get_running_loop().call_later(5, done.append, "timer")
        asyncio.get_running_loop().create_task(child())
        await asyncio.sleep(1)
        done.append("first second")
        await asyncio.sleep(5)
        done.append("later")

    async def child() -> None:
        await asyncio.sleep(3)
        done.append("child")

    async def main() -> None:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, SimulatedLoop)
        context = copy_context()
        context.run(LIFE.set, 1)
        process_1 = loop.create_task(process(), context=context)
        await asyncio.sleep(2)
        assert len(loop.tasks_of(1)) == 2
        loop.kill(1)
        await asyncio.sleep(10)
        assert not process_1.done()
        assert loop.tasks_of(1) == []

    run(main())

    assert done == ["first second"]


def test_what_an_executor_is_given_is_done_and_takes_its_time() -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        assert await loop.run_in_executor(None, divmod, 7, 3) == (2, 1)
        assert loop.time() > 0
        with pytest.raises(ZeroDivisionError):
            await loop.run_in_executor(None, divmod, 7, 0)

    run(main())
