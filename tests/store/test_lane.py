"""A queue in front of one thread: batches in, outcomes out, nobody forgotten."""

import asyncio
import queue
import threading
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import pytest

from rpcbackend.errors import ShuttingDownError
from rpcbackend.store.lane import Job, Lane, Outcome, Results
from tests.clauses import clause

SECONDS = 30.0
CONNECTION = object()


class Worker:
    """A thread that calls what is posted, as a connection's does."""

    def __init__(self) -> None:
        self._posted: queue.SimpleQueue[Callable[[Any], None] | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def post(self, function: Callable[[Any], None]) -> None:
        """Call it on the thread, after what was posted before."""
        self._posted.put(function)

    async def run(self, function: Callable[[Any], None]) -> None:
        """Do the same and wait until it has returned."""
        loop, done = asyncio.get_running_loop(), asyncio.Event()

        def then_tell(connection: Any) -> None:
            function(connection)
            loop.call_soon_threadsafe(done.set)

        self.post(then_tell)
        await done.wait()

    def stop(self) -> None:
        """End the thread."""
        self._posted.put(None)
        self._thread.join(SECONDS)

    def _run(self) -> None:
        while (function := self._posted.get()) is not None:
            function(CONNECTION)


@pytest.fixture
def worker() -> Iterator[Worker]:
    """A running thread."""
    running = Worker()
    yield running
    running.stop()


helper = worker
"""Another one."""


class Batches:
    """Run jobs one by one and note how they came."""

    def __init__(self) -> None:
        self.sizes: list[int] = []
        self.order: list[Any] = []

    def run(self, connection: Any, jobs: Iterable[Job], results: Results) -> None:
        """Take a batch, as the engine does."""
        assert connection is CONNECTION
        self.sizes.append(0)
        for job in jobs:
            self.sizes[-1] += 1
            self.order.append(job.run(connection))
            results.add(Outcome(job, value=self.order[-1]))


def returns(value: Any) -> Job:
    return Job(lambda _: value)


async def results_of(jobs: list[Job]) -> list[Any]:
    async with asyncio.timeout(SECONDS):
        return await asyncio.gather(*(job.future for job in jobs), return_exceptions=True)


async def test_jobs_that_wait_are_taken_in_batches_in_their_order(worker: Worker) -> None:
    batches, may_begin = Batches(), threading.Event()
    worker.post(lambda _: hold_until(may_begin))
    lane = Lane([worker], batches.run, batch=4)
    jobs = [returns(number) for number in range(10)]
    for job in jobs:
        lane.put(job)
    may_begin.set()

    assert await results_of(jobs) == list(range(10))
    assert batches.order == list(range(10))
    assert batches.sizes == [4, 4, 2]


def hold_until(event: threading.Event) -> None:
    assert event.wait(SECONDS)


async def test_quick_jobs_are_all_done_by_the_first_thread(worker: Worker, helper: Worker) -> None:
    lane = Lane([worker, helper], Batches().run, batch=4, now=lambda: 0.0)
    jobs = [Job(lambda _: threading.get_ident()) for _ in range(20)]

    for job in jobs:
        lane.put(job)

    assert len(set(await results_of(jobs))) == 1


async def test_another_thread_does_what_waits_for_one_that_is_slow(
    worker: Worker, helper: Worker
) -> None:
    loop, began, may_end = asyncio.get_running_loop(), asyncio.Event(), threading.Event()
    passed = 0.0

    def hold(_: Any) -> None:
        loop.call_soon_threadsafe(began.set)
        hold_until(may_end)

    lane = Lane([worker, helper], Batches().run, batch=1, now=lambda: passed)
    slow, waiting, later = Job(hold), returns("waits"), returns("later")
    lane.put(slow)
    async with asyncio.timeout(SECONDS):
        await began.wait()
    lane.put(waiting)

    passed += 1.0

    assert await results_of([waiting]) == ["waits"]
    lane.put(later)
    assert await results_of([later]) == ["later"]
    may_end.set()
    assert await results_of([slow]) == [None]


async def test_a_lane_knows_what_waits_and_how_its_batches_were(
    worker: Worker, helper: Worker
) -> None:
    passed = iter(range(1_000_000))
    may_begin = threading.Event()
    worker.post(lambda _: hold_until(may_begin))
    lane = Lane([worker, helper], Batches().run, batch=4, now=lambda: next(passed) / 1_000_000)
    lane.put(returns(0))
    lane.hold()
    jobs = [returns(number) for number in range(6)]
    for job in jobs:
        lane.put(job)

    assert (lane.facts().waiting, lane.facts().times.count) == (7, 0)
    lane.resume()
    may_begin.set()
    await results_of(jobs)
    await lane.drain()

    facts = lane.facts()
    assert (facts.waiting, facts.sizes) == (0, [0, 0, 0, 1, 1])
    assert facts.times.count == 2
    assert facts.times.total > 0


async def test_a_lane_serves_again_after_it_ran_dry(worker: Worker) -> None:
    lane = Lane([worker], Batches().run, batch=4)

    for number in range(200):
        job = returns(number)
        lane.put(job)
        assert await results_of([job]) == [number]

    async with asyncio.timeout(SECONDS):
        await lane.drain()


async def test_jobs_from_many_tasks_all_get_their_outcome(worker: Worker) -> None:
    lane = Lane([worker], Batches().run, batch=16)

    async def ask(number: int) -> int:
        job = returns(number)
        for _ in range(number % 5):
            await asyncio.sleep(0)
        lane.put(job)
        result: int = await job.future
        return result

    async with asyncio.timeout(SECONDS):
        assert await asyncio.gather(*map(ask, range(1_000))) == list(range(1_000))


async def test_a_job_that_waits_can_be_withdrawn_and_one_that_runs_cannot(worker: Worker) -> None:
    batches, began = Batches(), asyncio.Event()
    loop, may_end = asyncio.get_running_loop(), threading.Event()

    def hold(_: Any) -> str:
        loop.call_soon_threadsafe(began.set)
        hold_until(may_end)
        return "held"

    lane = Lane([worker], batches.run, batch=4)
    running, waiting, last = Job(hold), returns("withdrawn"), returns("last")
    lane.put(running)
    async with asyncio.timeout(SECONDS):
        await began.wait()
    lane.put(waiting)
    lane.put(last)

    assert not lane.withdraw(running)
    assert lane.withdraw(waiting)
    assert not lane.withdraw(waiting)
    may_end.set()

    assert await results_of([running, last]) == ["held", "last"]
    assert batches.order == ["held", "last"]
    assert not waiting.future.done()


async def test_what_the_batch_raises_is_the_outcome_of_those_that_were_begun_and_have_none(
    worker: Worker,
) -> None:
    def run_one_then_fail(_: Any, jobs: Iterable[Job], results: Results) -> None:
        batch = list(jobs)
        results.add(Outcome(batch[0], value="first"))
        raise LookupError("no")

    may_begin = threading.Event()
    worker.post(lambda _: hold_until(may_begin))
    lane = Lane([worker], run_one_then_fail, batch=4)
    jobs = [returns(0), returns(1)]
    for job in jobs:
        lane.put(job)
    may_begin.set()

    ends = await results_of(jobs)

    assert [type(end) for end in ends] == [str, LookupError]
    again = returns(2)
    lane.put(again)
    assert await results_of([again]) == ["first"]


async def test_a_batch_that_fails_before_its_first_job_answers_every_job(worker: Worker) -> None:
    def fail_at_once(*_: Any) -> None:
        raise LookupError("no")

    lane = Lane([worker], fail_at_once, batch=4)
    jobs = [returns(number) for number in range(10)]
    for job in jobs:
        lane.put(job)

    assert [type(end) for end in await results_of(jobs)] == [LookupError] * 10


async def test_a_job_that_fails_raises_its_own_error(worker: Worker) -> None:
    def fail_all(_: Any, jobs: Iterable[Job], results: Results) -> None:
        for job in jobs:
            results.add(Outcome(job, error=LookupError("no")))

    lane = Lane([worker], fail_all, batch=4)
    job = returns(0)
    lane.put(job)

    assert [type(end) for end in await results_of([job])] == [LookupError]


async def test_an_outcome_that_nobody_waits_for_any_more_is_dropped(worker: Worker) -> None:
    lane = Lane([worker], Batches().run, batch=4)
    given_up, last = returns("given up"), returns("last")
    lane.put(given_up)
    given_up.future.cancel()
    lane.put(last)

    ends = await results_of([given_up, last])

    assert [type(ends[0]), ends[1]] == [asyncio.CancelledError, "last"]


async def test_a_slow_batch_sends_its_first_outcomes_ahead(worker: Worker) -> None:
    may_end = threading.Event()

    def first_is_slow(_: Any, jobs: Iterable[Job], results: Results) -> None:
        for job in jobs:
            # More than the half millisecond for which outcomes wait for company.
            threading.Event().wait(0.001)
            results.add(Outcome(job, value="sent"))
        hold_until(may_end)

    lane = Lane([worker], first_is_slow, batch=4)
    jobs = [returns(number) for number in range(3)]
    for job in jobs:
        lane.put(job)

    try:
        async with asyncio.timeout(SECONDS):
            assert await jobs[0].future == "sent"
    finally:
        may_end.set()
    assert await results_of(jobs) == ["sent"] * 3


async def test_after_each_batch_a_lane_is_told_whether_anything_waits(worker: Worker) -> None:
    told: list[tuple[Any, bool]] = []
    may_begin = threading.Event()
    worker.post(lambda _: hold_until(may_begin))
    lane = Lane([worker], Batches().run, batch=2, after_batch=lambda *args: told.append(args))
    jobs = [returns(number) for number in range(5)]
    for job in jobs:
        lane.put(job)
    may_begin.set()

    async with asyncio.timeout(SECONDS):
        await lane.drain()

    assert await results_of(jobs) == [0, 1, 2, 3, 4]
    assert told == [(CONNECTION, False), (CONNECTION, False), (CONNECTION, True)]


async def test_what_comes_after_a_batch_holds_up_no_reply_of_it(worker: Worker) -> None:
    may_end = threading.Event()
    lane = Lane([worker], Batches().run, batch=2, after_batch=lambda *_: hold_until(may_end))
    job = returns("sent")
    lane.put(job)

    try:
        assert await results_of([job]) == ["sent"]
    finally:
        may_end.set()


async def test_a_lane_goes_on_when_what_comes_after_a_batch_fails(worker: Worker) -> None:
    def fail(*_: Any) -> None:
        raise OSError("stale")

    lane = Lane([worker], Batches().run, batch=2, after_batch=fail)

    for number in range(3):
        job = returns(number)
        lane.put(job)
        assert await results_of([job]) == [number]


async def test_a_job_that_hangs_on_one_thread_holds_up_nobody_while_another_is_free() -> None:
    workers = [Worker(), Worker()]
    may_begin, may_end = threading.Event(), threading.Event()
    for worker in workers:
        worker.post(lambda _: hold_until(may_begin))
    lane = Lane(workers, Batches().run, batch=16)
    hanging, quick = Job(lambda _: hold_until(may_end)), [returns(n) for n in range(40)]
    for job in [hanging, *quick]:
        lane.put(job)
    may_begin.set()

    try:
        assert await results_of(quick) == list(range(40))
        late = returns("late")
        lane.put(late)
        assert await results_of([late]) == ["late"]
    finally:
        may_end.set()
        async with asyncio.timeout(SECONDS):
            await lane.drain()
        for worker in workers:
            worker.stop()
    assert await results_of([hanging]) == [None]


async def test_a_job_never_joins_a_batch_that_began_before_it_came(worker: Worker) -> None:
    """The batch may look at a state that is older than what the job's caller was told."""
    batches, began, may_end = Batches(), asyncio.Event(), threading.Event()
    loop = asyncio.get_running_loop()

    def hold(_: Any) -> None:
        loop.call_soon_threadsafe(began.set)
        hold_until(may_end)

    lane = Lane([worker], batches.run, batch=16)
    first, later = Job(hold), returns("later")
    lane.put(first)
    async with asyncio.timeout(SECONDS):
        await began.wait()
    lane.put(later)
    may_end.set()

    assert await results_of([first, later]) == [None, "later"]
    assert batches.sizes == [1, 1]


def test_a_thread_outlives_the_loop_that_waited_for_it(worker: Worker) -> None:
    began, may_end, ended = threading.Event(), threading.Event(), threading.Event()

    def hold(_: Any) -> None:
        began.set()
        hold_until(may_end)

    async def put_and_leave() -> None:
        Lane([worker], Batches().run, batch=1).put(Job(hold))

    asyncio.run(put_and_leave())
    assert began.wait(SECONDS)
    may_end.set()
    worker.post(lambda _: ended.set())

    assert ended.wait(SECONDS)


async def test_draining_waits_for_all_that_was_put(worker: Worker) -> None:
    batches = Batches()
    lane = Lane([worker], batches.run, batch=4)
    jobs = [returns(number) for number in range(50)]
    for job in jobs:
        lane.put(job)

    async with asyncio.timeout(SECONDS):
        await lane.drain()

    assert batches.order == list(range(50))
    assert await results_of(jobs) == list(range(50))


@clause("rekey-holds-calls")
async def test_what_is_put_while_a_lane_is_held_begins_when_it_resumes_and_in_its_order(
    worker: Worker,
) -> None:
    batches = Batches()
    lane = Lane([worker], batches.run, batch=4)
    before, held, after = (
        [returns(number) for number in numbers]
        for numbers in (range(5), range(5, 10), range(10, 15))
    )
    for job in before:
        lane.put(job)
    lane.hold()
    for job in held:
        lane.put(job)

    async with asyncio.timeout(SECONDS):
        await lane.drain()

    assert batches.order == [0, 1, 2, 3, 4]
    assert lane.withdraw(held[1])
    lane.resume()
    for job in after:
        lane.put(job)
    assert await results_of([*held[:1], *held[2:], *after]) == [5, *range(7, 15)]
    assert batches.order == [*range(6), *range(7, 15)]
    assert not lane.withdraw(held[1])


async def test_a_lane_that_was_stopped_takes_no_job_and_looks_after_none(worker: Worker) -> None:
    lane = Lane([worker], Batches().run, batch=4)
    last = returns("last")
    lane.put(last)
    async with asyncio.timeout(SECONDS):
        await lane.drain()

    lane.stop()

    with pytest.raises(ShuttingDownError):
        lane.put(returns("late"))
    assert await results_of([last]) == ["last"]
