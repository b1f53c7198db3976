"""What stops a request from outside, and how a batch keeps its order."""

from typing import Any

import pytest

from rpcbackend.dispatch.flight import BATCH_AT_ONCE, Batch, Deliver, Flight
from rpcbackend.protocol.codec import Json


def ignore(reply: bytes | None) -> None:
    assert reply is None or reply


@pytest.mark.parametrize(
    ("message", "request_id"),
    [({"id": 1}, 1), ({"id": True}, None), ({}, None), (None, None), ([1], None)],
    ids=repr,
)
def test_a_flight_knows_the_id_to_answer_with(message: Any, request_id: Any) -> None:
    assert Flight(message=message, deliver=ignore).request_id == request_id


def test_the_first_reason_to_stop_is_the_one_that_counts() -> None:
    stops: list[str] = []
    flight = Flight(message={}, deliver=ignore, interrupt=lambda: stops.append("stop"))

    flight.stop("deadline")
    flight.stop("cancelled")

    assert flight.stop_reason == "deadline"
    assert stops == ["stop"]


def test_a_call_that_waits_for_nothing_cannot_be_stopped() -> None:
    flight = Flight(message={}, deliver=ignore)

    flight.stop("cancelled")

    assert flight.stop_reason is None


def make(message: Json, deliver: Deliver) -> Flight:
    return Flight(message=message, deliver=deliver)


def test_a_batch_admits_some_at_a_time_and_delivers_in_request_order() -> None:
    admitted: list[Flight] = []
    delivered: list[list[bytes | None]] = []
    batch = Batch(list(range(20)), make=make, admit=admitted.append, deliver=delivered.append)

    batch.advance()
    assert [flight.message for flight in admitted] == list(range(BATCH_AT_ONCE))
    for index in reversed(range(16)):
        admitted[index].deliver(b"%d" % index)
    assert len(admitted) == 20
    assert delivered == []
    for index in range(16, 20):
        admitted[index].deliver(None)

    assert delivered == [[*(b"%d" % index for index in range(16)), None, None, None, None]]


def test_a_batch_whose_elements_end_at_once_needs_no_deep_stack() -> None:
    delivered: list[list[bytes | None]] = []

    Batch(
        list(range(5_000)),
        make=make,
        admit=lambda flight: flight.deliver(b"x"),
        deliver=delivered.append,
    ).advance()

    assert delivered == [[b"x"] * 5_000]
