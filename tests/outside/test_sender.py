"""What the sender promises: nothing lost, nothing doubled but in its window, nobody held up."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from rpcbackend.errors import DiskFullError
from rpcbackend.outside import sender as sender_module
from rpcbackend.store import Store, Work
from rpcbackend.store.outbox import LONGEST_WAIT_SECONDS, MAX_ATTEMPTS
from rpcbackend.testing import FrozenClock
from tests.clauses import clause
from tests.factories import store_in
from tests.outside.carrying import Desk, busy, refused, sending, unreached
from tests.store.test_outbox import rows_in


@pytest.fixture
async def desk(store: Store, clock: FrozenClock) -> AsyncIterator[Desk]:
    """A store with a sender beside it; nobody carries anything yet."""
    async with sending(store, clock) as opened:
        yield opened


# What is due goes


async def test_what_is_queued_goes_at_once_and_is_told(desk: Desk) -> None:
    await desk.add()
    await desk.queue("a", "b", owner_id="stu_1")

    await desk.until_state("sent")

    rows = await rows_in(desk.store)
    assert sorted(desk.hosts["one"].received) == [row["id"] for row in rows]
    assert {row["provider_ref"] for row in rows} == {"one 1", "one 2"}
    assert sorted((await desk.told())["messages.sent"]) == [row["id"] for row in rows]


async def test_what_waits_for_its_time_goes_then(desk: Desk, clock: FrozenClock) -> None:
    await desk.add()
    await desk.queue("later", not_before_ms=clock.now_ms() + 60_000)
    await desk.go_on(59)
    assert desk.hosts["one"].tries == []

    await desk.go_on(1)

    await desk.until_state("sent")


NIGHT = ("Europe/Berlin", "21:00", "08:00")


@clause("messages-quiet-hours")
async def test_what_was_held_up_until_the_night_waits_for_the_morning(
    desk: Desk, clock: FrozenClock
) -> None:
    await desk.queue("a", quiet=NIGHT)
    await desk.queue("b", quiet=NIGHT, not_after_ms=clock.now_ms() + 20 * 3_600_000)
    await desk.queue("any time")
    await desk.go_on(14 * 3_600)

    await desk.add()
    await desk.until_state("sent", "any time")
    at_night = await desk.states()
    waits_ms = [row["not_before"] for row in await rows_in(desk.store) if row["state"] == "queued"]
    await desk.go_on(9 * 3_600)
    await desk.until_state("sent", "a")

    assert at_night == {"a": "queued", "b": "queued", "any time": "sent"}
    assert {wait_ms - clock.now_ms() for wait_ms in waits_ms} == {0}
    assert len(desk.hosts["one"].tries) == 2
    assert (await desk.states())["b"] == "cancelled"


async def test_while_nothing_is_due_the_store_is_left_alone(
    desk: Desk, clock: FrozenClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    await desk.add()
    await desk.queue("later", not_before_ms=clock.now_ms() + 60_000)
    monkeypatch.setattr(sender_module, "LOOK_SECONDS", 0.001)
    await desk.turn()
    await desk.turn()
    before = desk.store.engine.reader.facts().times.count

    # The clock is looked at.
    for _ in range(20):
        await desk.next_turn()

    assert desk.store.engine.reader.facts().times.count == before


async def test_no_more_are_on_their_way_than_a_host_takes_and_all_arrive(desk: Desk) -> None:
    one = desk.hosts["one"]
    one.holds = asyncio.Event()
    await desk.add()
    await desk.queue(*(f"key {number}" for number in range(20)))
    await one.came.wait()
    await desk.turn()
    assert one.at_once == 4

    one.holds.set()

    await desk.until_state("sent")
    assert (one.most_at_once, len(set(one.received)), len(one.tries)) == (4, 20, 20)


async def test_a_channel_that_hangs_holds_up_no_other(desk: Desk) -> None:
    desk.hosts["one"].holds = asyncio.Event()
    await desk.add()
    await desk.queue(*(f"mail {number}" for number in range(10)))
    await desk.hosts["one"].came.wait()

    await desk.queue("hook", channel="webhook")

    await desk.until_state("sent", "hook")
    desk.hosts["one"].holds.set()


async def test_ten_thousand_that_wait_are_sent_each_once(
    tmp_path: Path, clock: FrozenClock
) -> None:
    async with store_in(tmp_path, clock=clock) as store, sending(store, clock) as desk:
        later = clock.now_ms() + 3_600_000
        await desk.queue(*(f"later {number}" for number in range(10_000)), not_before_ms=later)
        await desk.queue(*(f"now {number}" for number in range(200)))
        await desk.add()

        async with asyncio.timeout(60):
            while await store.read(count_sent) < 200:
                await desk.next_turn()

        assert len(set(desk.hosts["one"].received)) == len(desk.hosts["one"].tries) == 200


async def count_sent(work: Work) -> int:
    """Count without reading those that wait."""
    sql = "SELECT count(*) AS n FROM outbox WHERE school_id = :school AND state = 'sent'"
    row = await work.tx.one(sql)
    assert row is not None
    return int(row["n"])


# What came of it


async def test_what_is_refused_is_given_up_and_told(desk: Desk) -> None:
    desk.hosts["one"].always = refused()
    await desk.add()
    await desk.queue("a")

    await desk.until_state("failed")

    row = await desk.row("a")
    assert row["failure"] == "no such user"
    assert (await desk.told())["messages.failed"] == [row["id"]]


async def test_what_may_be_taken_later_is_tried_again_by_the_same_after_the_wait(
    desk: Desk, clock: FrozenClock
) -> None:
    desk.hosts["one"].says.append(busy())
    await desk.add()
    await desk.add("two", 2)
    await desk.queue("a")
    await desk.until(lambda rows: rows["a"]["failure"] == "busy")
    row = await desk.row("a")
    # In the middle between half a minute and a minute.
    assert (row["state"], row["not_before"]) == ("queued", clock.now_ms() + 45_000)

    await desk.go_on(45)

    await desk.until_state("sent")
    assert (len(desk.hosts["one"].received), desk.hosts["two"].tries) == (1, [])


async def test_a_receiver_that_says_when_is_asked_then(desk: Desk, clock: FrozenClock) -> None:
    desk.hosts["one"].says.append(busy(120.0))
    await desk.add()
    await desk.queue("a")

    await desk.until(lambda rows: rows["a"]["failure"] == "busy")

    assert (await desk.row("a"))["not_before"] == clock.now_ms() + 120_000


async def test_a_receiver_that_always_asks_for_a_second_does_not_use_up_the_tries_in_seconds(
    desk: Desk, clock: FrozenClock
) -> None:
    desk.hosts["one"].always = busy(1.0)
    await desk.add()
    await desk.queue("a")
    began = clock.now_ms()

    for _ in range(60):
        await desk.go_on(1)

    row = await desk.row("a")
    assert row["state"] == "queued"
    assert row["attempts"] < 10
    assert clock.now_ms() - began == 60_000


async def test_what_waits_for_the_morning_holds_up_nothing_behind_it(desk: Desk) -> None:
    for number in range(30):
        await desk.queue(f"quiet {number}", quiet=NIGHT)
    await desk.queue("plain")
    await desk.go_on(14 * 3_600)

    await desk.add()

    await desk.until_state("sent", "plain")


@clause("outbox-dead-letter")
async def test_after_fourteen_tries_it_is_given_up(desk: Desk) -> None:
    desk.hosts["one"].always = busy(1.0)
    await desk.add()
    await desk.queue("a")

    for number in range(1, MAX_ATTEMPTS + 1):
        await desk.until(
            lambda rows, tries=number: (
                rows["a"]["attempts"] == tries  # type: ignore[misc]  # mypy infers no default
                and rows["a"]["state"] != "sending"
            )
        )
        await desk.go_on(LONGEST_WAIT_SECONDS)

    assert (await desk.row("a"))["state"] == "failed"
    assert len(desk.hosts["one"].tries) == MAX_ATTEMPTS


async def test_what_was_withdrawn_on_its_way_is_told_as_cancelled(desk: Desk) -> None:
    one = desk.hosts["one"]
    one.holds, one.always = asyncio.Event(), busy()
    await desk.add()
    await desk.queue("a")
    await one.came.wait()
    await desk.store.write(lambda work: work.outbox.withdraw("a"), actor="tests")

    one.holds.set()

    await desk.until_state("cancelled")
    assert (await desk.told())["messages.cancelled"] == one.tries


async def test_what_is_of_no_use_any_more_is_not_sent(desk: Desk, clock: FrozenClock) -> None:
    await desk.queue("reminder", not_after_ms=clock.now_ms() + 60_000)
    await desk.turn()
    clock.advance(60)

    await desk.add()

    await desk.until_state("cancelled")
    assert desk.hosts["one"].tries == []
    assert len((await desk.told())["messages.cancelled"]) == 1


async def test_a_bug_in_an_adapter_is_a_try_and_stops_nothing_else(desk: Desk) -> None:
    desk.hosts["one"].says.append(ZeroDivisionError())
    await desk.add()
    await desk.queue("a", "b")

    await desk.until_state("sent", "b")

    await desk.until(lambda rows: rows["a"]["failure"] == "it could not be sent: a bug")


# Nobody is reached


async def test_the_next_provider_steps_in_while_the_first_cannot_be_reached(desk: Desk) -> None:
    desk.hosts["one"].always = unreached()
    await desk.add()
    await desk.add("two", 2)
    await desk.queue("a", "b")

    await desk.until_state("sent")

    assert len(desk.hosts["two"].received) == 2
    assert desk.sender.delays.all() == []


async def test_with_nobody_reached_all_of_a_channel_waits_and_no_try_is_counted(
    desk: Desk, clock: FrozenClock
) -> None:
    one = desk.hosts["one"]
    one.always = unreached(30.0)
    await desk.add()
    await desk.queue(*(f"key {number}" for number in range(50)))
    await desk.until_unreached()
    await desk.until_state("queued")
    tried = len(one.tries)
    assert tried <= 4

    for _ in range(20):
        await desk.go_on(31)
        await desk.until_state("queued")

    # One each time, to see whether somebody is there.
    assert len(one.tries) <= tried + 20
    assert {row["attempts"] for row in await rows_in(desk.store)} == {0}
    assert [each.channel for each in desk.sender.delays.all()] == ["mail"]

    one.always = None
    await desk.go_on(31)
    await desk.until_state("sent")
    assert (len(one.received), desk.sender.delays.all()) == (50, [])
    assert clock.monotonic() > 600


async def test_whoever_asks_for_it_has_a_channel_tried_at_once(desk: Desk) -> None:
    one = desk.hosts["one"]
    one.says.append(unreached(3_600.0))
    await desk.add()
    await desk.queue("a")
    await desk.until_unreached()

    desk.sender.hurry()

    await desk.until_state("sent")


async def test_a_webhook_that_cannot_be_reached_counts_for_itself_alone(desk: Desk) -> None:
    desk.hosts["webhook"].says.append(busy())
    await desk.queue("a", channel="webhook")
    await desk.until(lambda rows: rows["a"]["failure"] is not None)

    await desk.queue("b", channel="webhook")

    await desk.until_state("sent", "b")
    assert (await desk.row("a"))["attempts"] == 1


async def test_what_only_one_may_carry_waits_for_him_and_holds_up_no_other(desk: Desk) -> None:
    pinned = await desk.add()
    await desk.add("two", 2)
    desk.hosts["one"].always = unreached()
    await desk.queue("pinned", via=pinned)
    await desk.until(lambda rows: rows["pinned"]["failure"] is not None)

    await desk.queue("free")

    await desk.until_state("sent", "free")
    assert (await desk.row("pinned"))["attempts"] == 0
    assert desk.sender.delays.all() == []


# Switched off


async def test_without_an_enabled_provider_all_waits_until_there_is_one(desk: Desk) -> None:
    off = await desk.add(is_enabled=False)
    await desk.queue("a")
    await desk.turn()
    assert [each.reason for each in desk.sender.delays.all()] == ["switched_off"]
    assert await desk.states() == {"a": "queued"}

    await desk.add(id=off, is_enabled=True, version=2)

    await desk.until_state("sent")
    assert desk.sender.delays.all() == []


async def test_a_test_goes_though_its_provider_is_not_enabled_and_is_tried_once(
    desk: Desk,
) -> None:
    off = await desk.add(is_enabled=False)
    desk.hosts["one"].says.append(unreached())
    await desk.queue("other")
    await desk.queue("test", via=off, template="providers.test")
    await desk.until_state("failed", "test")
    assert (await desk.row("test"))["failure"] == "cannot be reached"

    await desk.queue("again", via=off, template="providers.test")

    await desk.until_state("sent", "again")
    assert (await desk.states())["other"] == "queued"


async def test_a_test_that_arrives_has_a_channel_tried_that_could_not_be_reached(
    desk: Desk,
) -> None:
    only = await desk.add()
    desk.hosts["one"].says.append(unreached(3_600.0))
    await desk.queue("a")
    await desk.until_unreached()

    await desk.queue("test", via=only, template="providers.test")

    await desk.until_state("sent")


async def test_other_settings_hold_for_the_next_message(desk: Desk) -> None:
    only = await desk.add()
    await desk.queue("a")
    await desk.until_state("sent")

    await desk.add("two", id=only, version=2)
    await desk.queue("b")

    await desk.until_state("sent")
    assert (len(desk.hosts["one"].received), len(desk.hosts["two"].received)) == (1, 1)
    assert desk.hosts["one"].closed == 1


# Ends


async def test_what_is_on_its_way_at_the_end_is_let_arrive_and_marked(desk: Desk) -> None:
    one = desk.hosts["one"]
    one.holds = asyncio.Event()
    await desk.add()
    await desk.queue("a")
    await one.came.wait()
    closing = asyncio.ensure_future(desk.sender.close())

    one.holds.set()
    await closing

    assert await desk.states() == {"a": "sent"}
    assert one.closed == 1


async def test_what_does_not_arrive_in_time_counts_as_a_try_and_waits_for_the_next_process(
    desk: Desk,
) -> None:
    one = desk.hosts["one"]
    one.holds = asyncio.Event()
    only = await desk.add()
    await desk.queue("a")
    await one.came.wait()

    await desk.sender.close(seconds=0.01)

    row = await desk.row("a")
    assert (row["state"], row["attempts"], row["via"]) == ("queued", 1, only)
    one.holds = None
    again = desk.new_sender()
    again.welcome(desk.store)
    await desk.until_state("sent")
    await again.close()
    assert one.received == [row["id"]]


@clause("outbox-at-least-once", "outbox-leases")
async def test_what_a_process_had_that_died_is_sent_by_the_next(
    store: Store, clock: FrozenClock
) -> None:
    desk = Desk(store, clock)
    await desk.add()
    await desk.queue("dead", "unmarked")

    async def as_if_it_died(work: Work) -> None:
        epoch = await work.outbox.begin_epoch()
        await work.due.lease(epoch, room={"mail": 2})

    await store.write(as_if_it_died, actor="tests")
    assert set((await desk.states()).values()) == {"sending"}

    # Though nothing else is due.
    desk.sender.welcome(store)

    await desk.until_state("sent")
    await desk.sender.close()


async def test_a_store_that_cannot_be_written_is_tried_again_and_nothing_is_sent_twice(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sender_module, "RETRY_SECONDS", 0.01)
    one, write, fails = desk.hosts["one"], desk.store.write, [True, True]

    async def full(unit: object, *, actor: str) -> object:
        if actor == "sender" and one.tries and fails:
            fails.pop()
            raise DiskFullError
        return await write(unit, actor=actor)  # type: ignore[arg-type]  # as it comes

    monkeypatch.setattr(desk.store, "write", full)
    await desk.add()
    await desk.queue("a", "b")

    await desk.until_state("sent")

    assert not fails
    assert len(one.tries) == 2


async def test_in_a_store_that_was_restored_it_goes_on(desk: Desk) -> None:
    await desk.add()
    await desk.queue("a")
    await desk.until_state("sent")

    desk.sender.welcome(desk.store)
    await desk.queue("b")

    await desk.until_state("sent")
    assert len(desk.store.on_outgoing) == 1
