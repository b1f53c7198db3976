"""Who steps in for whom, and who does not."""

import asyncio
from collections import deque

import pytest

from rpcbackend.outside import delivery
from rpcbackend.outside.adapter import LeftAloneError
from rpcbackend.outside.channels import Carrier
from rpcbackend.outside.delivery import Delivery, Given, Later, Outcome, Refused, Sent, Unbegun
from rpcbackend.store import Lease, Message
from tests.outside.carrying import Host, busy, refused, unreached
from tests.store.test_outbox import HELLO

BUSY, REFUSED, UNREACHED = busy(7.0), refused(), unreached(30.0)
LEFT_ALONE = LeftAloneError(9.0)


class Notes:
    """Who was noted before he was given the message."""

    def __init__(self, *, can_write: bool = True) -> None:
        self.noted: list[str] = []
        self._can_write = can_write

    async def note(self, provider_id: str) -> bool:
        """Note one."""
        self.noted.append(provider_id)
        return self._can_write


def delivery_of(notes: Notes, carrier: str | None = "prv_0") -> Delivery:
    """Return that of a message of which one is noted already."""
    lease = Lease(id="msg_1", epoch=1, number=1, attempt=1, message=HELLO, carrier=carrier)
    return Delivery(lease, notes.note)


async def outcome(*says: Exception | None) -> tuple[Outcome, list[int]]:
    """Deliver by hosts that say this, and return what came of it, and how often each was tried."""
    hosts = [
        Host(f"host {number}", says=deque([each] if each else []))
        for number, each in enumerate(says)
    ]
    carriers = [Carrier(f"prv_{number}", host) for number, host in enumerate(hosts)]
    return await delivery_of(Notes()).run(carriers), [len(host.tries) for host in hosts]


@pytest.mark.parametrize(
    ("says", "expected", "tries"),
    [
        ([None, None], Sent("host 0 1"), [1, 0]),
        ([UNREACHED, None], Sent("host 1 1"), [1, 1]),
        ([REFUSED, None], Sent("host 1 1"), [1, 1]),
        ([BUSY, None], Later("busy", 7.0, "prv_0"), [1, 0]),
        ([UNREACHED, BUSY], Later("busy", 7.0, "prv_1"), [1, 1]),
        ([REFUSED, REFUSED], Refused("no such user"), [1, 1]),
        ([LEFT_ALONE, None], Sent("host 1 1"), [1, 1]),
        ([LEFT_ALONE], Given(LEFT_ALONE.reason, 9.0), [1]),
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


async def test_where_there_is_no_choice_a_host_that_is_left_alone_is_a_recipient_that_is() -> None:
    carrier = Carrier(None, Host("webhooks", always=LEFT_ALONE))

    assert await delivery_of(Notes(), None).run([carrier]) == Unbegun(rest_seconds=9.0)


async def test_whoever_gives_no_answer_in_time_may_have_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(delivery, "SEND_SECONDS", 0.01)
    slow, other = Host("slow", holds=asyncio.Event()), Host("other")

    carriers = [Carrier("prv_1", slow), Carrier("prv_2", other)]
    ended = await delivery_of(Notes()).run(carriers)

    assert ended == Later("no answer in time", via="prv_1")
    assert other.tries == []


async def test_whoever_steps_in_is_noted_before_he_is_given_anything() -> None:
    """Who goes on if this process dies has to know by whom it may have arrived."""
    notes = Notes()
    noted_at: list[list[str]] = []

    class Third(Host):
        async def send(self, id: str, message: Message) -> str | None:
            noted_at.append(list(notes.noted))
            return await super().send(id, message)

    hosts = [Host("0", always=UNREACHED), Host("1", always=REFUSED), Third("2")]
    carriers = [Carrier(f"prv_{number}", host) for number, host in enumerate(hosts)]

    assert await delivery_of(notes).run(carriers) == Sent("2 1")

    assert noted_at == [["prv_1", "prv_2"]]


async def test_where_nobody_has_a_choice_there_is_nothing_to_note() -> None:
    notes = Notes()

    assert await delivery_of(notes, None).run([Carrier(None, Host("all"))]) == Sent("all 1")

    assert notes.noted == []


@pytest.mark.parametrize(
    ("says", "expected"), [(UNREACHED, Given), (REFUSED, Later)], ids=["unreached", "refused"]
)
async def test_nobody_steps_in_who_cannot_be_noted(
    says: Exception, expected: type[Outcome]
) -> None:
    first, second = Host("first", always=says), Host("second")

    carriers = [Carrier("prv_0", first), Carrier("prv_1", second)]
    ended = await delivery_of(Notes(can_write=False)).run(carriers)

    assert isinstance(ended, expected)
    assert not isinstance(ended, Later) or ended.via is None
    assert second.tries == []


async def test_whoever_is_cut_off_amid_a_message_may_have_it_and_nobody_before_him() -> None:
    second = Host("second", holds=asyncio.Event())
    delivery = delivery_of(Notes())
    carriers = [Carrier("prv_0", Host("first", always=UNREACHED)), Carrier("prv_1", second)]
    task = asyncio.ensure_future(delivery.run(carriers))
    async with asyncio.timeout(30):
        await second.came.wait()
    task.cancel()
    await asyncio.wait([task])

    assert delivery.via == "prv_1"
