"""The outbox as the desk sees it."""

from typing import Any

import orjson
import pytest

from rpcbackend.errors import InvalidTransitionError, NotFoundError
from rpcbackend.schema.outbox import ListOutbox, OutboxPage
from rpcbackend.store import Store, Work
from rpcbackend.testing import FrozenClock
from tests.factories import an_id
from tests.store.test_outbox import MINUTE_MS, lease, queue, rows_in, settle, states_in


async def page(store: Store, *, sees_people: bool = True, **wanted: Any) -> OutboxPage:
    params = ListOutbox.model_validate(wanted)
    found = await store.read(
        lambda work: work.outgoing.page(params, sees_people=sees_people),
    )
    return OutboxPage.model_validate_json(found.json)


async def decide(store: Store, how: str, key: str) -> bool:
    """Retry or cancel the message with this dedupe key, and tell whether that changed it."""
    [row] = [row for row in await rows_in(store) if row["dedupe_key"] == key]

    async def unit(work: Work) -> bool:
        return await getattr(work.outgoing, how)(row["id"]) is not None

    return await store.write(unit, actor="tests")


async def fail(store: Store, key: str) -> None:
    await queue(store, key)
    for each in await lease(store):
        await settle(store, "fail", each, "550 no such user")


async def test_a_page_tells_all_of_a_message_but_what_it_says(
    store: Store, clock: FrozenClock
) -> None:
    await queue(store, owner_id=an_id("stu"))
    [first] = await lease(store)
    await settle(store, "retry", first, "451 busy", MINUTE_MS)
    clock.advance(60)
    [second] = await lease(store)
    await settle(store, "sent", second, "ref 1")

    found = await store.read(
        lambda work: work.outgoing.page(ListOutbox(), sees_people=True),
    )

    assert orjson.loads(found.json) == {
        "items": [
            {
                "id": first.id,
                "channel": "mail",
                "template": "hello",
                "studentId": an_id("stu"),
                "recipient": "ada@example.org",
                "state": "sent",
                "attempts": 2,
                "lastError": "451 busy",
                "providerRef": "ref 1",
                "createdAt": "2026-11-23T08:00:00.000Z",
                "notBefore": "2026-11-23T08:01:00.000Z",
                "endedAt": "2026-11-23T08:01:00.000Z",
            }
        ],
        "nextCursor": None,
    }


async def test_whoever_may_not_see_students_is_told_no_recipient(store: Store) -> None:
    await queue(store)

    [message] = (await page(store, sees_people=False)).items

    assert message.recipient is None


async def test_a_page_has_what_was_asked_for_the_newest_first(
    store: Store, clock: FrozenClock
) -> None:
    await fail(store, "failed")
    clock.advance(1)
    await queue(store, "about her", owner_id=an_id("stu"))
    clock.advance(1)
    await queue(store, "text", channel="sms")
    keys = {row["id"]: row["dedupe_key"] for row in await rows_in(store)}

    async def keys_of(**wanted: Any) -> list[str]:
        return [keys[each.id] for each in (await page(store, **wanted)).items]

    assert await keys_of() == ["text", "about her", "failed"]
    assert await keys_of(state="failed") == ["failed"]
    assert await keys_of(channel="sms") == ["text"]
    assert await keys_of(owner=an_id("stu")) == ["about her"]
    assert await keys_of(ids=[next(iter(keys))], state="failed") == ["failed"]
    first = await page(store, limit=2)
    rest = await page(store, limit=2, cursor=first.next_cursor)
    assert [keys[each.id] for each in (*first.items, *rest.items)] == await keys_of()
    assert rest.next_cursor is None


async def test_an_empty_outbox_has_nothing_to_count(store: Store) -> None:
    assert await store.read(lambda work: work.outgoing.counts()) == (0, 0)
    assert await store.read(lambda work: work.outgoing.longest_due_ms()) == 0


async def test_it_counts_what_waits_and_what_was_given_up(store: Store, clock: FrozenClock) -> None:
    await fail(store, "failed")
    await queue(store, "later", not_before_ms=clock.now_ms() + MINUTE_MS)
    await queue(store, "on its way")
    await lease(store)
    await queue(store, "now")
    clock.advance(30)

    assert await store.read(lambda work: work.outgoing.counts()) == (3, 1)
    assert await store.read(lambda work: work.outgoing.longest_due_ms()) == 30_000


# By hand


async def test_what_was_given_up_is_tried_from_the_beginning(store: Store) -> None:
    await queue(store)
    [first] = await lease(store)
    await settle(store, "retry", first, "no answer", 0, "prv_1")
    [second] = await lease(store)
    await settle(store, "fail", second, "550 no such user")

    assert await decide(store, "retry", "hello ada")

    [again] = await lease(store)
    assert (again.attempt, again.message.via) == (1, None)
    assert not await store.write(lambda work: work.outbox.withdraw("hello ada"), actor="tests")


async def test_what_waits_for_its_next_try_is_tried_at_once_and_nothing_else(
    store: Store, clock: FrozenClock
) -> None:
    await queue(store, "tried")
    [first] = await lease(store)
    await settle(store, "retry", first, "451 busy", MINUTE_MS)
    await queue(store, "later", not_before_ms=clock.now_ms() + MINUTE_MS)

    assert await decide(store, "retry", "tried")
    assert not await decide(store, "retry", "tried")
    assert not await decide(store, "retry", "later")

    assert [each.message.dedupe_key for each in await lease(store)] == ["tried"]


async def test_what_one_alone_may_carry_goes_by_whoever_can_if_somebody_wants_it(
    store: Store,
) -> None:
    await queue(store, "may be there")
    await queue(store, "test", template="providers.test", via="prv_1")
    for each in await lease(store):
        await settle(store, "retry", each, "no answer", 0, "prv_1")

    assert await decide(store, "retry", "may be there")
    assert not await decide(store, "retry", "may be there")
    assert not await decide(store, "retry", "test")

    assert {each.message.dedupe_key: each.message.via for each in await lease(store)} == {
        "may be there": None,
        "test": "prv_1",
    }


async def test_what_waits_or_was_given_up_is_cancelled(store: Store) -> None:
    await fail(store, "failed")
    await queue(store, "waits")

    assert await decide(store, "cancel", "failed")
    assert await decide(store, "cancel", "waits")
    assert not await decide(store, "cancel", "waits")

    assert await states_in(store) == {"failed": "cancelled", "waits": "cancelled"}


async def test_what_is_cancelled_on_its_way_is_not_tried_again(store: Store) -> None:
    await queue(store)
    [first] = await lease(store)

    assert not await decide(store, "cancel", "hello ada")

    assert await settle(store, "retry", first, "451 busy", 0) == "cancelled"


@pytest.mark.parametrize(
    ("how", "end"), [("retry", "sent"), ("cancel", "sent"), ("retry", "cancelled")]
)
async def test_what_is_over_stays_so(store: Store, how: str, end: str) -> None:
    await queue(store)
    if end == "sent":
        [first] = await lease(store)
        await settle(store, "sent", first)
    else:
        await decide(store, "cancel", "hello ada")

    with pytest.raises(InvalidTransitionError) as refused:
        await decide(store, how, "hello ada")

    assert refused.value.details is not None
    assert refused.value.details["from"] == end


async def test_a_message_that_is_not_there_is_not_found(store: Store) -> None:
    with pytest.raises(NotFoundError):
        await store.write(lambda work: work.outgoing.retry("msg_1"), actor="tests")
