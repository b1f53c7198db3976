"""Who may run, who waits, and how much those who wait may weigh."""

from typing import Any

import pytest

from rpcbackend.dispatch.flight import Batch, Flight
from rpcbackend.dispatch.turns import Turns, weigh
from rpcbackend.schema.limits import Limits
from tests.clauses import clause
from tests.machine import Machine, Waiting, request, said, say


def flight(**given: Any) -> Flight:
    return Flight(message={}, deliver=lambda _: None, **given)


@clause("limit-queue-bytes")
@pytest.mark.parametrize(
    ("line", "weight"),
    [
        (b'{"a":1}', 7),
        (b"[" + b"{}," * 2_000 + b"{}]", 6_004 + 64 * 4_002),
        (b'"' + b"x" * 10_000 + b'"', 10_002),
    ],
    ids=["short", "many things", "one text"],
)
def test_a_line_weighs_what_its_message_takes_in_memory(line: bytes, weight: int) -> None:
    assert weigh(line) == weight


@clause("limit-queue-bytes")
def test_the_line_of_a_batch_weighs_once_as_long_as_an_element_waits() -> None:
    turns = Turns(Limits.model_construct(queued_bytes=1_000), lambda: False)
    batch = Batch(3, lambda _: None)
    elements = [flight(batch=batch, size=900) for _ in range(3)]

    for element in elements:
        assert turns.may_wait(element)
        turns.wait(element)
    assert not turns.may_wait(flight(size=101))
    for element in elements:
        turns.leave(element)

    assert turns.may_wait(flight(size=1_000))
    assert not turns.may_wait(flight(size=1_001))


@clause("unread-output-pauses")
async def test_while_output_piles_up_unread_nothing_begins() -> None:
    waiting = Waiting()
    machine = Machine(waiting.method, say, in_flight=1)
    machine.receive(request(1, "test.wait", label="a"), request(2, "test.say", label="b"))

    machine.is_backed_up = True
    waiting.let_all_end()
    assert await machine.until_sent(1) == [said(1, "a")]
    machine.receive(request(3, "test.say", label="c"))
    assert machine.server.queued == 2

    machine.is_backed_up = False
    machine.server.resume()
    assert machine.sent == [said(1, "a"), said(2, "b"), said(3, "c")]
