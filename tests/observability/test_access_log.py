"""What the log says of an exchange: how it ended, never what was in it."""

from collections.abc import Iterator
from typing import Any

import pytest
from loguru import logger

from rpcbackend.errors import NotFoundError, ParseError
from rpcbackend.observability.access_log import access_log
from tests.dispatch.test_dispatcher import refuse
from tests.machine import CORRELATION_ID, Machine, request, say


@pytest.fixture
def logged() -> Iterator[list[Any]]:
    """Level, message and extra of each log record."""
    records: list[Any] = []

    def keep(message: Any) -> None:
        record = message.record
        records.append((record["level"].name, record["message"], record["extra"]))

    sink = logger.add(keep, level="TRACE")
    yield records
    logger.remove(sink)


async def test_a_log_of_what_went_wrong_has_no_line_for_the_rest(logged: list[Any]) -> None:
    machine = Machine(say)
    machine.receive(request(1, "test.say", label="secret"), b"{")

    for exchange in machine.exchanges:
        access_log("INFO")(exchange)

    assert [(level, message) for level, message, _ in logged] == [("INFO", "refused")]


async def test_every_exchange_leaves_one_line_without_params_or_results(logged: list[Any]) -> None:
    machine = Machine(say, refuse)
    machine.receive(
        request(1, "test.say", label="secret"), request(2, "test.refuse", label="secret"), b"{"
    )

    for exchange in machine.exchanges:
        access_log("DEBUG")(exchange)

    whole = {"connection": "con_1", "ms": 0.0}
    refused = {"correlation_id": CORRELATION_ID}
    assert logged == [
        ("DEBUG", "answered", {**whole, "channel": "test.say"}),
        (
            "INFO",
            "refused",
            {**whole, **refused, "channel": "test.refuse", "symbol": NotFoundError.symbol},
        ),
        ("INFO", "refused", {**whole, **refused, "channel": None, "symbol": ParseError.symbol}),
    ]
    assert "secret" not in str(logged)
