"""How many answers are remembered, for how long, and who waits for whose look-up."""

import asyncio

import pytest

from rpcbackend.resilience.answers import LARGEST_PART, OVERHEAD_BYTES, Answer, Answers
from rpcbackend.testing import FrozenClock

HOUR = 3_600.0


def make_answers(clock: FrozenClock, max_bytes: int = 1_000_000) -> Answers:
    return Answers(max_bytes=max_bytes, ttl_seconds=HOUR, now=clock.monotonic)


def answer(text: str = "", revision: int = 1) -> Answer:
    return Answer(revision, "rev", text.encode())


class LookUp:
    """Comes to its end when the test says so, and counts how often it began."""

    def __init__(self) -> None:
        self.begun = 0
        self.end = asyncio.Event()
        self.failure: Exception | None = None

    async def __call__(self) -> Answer:
        """Wait, and answer which time it is."""
        self.begun += 1
        number = self.begun
        await self.end.wait()
        if self.failure is not None:
            raise self.failure
        return answer(str(number))


def test_an_answer_is_found_at_its_revision_alone(clock: FrozenClock) -> None:
    answers = make_answers(clock)
    answers.keep("a", answer("one", revision=4))

    assert answers.find("a", 4) == answer("one", revision=4)
    assert answers.find("a", 3) is None
    assert answers.find("a", 5) is None
    assert answers.find("b", 4) is None


def test_after_its_time_an_answer_is_forgotten_though_nothing_changed(clock: FrozenClock) -> None:
    answers = make_answers(clock)
    answers.keep("a", answer())

    clock.advance(HOUR - 1)
    assert answers.find("a", 1) is not None
    clock.advance(1)
    assert answers.find("a", 1) is None


def test_the_one_that_was_asked_for_least_recently_has_to_go(clock: FrozenClock) -> None:
    answers = make_answers(clock, max_bytes=10 * OVERHEAD_BYTES)
    for number in range(10):
        answers.keep(number, answer())
    assert answers.find(0, 1) is not None

    answers.keep("new", answer())

    assert [number for number in range(10) if answers.find(number, 1) is None] == [1]
    assert answers.figures()[4:] == (1, 10, 10 * OVERHEAD_BYTES)


def test_one_very_large_answer_does_not_push_out_all_others(clock: FrozenClock) -> None:
    answers = make_answers(clock, max_bytes=LARGEST_PART * 2 * OVERHEAD_BYTES)
    answers.keep("small", answer("x" * OVERHEAD_BYTES))
    answers.keep("large", answer("x" * (OVERHEAD_BYTES + 1)))

    assert answers.find("small", 1) is not None
    assert answers.find("large", 1) is None


async def test_equal_questions_at_the_same_time_are_looked_up_once(clock: FrozenClock) -> None:
    answers, look_up = make_answers(clock), LookUp()
    asking = [asyncio.create_task(answers.ask("a", 1, look_up)) for _ in range(5)]
    await asyncio.sleep(0)

    look_up.end.set()

    assert await asyncio.gather(*asking) == [answer("1")] * 5
    assert look_up.begun == 1
    assert answers.find("a", 1) == answer("1")
    assert (answers.figures().misses, answers.figures().shared) == (1, 4)


@pytest.mark.parametrize(("key", "revision"), [("b", 1), ("a", 2)], ids=["other key", "later"])
async def test_other_questions_and_later_states_are_looked_up_anew(
    clock: FrozenClock, key: str, revision: int
) -> None:
    answers, first, second = make_answers(clock), LookUp(), LookUp()
    earlier = asyncio.create_task(answers.ask("a", 1, first))
    await asyncio.sleep(0)

    later = asyncio.create_task(answers.ask(key, revision, second))
    await asyncio.sleep(0)

    assert (first.begun, second.begun) == (1, 1)
    for look_up in (second, first):
        look_up.end.set()
    await asyncio.gather(earlier, later)


async def cancel(task: "asyncio.Task[Answer]") -> None:
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_when_the_first_is_cancelled_the_next_one_looks_up(clock: FrozenClock) -> None:
    answers, first, second = make_answers(clock), LookUp(), LookUp()
    leader = asyncio.create_task(answers.ask("a", 1, first))
    await asyncio.sleep(0)
    others = [asyncio.create_task(answers.ask("a", 1, second)) for _ in range(3)]
    await asyncio.sleep(0)
    assert second.begun == 0

    await cancel(leader)
    second.end.set()

    assert await asyncio.gather(*others) == [answer("1")] * 3
    assert second.begun == 1


async def test_when_the_first_fails_all_others_look_up_at_once(clock: FrozenClock) -> None:
    answers, first, second = make_answers(clock), LookUp(), LookUp()
    leader = asyncio.create_task(answers.ask("a", 1, first))
    await asyncio.sleep(0)
    others = [asyncio.create_task(answers.ask("a", 1, second)) for _ in range(3)]
    await asyncio.sleep(0)
    first.failure = second.failure = KeyError()

    first.end.set()
    with pytest.raises(KeyError):
        await leader
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    # None of them has ended.
    assert second.begun == 3
    second.end.set()

    assert [type(end) for end in await asyncio.gather(*others, return_exceptions=True)] == [
        KeyError
    ] * 3
    assert answers.figures().answers == 0


async def test_whoever_only_waits_and_is_cancelled_takes_nobody_down(clock: FrozenClock) -> None:
    answers, look_up = make_answers(clock), LookUp()
    leader, waiting, other = (asyncio.create_task(answers.ask("a", 1, look_up)) for _ in range(3))
    await asyncio.sleep(0)

    await cancel(waiting)
    look_up.end.set()

    assert await leader == await other == answer("1")
