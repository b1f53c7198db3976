"""What the sender promises of who goes first, and by whom: nobody is held up, nothing doubled."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from rpcbackend.outside.adapter import LeftAloneError
from rpcbackend.store import Store, Work
from rpcbackend.store.outbox import MAX_ATTEMPTS
from rpcbackend.testing import FrozenClock
from tests.clauses import clause
from tests.outside.carrying import Desk, sending, unreached


@pytest.fixture
async def desk(store: Store, clock: FrozenClock) -> AsyncIterator[Desk]:
    """A store with a sender beside it; nobody carries anything yet."""
    async with sending(store, clock) as opened:
        yield opened


# Nobody is reached with one of them


async def test_one_that_reaches_nobody_does_not_keep_its_channel_from_those_behind_it(
    desk: Desk,
) -> None:
    """Each look whether somebody is there was made with the oldest message."""
    one = desk.hosts["one"]
    one.always = unreached()
    await desk.add()
    await desk.queue("poison", "other")
    await desk.until_unreached()
    await desk.until_state("queued")
    created_ms = (await desk.row("poison"))["created_at"]
    one.always, one.away_for = None, {"poison"}
    for key in ("a", "b", "c", "d", "e"):
        await desk.queue(key)

    for _ in range(10):
        await desk.go_on(320)

    await desk.until_state("queued", "poison")
    states = await desk.states()
    del states["poison"]
    assert set(states.values()) == {"sent"}
    row = await desk.row("poison")
    assert (row["attempts"], row["failure"]) == (0, None)
    lag_ms = await desk.store.read(lambda work: work.outgoing.longest_due_ms())
    assert lag_ms == desk.clock.now_ms() - created_ms
    one.away_for = set()
    await desk.go_on(320)
    await desk.until_state("sent", "poison")


async def test_of_several_that_reached_nobody_each_has_its_turn(desk: Desk) -> None:
    one = desk.hosts["one"]
    one.always = unreached()
    await desk.add()
    await desk.queue("poison", "deadly", "good")
    for _ in range(5):
        await desk.go_on(320)
    one.always, one.away_for = None, {"poison", "deadly"}

    for _ in range(5):
        await desk.go_on(320)

    await desk.until_state("queued", "poison", "deadly")
    assert (await desk.states())["good"] == "sent"


async def test_what_is_on_its_way_when_its_channel_is_switched_off_is_the_last(desk: Desk) -> None:
    one = desk.hosts["one"]
    one.holds, one.always = asyncio.Event(), unreached()
    only = await desk.add()
    await desk.queue("a")
    await one.came.wait()
    await desk.add(id=only, is_enabled=False, version=2)
    await desk.turn()

    one.holds.set()
    await desk.until_state("queued")
    for _ in range(5):
        await desk.go_on(320)

    assert (len(one.tries), (await desk.row("a"))["lease"]) == (1, 1)
    assert [each.reason for each in desk.sender.delays.all()] == ["switched_off"]


# One alone may carry it


async def test_what_only_one_may_carry_loses_no_try_while_he_cannot_be_reached(
    desk: Desk, clock: FrozenClock
) -> None:
    one = desk.hosts["one"]
    one.always = unreached(0.1)
    pinned = await desk.add()
    await desk.add("two", 2)
    await desk.queue("pinned", via=pinned)
    await desk.until(lambda rows: rows["pinned"]["failure"] == "cannot be reached")

    waits_ms = []
    for _ in range(2 * MAX_ATTEMPTS):
        await desk.until_state("queued")
        row = await desk.row("pinned")
        waits_ms.append(row["not_before"] - clock.now_ms())
        asked = len(one.tries)
        await desk.go_on(waits_ms[-1] / 1_000)
        await desk.until(lambda _, before=asked: len(one.tries) > before)  # type: ignore[misc]  # mypy infers no default

    assert min(waits_ms) >= 15_000
    assert max(waits_ms) <= 315_000
    await desk.until_state("queued")
    assert (await desk.row("pinned"))["attempts"] == 0
    one.always = None
    await desk.go_on(315)
    await desk.until_state("sent")
    assert desk.hosts["two"].tries == []


async def test_whoever_retries_by_hand_what_one_alone_may_carry_lets_it_go_by_another(
    desk: Desk,
) -> None:
    desk.hosts["one"].says.append(ZeroDivisionError())
    await desk.add()
    await desk.add("two", 2)
    await desk.queue("a")
    await desk.until(lambda rows: rows["a"]["failure"] is not None)
    desk.hosts["one"].always = unreached()
    row = await desk.row("a")

    await desk.store.write(lambda work: work.outgoing.retry(row["id"]), actor="tests")

    await desk.until_state("sent")
    assert desk.hosts["two"].received == [row["id"]]


async def test_who_stepped_in_is_noted_only_while_it_is_on_its_way(desk: Desk) -> None:
    """A replay, which asks nobody, comes to the same store."""
    desk.hosts["one"].always = unreached()
    await desk.add()
    await desk.add("two", 2)
    await desk.queue("a")

    await desk.until_state("sent")

    assert (await desk.row("a"))["via"] is None


# A process dies


@clause("outbox-at-least-once")
@pytest.mark.parametrize("which", ["one", "two"])
async def test_what_one_may_have_when_a_process_dies_is_given_to_no_other(
    store: Store, clock: FrozenClock, which: str
) -> None:
    """Whoever goes on knows by whom it may have arrived."""
    async with sending(store, clock) as dead:
        if which == "two":
            dead.hosts["one"].always = unreached()
        has_it = dead.hosts[which]
        has_it.holds = asyncio.Event()
        await dead.add()
        await dead.add("two", 2)
        await dead.queue("a")
        async with asyncio.timeout(30):
            await has_it.came.wait()

        # From now on it is as if it were gone: it can mark nothing any more.
        next_ = Desk(store, clock)
        next_.hosts[which].always = unreached()
        next_.sender.welcome(store)
        await next_.until(lambda rows: rows["a"]["failure"] == "cannot be reached")
        next_.hosts[which].always = None
        await next_.go_on(315)
        await next_.until_state("sent")
        await next_.sender.close()
        has_it.holds.set()

    others = {"one": "two", "two": "one"}
    assert len(next_.hosts[which].received) == 1
    assert next_.hosts[others[which]].tries == []


@clause("outbox-dead-letter")
async def test_what_a_process_had_that_died_for_the_last_time_is_told_as_failed(
    store: Store, clock: FrozenClock
) -> None:
    desk = Desk(store, clock)
    await desk.add()
    await desk.queue("deadly")

    async def as_if_it_died(work: Work) -> None:
        epoch = await work.outbox.begin_epoch()
        await work.outbox.take_back(())
        await work.due.lease(epoch, room={"mail": 1, "webhook": 1})

    for _ in range(MAX_ATTEMPTS - 1):
        await store.write(as_if_it_died, actor="tests")
    await desk.queue("withdrawn", channel="webhook")
    await store.write(as_if_it_died, actor="tests")
    await store.write(lambda work: work.outbox.withdraw("withdrawn"), actor="tests")
    ids = {row: (await desk.row(row))["id"] for row in ("deadly", "withdrawn")}

    desk.sender.welcome(store)

    await desk.until_state("failed", "deadly")
    await desk.sender.close()
    told = await desk.told()
    assert told["messages.failed"] == [ids["deadly"]]
    assert told["messages.cancelled"] == [ids["withdrawn"]]


async def test_what_a_process_had_that_died_is_not_sent_when_it_is_of_no_use_any_more(
    store: Store, clock: FrozenClock
) -> None:
    desk = Desk(store, clock)
    await desk.add()
    await desk.queue("late", not_after_ms=clock.now_ms() + 60_000)

    async def as_if_it_died(work: Work) -> None:
        epoch = await work.outbox.begin_epoch()
        await work.due.lease(epoch, room={"mail": 1})

    await store.write(as_if_it_died, actor="tests")
    clock.advance(60)

    desk.sender.welcome(store)

    await desk.until(lambda rows: rows["late"]["state"] in ("sent", "cancelled"))
    await desk.sender.close()
    assert await desk.states() == {"late": "cancelled"}
    assert desk.hosts["one"].tries == []


async def test_who_stood_still_before_he_sent_anything_has_used_up_no_try(
    desk: Desk, clock: FrozenClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    write, hangs = desk.store.write, [True, True]

    async def write_and_hang(unit: Any, *, actor: str) -> Any:
        done = await write(unit, actor=actor)
        if getattr(done, "leases", None) and hangs:
            hangs.pop()
            clock.advance(9)
        return done

    monkeypatch.setattr(desk.store, "write", write_and_hang)
    await desk.add()
    await desk.queue("a")

    await desk.until_state("sent")

    row = await desk.row("a")
    assert (row["attempts"], row["lease"], row["failure"]) == (1, 3, None)
    assert len(desk.hosts["one"].tries) == 1


# One recipient is slow


async def test_a_webhook_that_is_slow_takes_the_places_of_no_other(desk: Desk) -> None:
    hook = desk.hosts["webhook"]
    hook.holds, hook.holds_only = asyncio.Event(), "slow"
    for number in range(40):
        await desk.queue(f"slow {number}", channel="webhook", recipient="slow")
    async with asyncio.timeout(30):
        await hook.came.wait()
    quick = [f"quick {number}" for number in range(5)]

    await desk.queue(*quick, channel="webhook", recipient="quick")

    await desk.until_state("sent", *quick)
    assert hook.at_once == 2
    hook.holds.set()
    await desk.until_state("sent")
    assert len(hook.tries) == 45


# One recipient is away


async def test_a_webhook_whose_host_is_left_alone_rests_and_then_is_given_all(desk: Desk) -> None:
    hook = desk.hosts["webhook"]
    hook.always = LeftAloneError(30.0)
    keys = [f"away {number}" for number in range(5)]
    await desk.queue(*keys, channel="webhook", recipient="away")
    await desk.until(lambda rows: sum(row["lease"] for row in rows.values()) == 2)
    await desk.until_state("queued")
    hook.always = None

    await desk.queue("other", channel="webhook", recipient="other")
    await desk.until_state("sent", "other")
    await desk.go_on(29)
    resting = {row["state"] for key, row in (await desk.rows()).items() if key != "other"}
    await desk.go_on(1)
    await desk.until_state("sent")

    assert resting == {"queued"}
    assert {row["attempts"] for row in (await desk.rows()).values()} == {1}


async def test_a_webhook_that_rests_is_asked_at_once_when_somebody_wants_to_know(
    desk: Desk,
) -> None:
    desk.hosts["webhook"].says.append(LeftAloneError(600.0))
    await desk.queue("a", channel="webhook")
    await desk.until(lambda rows: rows["a"]["lease"] == 1 and rows["a"]["state"] == "queued")

    desk.sender.hurry()

    await desk.until_state("sent")


# The end


async def test_an_end_amid_the_marking_of_what_was_sent_lets_it_be_marked(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Or the next process would send it once more."""
    one, write = desk.hosts["one"], desk.store.write
    marking, goes_on = asyncio.Event(), asyncio.Event()

    async def slow(*args: Any, **kwargs: Any) -> Any:
        marking.set()
        await goes_on.wait()
        return await write(*args, **kwargs)

    one.holds = asyncio.Event()
    await desk.add()
    await desk.queue("a")
    await one.came.wait()
    monkeypatch.setattr(desk.store, "write", slow)
    one.holds.set()
    await marking.wait()

    closing = asyncio.ensure_future(desk.sender.close())
    await asyncio.sleep(0)
    goes_on.set()
    await closing

    assert await desk.states() == {"a": "sent"}


async def test_an_end_waits_no_longer_for_a_store_that_does_not_answer_and_keeps_what_was_sent(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, write = desk.hosts["one"], desk.store.write
    marking = asyncio.Event()

    async def hang(*_: Any, **__: Any) -> Any:
        monkeypatch.setattr(desk.store, "write", write)
        marking.set()
        await asyncio.Event().wait()

    one.holds = asyncio.Event()
    await desk.add()
    await desk.queue("a")
    await one.came.wait()
    monkeypatch.setattr(desk.store, "write", hang)
    one.holds.set()
    await marking.wait()

    await desk.sender.close(seconds=0.01)

    assert await desk.states() == {"a": "sent"}
