"""From the stream to webhooks: nothing is missed, nothing comes twice, whatever fails between."""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from rpcbackend.app import Application
from rpcbackend.errors import DiskFullError, UnavailableError
from rpcbackend.outside import fanout
from rpcbackend.outside.fanout import AT_A_TIME, Fanout, fan_out
from rpcbackend.store import Store, Work
from rpcbackend.store import webhooks as store_of_webhooks
from rpcbackend.store.webhooks import MOST_DUE
from rpcbackend.testing import Client
from tests.factories import an_id, make_webhook, store_in
from tests.store.test_outbox import rows_in

TYPES = ("lessons.booked", "lessons.cancelled", "students.created")

STEPS = some.lists(
    some.one_of(
        some.tuples(some.just("happen"), some.sampled_from(TYPES)),
        some.tuples(some.just("want"), some.sets(some.sampled_from(TYPES), min_size=1)),
        some.tuples(some.just("look"), some.sampled_from(["whole", "fails"])),
    ),
    max_size=40,
)


class Halted(Exception):  # noqa: N818 (a process that died is no error of anybody's)
    """The process ended before the commit."""


async def happen(store: Store, *types: str, data: dict[str, Any] | None = None) -> None:
    """Leave events of these types."""

    async def unit(work: Work) -> None:
        for each in types:
            await work.record(each, ("lesson", an_id("les"), 1), data or {})

    await store.write(unit, actor="tests")


async def want(store: Store, number: int, *types: str) -> None:
    """Add a webhook."""

    async def unit(work: Work) -> None:
        webhook = make_webhook(number, types=sorted(types))
        await work.webhooks.put(webhook, after_seq=await work.events.head_seq(), secret=None)
        await work.record("webhooks.saved", ("webhook", webhook.id, 1), {})

    await store.write(unit, actor="tests")


async def look(store: Store, how: str) -> None:
    """Give webhooks what they want, or die before it is durable."""

    async def unit(work: Work) -> bool:
        has_more = await fan_out(work)
        if how == "fails":
            raise Halted
        return has_more

    try:
        while await store.write(unit, actor="tests"):
            pass
    except Halted:
        pass


async def given_to(store: Store) -> dict[str, list[int]]:
    """Return the numbers of the events that were queued for each webhook, in order."""
    found = defaultdict[str, list[int]](list)
    for row in sorted(await rows_in(store), key=lambda row: str(row["id"])):
        found[row["recipient"]].append(orjson.loads(row["payload"])["seq"])
    return dict(found)


@pytest.fixture
async def alone() -> AsyncIterator[Store]:
    """A store that no application follows."""
    async with store_in(None) as store:
        yield store


@settings(max_examples=60)
@given(steps=STEPS)
def test_each_webhook_is_given_what_it_wants_once_and_in_order_whatever_fails(
    steps: list[tuple[str, Any]],
) -> None:
    asyncio.run(_check(steps))


async def _check(steps: list[tuple[str, Any]]) -> None:
    stream: list[str] = []
    wanted: list[tuple[int, set[str]]] = []
    async with store_in(None) as store:
        for step, what in steps:
            if step == "happen":
                stream.append(what)
                await happen(store, what)
            elif step == "want":
                await want(store, len(wanted), *what)
                wanted.append((len(stream), what))
                stream.append("webhooks.saved")
            else:
                await look(store, what)
        await look(store, "whole")

        assert await given_to(store) == {
            an_id("whk", number): seqs
            for number, (begin, types) in enumerate(wanted)
            if (seqs := [n for n, type_ in enumerate(stream, 1) if n > begin and type_ in types])
        }


async def test_more_than_a_unit_holds_is_given_in_several(app: Application) -> None:
    await want(app.store, 1, "lessons.booked")
    await happen(app.store, *["lessons.booked"] * (AT_A_TIME + 1))
    seqs: list[int] = []
    async with asyncio.timeout(30):
        while len(seqs) < AT_A_TIME + 1:
            seqs = (await given_to(app.store)).get(an_id("whk"), [])

    assert seqs == list(range(2, AT_A_TIME + 3))


async def test_of_a_webhook_no_more_are_due_than_enough_and_the_rest_follows_when_these_go(
    alone: Store,
) -> None:
    store = alone
    await want(store, 1, "lessons.booked")
    await happen(store, *["lessons.booked"] * (MOST_DUE + AT_A_TIME))

    async def end(work: Work) -> int:
        leases = await work.due.lease(1, room={"webhook": AT_A_TIME})
        for number, lease in enumerate(leases):
            if number:
                await work.outbox.retry(lease, "busy", 60_000)
            else:
                await work.outbox.sent(lease)
        return len(leases)

    await look(store, "whole")
    first = await given_to(store)
    await look(store, "whole")
    assert await given_to(store) == first
    assert await store.write(end, actor="tests") == AT_A_TIME
    await look(store, "whole")

    webhook_id = an_id("whk")
    assert first == {webhook_id: list(range(2, MOST_DUE + 2))}
    assert await given_to(store) == {webhook_id: list(range(2, MOST_DUE + AT_A_TIME + 2))}


async def test_what_leaves_room_without_an_event_is_found_by_the_next_look(
    alone: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is tried and has to wait is no event."""
    store = alone
    monkeypatch.setattr(fanout, "AGAIN_SECONDS", 0.01)
    monkeypatch.setattr(store_of_webhooks, "MOST_DUE", 1)
    await want(store, 1, "lessons.booked")
    await happen(store, "lessons.booked", "lessons.booked")
    follower = Fanout(lambda bug, _: None, store.ids)  # noqa: ARG005 (there is none)
    monkeypatch.setattr(fanout, "AT_A_TIME", 1)
    follower.welcome(store)
    async with asyncio.timeout(10):
        while not await given_to(store):
            pass

    async def put_off(work: Work) -> None:
        [lease] = await work.due.lease(1, room={"webhook": 1})
        await work.outbox.retry(lease, "busy", 60_000)

    await store.write(put_off, actor="tests")

    async with asyncio.timeout(10):
        while len((await given_to(store))[an_id("whk")]) < 2:
            pass
    await follower.close()


async def test_what_becomes_of_a_webhook_s_own_message_is_told_to_no_webhook(store: Store) -> None:
    """Each would lead to the next."""
    await want(store, 1, "messages.sent")
    await happen(store, "messages.sent", data={"messageId": "msg_1", "channel": "webhook"})
    await happen(store, "messages.sent", data={"messageId": "msg_2", "channel": "mail"})
    await look(store, "whole")

    assert await given_to(store) == {an_id("whk"): [3]}


async def test_a_store_that_cannot_be_written_keeps_the_place_and_is_tried_again(
    alone: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, bugs = alone, list[Exception]()
    follower = Fanout(lambda bug, _: bugs.append(bug), store.ids)
    await want(store, 1, "lessons.booked")
    tried = asyncio.Event()

    async def refuse(work: Work) -> bool:  # noqa: ARG001 (the disk is full)
        tried.set()
        raise DiskFullError

    with monkeypatch.context() as full:
        full.setattr(fanout, "FAN_OUT", replace(fanout.FAN_OUT, run=refuse))
        follower.welcome(store)
        await happen(store, "lessons.booked")
        async with asyncio.timeout(30):
            await tried.wait()

    await happen(store, "lessons.booked")
    async with asyncio.timeout(30):
        while len((await given_to(store)).get(an_id("whk"), [])) < 2:
            pass
    await follower.close()

    assert bugs == []


async def test_a_bug_is_told_and_holds_nothing_up(
    alone: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, bugs = alone, list[tuple[Exception, str]]()
    told = asyncio.Event()

    def tell(bug: Exception, correlation_id: str) -> None:
        bugs.append((bug, correlation_id))
        told.set()

    async def fail(work: Work) -> bool:  # noqa: ARG001 (a bug)
        raise ZeroDivisionError

    follower = Fanout(tell, store.ids)
    await want(store, 1, "lessons.booked")
    with monkeypatch.context() as broken:
        broken.setattr(fanout, "FAN_OUT", replace(fanout.FAN_OUT, run=fail))
        follower.welcome(store)
        await happen(store, "lessons.booked")
        async with asyncio.timeout(30):
            await told.wait()
    await follower.close()

    assert {type(bug) for bug, _ in bugs} == {ZeroDivisionError}
    assert all(correlation_id.startswith("cor_") for _, correlation_id in bugs)


@pytest.mark.parametrize("ends", ["well", "closed"])
async def test_a_store_that_takes_the_place_of_one_that_is_looked_at_is_looked_at_too(
    alone: Store, monkeypatch: pytest.MonkeyPatch, ends: str
) -> None:
    """After a restore nobody need commit before webhooks are given what they have missed."""
    bugs, looked, goes_on = list[Exception](), asyncio.Event(), asyncio.Event()
    follower = Fanout(lambda bug, _: bugs.append(bug), alone.ids)
    async with store_in(None) as restored:
        await want(restored, 1, "lessons.booked")
        await happen(restored, "lessons.booked")
        read = alone.read

        async def slow(unit: Any) -> Any:
            found = await read(unit)
            looked.set()
            await goes_on.wait()
            if ends == "closed":
                raise UnavailableError
            return found

        monkeypatch.setattr(alone, "read", slow)
        follower.welcome(alone)
        async with asyncio.timeout(30):
            await looked.wait()

        follower.welcome(restored)
        goes_on.set()
        async with asyncio.timeout(30):
            await follower.caught_up()

        assert await given_to(restored) == {an_id("whk"): [2]}
        await follower.close()
    assert bugs == []


async def test_on_a_server_that_others_share_a_webhook_of_theirs_is_found(
    alone: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody here has touched the tag."""
    follower = Fanout(lambda bug, _: None, alone.ids)  # noqa: ARG005 (there is none)
    follower.welcome(alone)
    await happen(alone, "lessons.booked")
    await want(alone, 1, "lessons.booked")
    await look(alone, "whole")
    monkeypatch.setattr(alone.tags, "revision", lambda _: 0)
    monkeypatch.setattr(type(alone.engine), "is_shared", True)
    monkeypatch.setattr(follower, "_has_any", False)
    monkeypatch.setattr(follower, "_seen", 0)

    await happen(alone, "lessons.booked")

    async with asyncio.timeout(30):
        while not await given_to(alone):
            pass
    await follower.close()


async def test_who_has_left_follows_no_more(store: Store, client: Client) -> None:
    before = list(store.on_commit)
    follower = Fanout(lambda bug, _: None, store.ids)  # noqa: ARG005 (there is none)
    follower.welcome(store)
    follower.welcome(store)
    assert len(store.on_commit) == len(before) + 1

    await follower.close()

    assert store.on_commit == before
    assert (await client.call("webhooks.list"))["items"] == []
