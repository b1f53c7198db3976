"""Who steps in for whom, and who does not."""

import asyncio
from collections import deque

import pytest

from rpcbackend.outside import delivery
from rpcbackend.outside.channels import Carrier
from rpcbackend.outside.delivery import Delivery, Given, Later, Outcome, Refused, Sent
from tests.outside.carrying import Host, busy, refused, unreached
from tests.store.test_outbox import HELLO

BUSY, REFUSED, UNREACHED = busy(7.0), refused(), unreached(30.0)


async def outcome(*says: Exception | None) -> tuple[Outcome, list[int]]:
    """Deliver by hosts that say this, and return what came of it, and how often each was tried."""
    hosts = [
        Host(f"host {number}", says=deque([each] if each else []))
        for number, each in enumerate(says)
    ]
    carriers = [Carrier(f"prv_{number}", host) for number, host in enumerate(hosts)]
    return await Delivery("msg_1", HELLO).run(carriers), [len(host.tries) for host in hosts]


@pytest.mark.parametrize(
    ("says", "expected", "tries"),
    [
        ([None, None], Sent("host 0 1"), [1, 0]),
        ([UNREACHED, None], Sent("host 1 1"), [1, 1]),
        ([REFUSED, None], Sent("host 1 1"), [1, 1]),
        ([BUSY, None], Later("busy", 7.0, "prv_0"), [1, 0]),
        ([UNREACHED, BUSY], Later("busy", 7.0, "prv_1"), [1, 1]),
        ([REFUSED, REFUSED], Refused("no such user"), [1, 1]),
        ([UNREACHED, unreached(5.0)], Given("cannot be reached", 5.0), [1, 1]),
        ([unreached(), unreached()], Given("cannot be reached", None), [1, 1]),
        ([REFUSED, UNREACHED], Later("cannot be reached", 30.0), [1, 1]),
        ([], Given("nobody carries it any more"), []),
    ],
)
async def test_the_next_steps_in_for_who_was_not_reached_or_refused_and_for_nobody_else(
    says: list[Exception | None], expected: Outcome, tries: list[int]
) -> None:
    assert await outcome(*says) == (expected, tries)


async def test_whoever_gives_no_answer_in_time_may_have_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(delivery, "SEND_SECONDS", 0.01)
    slow, other = Host("slow", holds=asyncio.Event()), Host("other")

    carriers = [Carrier("prv_1", slow), Carrier("prv_2", other)]
    ended = await Delivery("msg_1", HELLO).run(carriers)

    assert ended == Later("no answer in time", via="prv_1")
    assert other.tries == []
