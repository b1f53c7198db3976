"""What events.subscribe answers and sends."""

from typing import Any

import pytest

from rpcbackend.dispatch.subscription import PAGE
from rpcbackend.store import Store, Work
from rpcbackend.testing import CallFailedError, Client
from tests.factories import an_id, events_in, save_branch, save_vehicle


async def next_events(client: Client, count: int) -> list[dict[str, Any]]:
    """Take so many `event` notifications off the wire and return their params."""
    lines = [await client.next_line() for _ in range(count)]
    assert [{**line, "params": None} for line in lines] == [
        {"jsonrpc": "2.0", "method": "event", "params": None}
    ] * count
    return [line["params"] for line in lines]


async def test_a_subscriber_gets_what_happens_from_now_on(client: Client, store: Store) -> None:
    await save_branch(client)

    subscribed = await client.call("events.subscribe")
    await save_branch(client, name="Nord")

    assert subscribed == {"subscriptionId": subscribed["subscriptionId"], "headSeq": 1}
    assert subscribed["subscriptionId"].startswith("sub_")
    assert await next_events(client, 1) == await events_in(store, 1)
    assert client.lines.empty()


@pytest.mark.parametrize("after_seq", [0, 1, 3])
async def test_a_subscriber_who_was_away_gets_what_he_missed_and_then_what_comes(
    client: Client, store: Store, after_seq: int
) -> None:
    for name in "abc":
        await save_branch(client, name=name)

    await client.call("events.subscribe", afterSeq=after_seq)
    await save_branch(client, name="d")

    events = await next_events(client, 4 - after_seq)
    assert events == await events_in(store, after_seq)
    assert [event["seq"] for event in events] == list(range(after_seq + 1, 5))


async def test_a_subscriber_may_go_on_after_an_event_whose_commit_was_not_heard_of(
    client: Client, store: Store
) -> None:
    """Found by a world of `tests/simulation`: events are sent from the database itself."""
    await save_branch(client)
    # The writer has committed, and its answer is on the way from its thread to the loop.
    store.head_seq = 0

    subscribed = await client.call("events.subscribe", afterSeq=1)
    await save_branch(client)

    assert subscribed["headSeq"] == 1
    assert await next_events(client, 1) == await events_in(store, 1)


async def test_a_replay_of_many_pages_has_no_gap_and_no_duplicate(
    client: Client, store: Store
) -> None:
    count = 2 * PAGE + 7

    async def unit(work: Work) -> None:
        for number in range(count):
            kind = "branches.saved" if number % 3 else "vehicles.saved"
            await work.record(kind, ("branch", an_id("bra"), 1), {})

    await store.write(unit, actor="tests")

    await client.call("events.subscribe", afterSeq=0)

    events = await next_events(client, count)
    assert [event["seq"] for event in events] == list(range(1, count + 1))


async def test_a_subscriber_gets_only_the_types_he_asked_for(client: Client) -> None:
    branch = await save_branch(client)
    await client.call("events.subscribe", types=["vehicles.saved", "lessons.booked"], afterSeq=0)

    for plate in "abc":
        await save_branch(client, branchId=branch["id"])
        await save_vehicle(client, branch["id"], plate=plate)

    events = await next_events(client, 3)
    assert [(event["seq"], event["type"]) for event in events] == [
        (3, "vehicles.saved"),
        (5, "vehicles.saved"),
        (7, "vehicles.saved"),
    ]


async def test_what_was_refused_or_only_tried_is_never_sent(client: Client) -> None:
    branch = await save_branch(client)
    await client.call("events.subscribe")

    await save_branch(client, name="tried", _meta={"dryRun": True})
    with pytest.raises(CallFailedError):
        await save_branch(client, branchId=branch["id"], expectedVersion=9)
    last = await save_branch(client, name="kept")

    assert [event["aggregate"]["id"] for event in await next_events(client, 1)] == [last["id"]]
    assert client.lines.empty()


async def test_a_connection_that_subscribes_again_gets_each_event_once(client: Client) -> None:
    await client.call("events.subscribe")
    await client.call("events.subscribe", types=["branches.saved"])

    await save_branch(client)
    await save_branch(client, name="Nord")

    assert [event["seq"] for event in await next_events(client, 2)] == [1, 2]


async def test_an_event_that_has_not_happened_yet_is_no_place_to_start(client: Client) -> None:
    await save_branch(client)

    with pytest.raises(CallFailedError) as failed:
        await client.call("events.subscribe", afterSeq=2)

    assert failed.value.symbol == "CURSOR_INVALID"
    assert failed.value.details == {"field": "afterSeq", "headSeq": 1}


@pytest.mark.parametrize("given", [{"types": ["Saved"]}, {"afterSeq": -1}, {"types": "x"}], ids=str)
async def test_params_that_do_not_fit_are_refused(client: Client, given: dict[str, Any]) -> None:
    with pytest.raises(CallFailedError) as failed:
        await client.call("events.subscribe", **given)

    assert failed.value.symbol == "INVALID_PARAMS"
