"""Long work beside the lanes: told on the loop, stopped when nobody wants it any more."""

import asyncio
import threading

import pytest

from rpcbackend.store.beside import StoppedError, run_beside
from rpcbackend.store.transaction import Report


async def test_work_runs_on_another_thread_and_is_told_on_this_one() -> None:
    here = threading.get_ident()
    heard: list[tuple[int, str]] = []

    def work(report: Report) -> int:
        report(1, 2, "half")
        return threading.get_ident()

    def hear(done: int, _total: int, message: str) -> None:
        assert threading.get_ident() == here
        heard.append((done, message))

    assert await run_beside(work, hear) != here
    await asyncio.sleep(0)
    assert heard == [(1, "half")]


async def test_what_the_work_raises_reaches_the_caller() -> None:
    def work(_: Report) -> None:
        raise LookupError("no")

    with pytest.raises(LookupError, match="no"):
        await run_beside(work, lambda *_: None)


async def test_a_cancelled_call_ends_when_the_work_has_tidied_up() -> None:
    begun, may_go_on = asyncio.Event(), threading.Event()
    done: list[str] = []

    def work(report: Report) -> None:
        report(0, 1, "begun")
        assert may_go_on.wait(30)
        try:
            report(1, 1, "more")
        except StoppedError:
            done.append("tidied up")
            raise

    task = asyncio.create_task(run_beside(work, lambda *_: begun.set()))
    async with asyncio.timeout(30):
        await begun.wait()
        for _ in range(3):
            task.cancel()
            await asyncio.sleep(0)
        assert not task.done()
        may_go_on.set()
        with pytest.raises(asyncio.CancelledError):
            await task

    assert done == ["tidied up"]
