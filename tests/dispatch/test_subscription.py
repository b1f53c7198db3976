"""What a subscriber gets: every event of its types, in order, from where it left off."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import orjson
import pytest

from rpcbackend.dispatch import subscription as subscription_module
from rpcbackend.dispatch.subscription import Subscription
from rpcbackend.errors import OutcomeUnknownError
from rpcbackend.store import EVERYTHING, Command, Origin, Sight, Store, Work, restore, sight_of
from rpcbackend.store import events as events_module
from tests.clauses import clause
from tests.factories import store_in
from tests.store.gate import Gate

PEOPLE = Sight(areas=frozenset({"students", "lessons"}))
"""Of those who may read everybody's rows, but nothing of who may sign in."""
STUDENT = sight_of("stu_1", PEOPLE.areas)


class Subscriber:
    """Notes what it is sent."""

    def __init__(
        self,
        store: Store,
        after_seq: int = 0,
        types: Sequence[str] = (),
        standing: "Standing | None" = None,
    ) -> None:
        self.events: list[Any] = []
        self.reads = asyncio.Event()
        self.reads.set()
        self._grew = asyncio.Event()
        self.subscription = Subscription(
            store,
            standing or Standing(),
            types=types,
            after_seq=after_seq,
            subscriber=self,
        )
        self._running = asyncio.ensure_future(self.subscription.run())

    async def until(self, count: int) -> list[int]:
        """Wait for *count* events and return the numbers of all."""
        async with asyncio.timeout(30):
            while len(self.events) < count:
                self._grew.clear()
                await self._grew.wait()
        return [event["seq"] for event in self.events]

    async def stop(self) -> None:
        """End it and wait for its end."""
        self.subscription.stop()
        await self.ended()

    async def ended(self) -> None:
        """Wait for its end."""
        async with asyncio.timeout(30):
            await self._running

    async def writable(self) -> None:
        """Read everything at once, unless told to stop reading."""
        await self.reads.wait()

    def notify(self, channel: str, params: bytes) -> None:
        """Take an event."""
        assert channel == "event"
        self.events.append(orjson.loads(params))
        self._grew.set()


class Standing:
    """What the subscriber may see, until the test says otherwise."""

    def __init__(self, sight: Sight | None = EVERYTHING) -> None:
        self.now = sight
        self.is_remembered = True

    def known(self) -> Sight | None:
        """Return it at once."""
        return self.now if self.is_remembered else None

    async def sight(self) -> Sight | None:
        """Look it up."""
        self.is_remembered = True
        return self.now


@pytest.fixture
async def subscribers(store: Store) -> AsyncIterator[list[Subscriber]]:
    """Subscribers to stop at the end, before their store closes."""
    made: list[Subscriber] = []
    before = list(store.on_commit)
    yield made
    for each in made:
        await each.stop()
    assert store.on_commit == before


async def record(store: Store, *types: str) -> None:
    """Leave an event of each type, in one transaction."""

    async def unit(work: Work) -> None:
        for type_ in types:
            await work.record(type_, ("student", "stu_1", 1), {"studentId": "stu_1"})

    await store.write(unit, actor="test")


@clause("event-members")
async def test_a_subscriber_at_the_head_gets_only_what_comes(
    store: Store, subscribers: list[Subscriber]
) -> None:
    await record(store, "students.created", "students.updated")
    subscriber = Subscriber(store, after_seq=2)
    subscribers.append(subscriber)

    await record(store, "students.paused")

    assert await subscriber.until(1) == [3]
    (event,) = subscriber.events
    event.pop("id")
    assert event == {
        "seq": 3,
        "type": "students.paused",
        "at": "2026-11-23T08:00:00.000Z",
        "actor": "test",
        "aggregate": {"type": "student", "id": "stu_1", "version": 1},
        "data": {"studentId": "stu_1"},
    }


@clause("event-resume", "event-in-order")
async def test_a_subscriber_that_was_away_gets_what_it_missed_and_then_what_comes(
    store: Store, subscribers: list[Subscriber]
) -> None:
    await record(store, *["students.created"] * 3)
    subscriber = Subscriber(store, after_seq=1)
    subscribers.append(subscriber)
    assert await subscriber.until(2) == [2, 3]

    await record(store, "students.updated", "students.paused")

    assert await subscriber.until(4) == [2, 3, 4, 5]


@clause("event-types")
async def test_a_subscriber_gets_only_its_types(
    store: Store, subscribers: list[Subscriber]
) -> None:
    await record(store, "students.created", "students.updated", "students.created")
    subscriber = Subscriber(store, types=("students.created", "students.paused"))
    subscribers.append(subscriber)

    await record(store, "students.updated", "students.paused")

    assert await subscriber.until(3) == [1, 3, 5]


@clause("event-in-order")
async def test_more_events_than_a_page_arrive_in_order_and_whole(
    store: Store, subscribers: list[Subscriber], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(subscription_module, "PAGE", 3)
    await record(store, *["students.created", "students.updated"] * 5)
    everything, half = Subscriber(store), Subscriber(store, types=("students.updated",))
    subscribers += [everything, half]

    assert await everything.until(10) == list(range(1, 11))
    assert await half.until(5) == [2, 4, 6, 8, 10]


@clause("event-after-commit")
async def test_a_subscriber_never_hears_of_what_was_taken_back_or_whose_commit_failed(
    store: Store, subscribers: list[Subscriber]
) -> None:
    subscriber = Subscriber(store)
    subscribers.append(subscriber)

    async def breaks(work: Work) -> None:
        await work.record("students.broken", ("student", "stu_1", 1), {})
        raise LookupError

    async def breaks_the_commit(work: Work) -> None:
        await work.record("students.lost", ("student", "stu_1", 1), {})
        await work.tx.run("PRAGMA defer_foreign_keys = ON")
        await work.tx.run(
            "INSERT INTO vehicles VALUES (:school, 'veh', 'nowhere', 'P', 'VW', 'Golf', '[]',"
            " 'manual', 'active', 1)"
        )

    async def tries(work: Work) -> None:
        await work.record("students.tried", ("student", "stu_1", 1), {})

    await record(store, "students.created")
    with pytest.raises(LookupError):
        await store.write(breaks, actor="test")
    with pytest.raises(OutcomeUnknownError):
        await store.write(breaks_the_commit, actor="test")
    await store.write(tries, actor="test", keep=False)
    await record(store, "students.updated")

    assert await subscriber.until(2) == [1, 2]
    assert [event["type"] for event in subscriber.events] == [
        "students.created",
        "students.updated",
    ]


@clause("event-after-commit")
async def test_nobody_is_told_before_the_commit_is_durable(
    store: Store, subscribers: list[Subscriber]
) -> None:
    """Whoever looks meanwhile sees the state before."""
    subscriber, gate = Subscriber(store), Gate()
    subscribers.append(subscriber)
    told: list[int] = []
    tell = partial(told.append, 1)
    store.on_commit.append(tell)

    async def slow(work: Work) -> None:
        await work.record("students.created", ("student", "stu_1", 1), {})
        await gate.hold(work)

    writing = asyncio.ensure_future(store.write(slow, actor="test"))
    await gate.entered()
    for _ in range(20):
        await asyncio.sleep(0)
    assert (told, subscriber.events, store.head_seq) == ([], [], 0)

    gate.open()

    await writing
    assert await subscriber.until(1) == [1]
    assert told == [1]
    store.on_commit.remove(tell)


async def test_a_stopped_subscriber_gets_nothing_more(store: Store) -> None:
    before = list(store.on_commit)
    subscriber = Subscriber(store)
    await record(store, "students.created")
    await subscriber.until(1)

    await subscriber.stop()
    await record(store, "students.updated")

    assert await subscriber.until(1) == [1]
    assert store.on_commit == before


async def test_a_subscription_that_is_replaced_on_its_way_sends_nothing_more(
    store: Store,
) -> None:
    """Else the events of two streams would come mixed, out of order."""
    await record(store, "students.created")
    subscriber = Subscriber(store)
    subscriber.reads.clear()
    await asyncio.sleep(0)

    subscriber.subscription.stop()
    subscriber.reads.set()
    await subscriber.stop()

    assert subscriber.events == []


async def test_a_stopped_subscription_looks_at_no_store_that_was_closed_meanwhile(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    subscriber = Subscriber(store)
    subscriber.reads.clear()
    await record(store, "students.created")
    subscriber.subscription.stop()

    def fails(*_: object) -> Any:
        raise AssertionError("it was read")

    monkeypatch.setattr(store, "read", fails)
    subscriber.reads.set()
    await subscriber.ended()

    assert subscriber.events == []


async def test_a_subscriber_stopped_before_it_began_ends_at_once(store: Store) -> None:
    subscriber = Subscriber(store)

    await subscriber.stop()

    assert subscriber.events == []


@clause("event-at-the-reader-s-pace")
async def test_a_subscriber_who_does_not_read_gets_nothing_until_he_does(store: Store) -> None:
    await record(store, "students.created")
    slow = Subscriber(store)
    slow.reads.clear()
    fast = Subscriber(store)
    await fast.until(1)
    assert slow.events == []

    slow.reads.set()

    assert await slow.until(1) == [1]
    await slow.stop()
    await fast.stop()


async def test_a_stream_that_cannot_be_read_once_is_read_again(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(subscription_module, "RETRY_SECONDS", 0)
    await record(store, "students.created")
    failures = iter([RuntimeError("the disk hiccups")])
    read = store.read

    async def read_or_fail(unit: Any, **how: Any) -> Any:
        for failure in failures:
            raise failure
        return await read(unit, **how)

    monkeypatch.setattr(store, "read", read_or_fail)
    subscriber = Subscriber(store)

    assert await subscriber.until(1) == [1]
    await subscriber.stop()


# What may be seen


async def test_a_subscriber_gets_what_he_may_see_however_much_lies_between(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(events_module, "LOOKED_AT", 2)
    await record(store, *["students.created"] * 7, "users.created", "students.created")
    own = Subscriber(store, standing=Standing(sight_of("ins_1")))
    people = Subscriber(store, standing=Standing(PEOPLE))

    assert await people.until(8) == [1, 2, 3, 4, 5, 6, 7, 9]
    student = Subscriber(store, standing=Standing(STUDENT), after_seq=5)
    assert await student.until(3) == [6, 7, 9]
    assert own.events == []
    for each in (own, people, student):
        await each.stop()


async def test_who_may_see_nothing_any_more_gets_nothing_more(
    store: Store, subscribers: list[Subscriber]
) -> None:
    standing = Standing()
    subscriber = Subscriber(store, standing=standing)
    subscribers.append(subscriber)
    await record(store, "students.created")
    await subscriber.until(1)

    standing.now = None
    await record(store, "students.updated")

    await subscriber.ended()
    assert await subscriber.until(1) == [1]


async def test_a_page_that_was_read_before_the_right_was_lost_is_not_sent(
    store: Store, subscribers: list[Subscriber], monkeypatch: pytest.MonkeyPatch
) -> None:
    standing, read = Standing(), store.read

    async def read_and_lose(unit: Any, **how: Any) -> Any:
        answer = await read(unit, **how)
        standing.now = None
        return answer

    await record(store, "students.created")
    monkeypatch.setattr(store, "read", read_and_lose)
    subscriber = Subscriber(store, standing=standing)
    subscribers.append(subscriber)

    await subscriber.ended()
    assert subscriber.events == []


async def test_a_page_that_was_read_with_another_sight_is_read_again(
    store: Store, subscribers: list[Subscriber], monkeypatch: pytest.MonkeyPatch
) -> None:
    standing, read = Standing(PEOPLE), store.read
    sights = []

    async def read_and_change(unit: Any, **how: Any) -> Any:
        sights.append(how["sight"])
        answer = await read(unit, **how)
        standing.now = sight_of("stu_1")
        return answer

    await record(store, "students.created", "students.updated")
    monkeypatch.setattr(store, "read", read_and_change)
    subscriber = Subscriber(store, standing=standing)
    subscribers.append(subscriber)

    assert await subscriber.until(2) == [1, 2]
    assert sights[:2] == [PEOPLE, sight_of("stu_1")]


async def test_what_was_forgotten_meanwhile_is_asked_again(
    store: Store, subscribers: list[Subscriber]
) -> None:
    standing = Standing()
    standing.is_remembered = False
    await record(store, "students.created")

    subscriber = Subscriber(store, standing=standing)
    subscribers.append(subscriber)

    assert await subscriber.until(1) == [1]


async def test_a_restore_ends_every_subscription_with_the_event_that_tells_of_it(
    tmp_path: Path,
) -> None:
    async with store_in(tmp_path) as store:
        await record(store, *2 * ["students.created"])
        backup = await store.backup("daily")
        await record(store, *3 * ["students.created"])
        everything = Subscriber(store)
        some = Subscriber(store, after_seq=5, types=("lessons.booked",), standing=Standing(STUDENT))
        await everything.until(5)
        origin = Origin(path=backup.path, actor="usr_1", command=Command(channel="tests"))
        await restore(store, origin, lambda *_: None)
        await everything.ended()
        await some.ended()
        later = Subscriber(store, after_seq=store.restored_seq)
        await record(store, "students.created")

        assert [event["seq"] for event in everything.events] == [1, 2, 3, 4, 5, 3]
        assert everything.events[-1]["type"] == "backups.restored"
        assert [event["type"] for event in some.events] == ["backups.restored"]
        assert await later.until(1) == [4]
        await later.stop()


@pytest.mark.parametrize("is_asked_before", [True, False])
async def test_who_may_see_nothing_in_the_restored_store_is_told_of_the_restore_all_the_same(
    tmp_path: Path, *, is_asked_before: bool
) -> None:
    async with store_in(tmp_path) as store:
        backup = await store.backup("daily")
        standing = Asked() if is_asked_before else Standing()
        subscriber = Subscriber(store, standing=standing)
        origin = Origin(path=backup.path, actor="usr_1", command=Command(channel="tests"))

        async def restore_it() -> None:
            await restore(store, origin, lambda *_: None)
            standing.now = None

        if isinstance(standing, Asked):
            standing.before_answer = restore_it
        else:
            await record(store, "students.created")
            await subscriber.until(1)
            store.on_access_change.append(lambda: setattr(standing, "now", None))
            await restore_it()
        await subscriber.ended()

        assert [event["type"] for event in subscriber.events][-1:] == ["backups.restored"]


class Asked(Standing):
    """Is never remembered; something happens while it is looked up."""

    def __init__(self) -> None:
        super().__init__()
        self.is_remembered = False
        self.before_answer: Callable[[], Awaitable[None]] = _nothing

    async def sight(self) -> Sight | None:
        """Look it up, slowly."""
        await self.before_answer()
        return self.now


async def _nothing() -> None:
    """Happen."""
