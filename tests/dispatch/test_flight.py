"""What stops a request from outside, and how a batch keeps its order."""

from typing import Any

import pytest

from rpcbackend.dispatch.flight import Batch, Flight


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


def test_a_batch_delivers_all_its_replies_at_once_in_request_order() -> None:
    delivered: list[list[bytes | None]] = []
    batch = Batch(3, delivered.append)

    batch.collect(2, b"two")
    batch.collect(0, None)
    assert delivered == []
    batch.collect(1, b"one")

    assert delivered == [[None, b"one", b"two"]]
    assert batch.reply_bytes == 6
