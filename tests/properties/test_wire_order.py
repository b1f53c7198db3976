"""Requests, batches, cancellations and the loop's turns in any order: one true reply to each."""

import asyncio
from collections.abc import Iterator
from itertools import count
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rpcbackend.errors import RequestCancelledError
from rpcbackend.schema.limits import Limits
from rpcbackend.surroundings import Surroundings
from rpcbackend.testing import Client, FrozenClock, running_app
from tests.clauses import clause
from tests.machine import cancel
from tests.properties.fitting import requests
from tests.properties.wire import Wire, settle_in, share_of

FEW = st.sampled_from([1, 2, "a", 1.5, None])
"""So few ids that they meet."""

TURNS = st.integers(1, 6)
"""How often the loop may turn before the next line."""

SAVING = st.builds(
    lambda request_id, meta: {
        "jsonrpc": "2.0",
        "id": request_id,
        "method": "branches.save",
        "params": {"name": "", "zone": "Europe/Berlin", "currency": "EUR", "_meta": meta},
    },
    FEW,
    st.sampled_from([{}, {}, {"dryRun": True}, {"timeoutMs": 1}, {"progressToken": 1}]),
)
REQUESTS = SAVING | st.sampled_from(
    [
        *("ping", "system.health", "events.subscribe", "students.create"),
        *("lessons.book", "lessons.list", "vehicles.list"),
    ]
).flatmap(lambda channel: requests(channel, FEW))
LINES = REQUESTS | st.lists(REQUESTS | FEW.map(cancel), min_size=1, max_size=8) | FEW.map(cancel)
SEQUENCES = st.lists(LINES | TURNS, max_size=25)


@clause("one-reply-per-request", "id-twice", "cancel-all-of-an-id", "cancel-in-batch")
@clause("cancel-tells-the-truth", "meta-dry-run")
@pytest.mark.parametrize(
    "limits",
    [Limits(), Limits(in_flight=2, queued=3, batch_at_once=2)],
    ids=["roomy", "tight"],
)
def test_every_request_has_one_reply_and_it_tells_the_truth(limits: Limits) -> None:
    @share_of(0.4)
    @given(SEQUENCES)
    def holds(steps: list[Any]) -> None:
        asyncio.run(run(steps, limits))

    holds()


async def run(steps: list[Any], limits: Limits) -> None:
    """Send one sequence to an application of its own and check what came of it."""
    bugs: list[Exception] = []
    surroundings = Surroundings(clock=FrozenClock(), report_bug=lambda bug, _: bugs.append(bug))
    async with running_app(surroundings=surroundings, limits=limits) as app:
        client = Client(app)
        wire = Wire(app, await settle_in(client))

        messages = list(number(steps))
        for step in steps:
            if isinstance(step, int):
                for _ in range(step):
                    await asyncio.sleep(0)
            else:
                wire.receive(orjson.dumps(step))
        replies = await wire.settled()

        assert (wire.server.in_flight, wire.server.queued) == (0, 0)
        assert bugs == []
        assert cancelled(replies) <= told_to_cancel(messages)
        branches = (await client.call("branches.list"))["items"]
        assert {branch["name"] for branch in branches} - {"Mitte"} == saved(messages, replies)


def number(steps: list[Any]) -> Iterator[dict[str, Any]]:
    """Yield the messages of all steps; each branch that is saved gets a name of its own."""
    numbers = count(1)
    for step in steps:
        for message in step if isinstance(step, list) else [step]:
            if isinstance(message, dict):
                if message["method"] == "branches.save":
                    message["params"]["name"] = f"branch {next(numbers)}"
                yield message


def cancelled(replies: list[dict[str, Any]]) -> set[Any]:
    """Return the ids of the requests that were answered as cancelled."""
    return {
        reply["id"]
        for reply in replies
        if "error" in reply and reply["error"]["code"] == RequestCancelledError.code
    }


def told_to_cancel(messages: list[dict[str, Any]]) -> set[Any]:
    """Return the ids that may be cancelled; null stands for every notification, so it may not."""
    return {
        message["params"]["id"] for message in messages if message["method"] == "$/cancelRequest"
    } - {None}


def saved(messages: list[dict[str, Any]], replies: list[dict[str, Any]]) -> set[str]:
    """Return the names of the branches that were saved, if the replies tell the truth."""
    names = {reply["result"].get("name") for reply in replies if "result" in reply}
    return {
        message["params"]["name"]
        for message in messages
        if message["method"] == "branches.save" and "dryRun" not in message["params"]["_meta"]
    } & names
