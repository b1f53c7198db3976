"""What the log says of an exchange: how it ended, and never what is secret in it."""

from collections.abc import Iterator
from typing import Any

import pytest
from loguru import logger

from rpcbackend.errors import NotFoundError, ParseError
from rpcbackend.monitor import LogLevels
from rpcbackend.observability.access_log import AccessLog
from rpcbackend.schema.system import LogLevel
from rpcbackend.surroundings import Surroundings
from rpcbackend.testing import CallFailedError, Client, running_app
from rpcbackend.transcripts.fitting import FIELDS
from tests.clauses import clause
from tests.dispatch.test_dispatcher import refuse
from tests.machine import CORRELATION_ID, Machine, Waiting, request, say


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


def look(machine: Machine, level: LogLevel, *, with_registry: bool = True) -> None:
    """Let the access log see all that happened."""
    log = AccessLog(LogLevels(level))
    log.registry = machine.dispatcher.registry if with_registry else None
    for exchange in machine.exchanges:
        log.observe(exchange)


async def test_a_log_of_what_went_wrong_has_no_line_for_the_rest(logged: list[Any]) -> None:
    machine = Machine(say)
    machine.receive(request(1, "test.say", label="secret"), b"{")

    look(machine, "INFO")

    assert [(level, message) for level, message, _ in logged] == [("INFO", "refused")]


async def test_every_exchange_leaves_one_line_without_params_or_results(logged: list[Any]) -> None:
    machine = Machine(say, refuse)
    machine.receive(
        request(1, "test.say", label="secret"), request(2, "test.refuse", label="secret"), b"{"
    )

    look(machine, "DEBUG")

    whole = {"connection": "con_1", "ms": 0.0, "actor": "nobody"}
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


@pytest.mark.parametrize("with_registry", [True, False])
async def test_a_trace_shows_the_params_that_are_known_to_be_harmless(
    logged: list[Any], *, with_registry: bool
) -> None:
    machine = Machine(say)
    machine.receive(
        request(1, "test.say", label="a"),
        request(2, "test.say", label="a", _meta={"token": "secret", "timeoutMs": 5}),
        request(3, "test.say", label="secret", unknown="secret"),
        request(4, "test.unknown", label="secret"),
        {"jsonrpc": "2.0", "id": 5, "method": "test.say"},
        [7],
        b"{",
    )

    look(machine, "TRACE", with_registry=with_registry)

    fits = [{"label": "a"}, {"label": "a", "_meta": {"token": "[secret]", "timeoutMs": 5}}]
    params = [extra["params"] for *_, extra in logged]
    assert params == [*(fits if with_registry else [None] * 2), *[None] * 5]


@clause("log-not-personal")
async def test_a_trace_shows_no_params_of_a_call_that_was_refused_before_they_were_looked_at(
    logged: list[Any],
) -> None:
    waiting = Waiting()
    machine = Machine(waiting.method, in_flight=1, queued=0)
    machine.receive(request(1, "test.wait"), request(2, "test.wait", label="canary"))
    waiting.let_all_end()
    await machine.until_sent(2)

    look(machine, "TRACE")

    told = [(level, extra["channel"], extra["params"]) for level, _, extra in logged]
    assert told == [("INFO", "test.wait", None), ("DEBUG", "test.wait", {})]


@clause("log-not-personal")
async def test_a_trace_of_a_sign_in_holds_neither_name_nor_password(logged: list[Any]) -> None:
    levels = LogLevels("TRACE")
    log = AccessLog(levels)
    async with running_app(surroundings=Surroundings(observers=(log.observe,))) as app:
        log.registry = app.dispatcher.registry
        client = Client(app)
        with pytest.raises(CallFailedError):
            await client.call("auth.login", login="ada@canary.example", password="canary")  # noqa: S106 (must not be shown)
        await client.call("students.list", text="canary")

    assert [extra["params"] for *_, extra in logged if "params" in extra] == [
        {"login": "[personal]", "password": "[secret]"},
        {"text": "[personal]"},
    ]
    assert "canary" not in str(logged)


@clause("log-not-personal")
async def test_a_trace_shows_no_name_that_slipped_into_another_field(logged: list[Any]) -> None:
    log = AccessLog(LogLevels("TRACE"))
    log.fitted = FIELDS.fitted_params
    async with running_app(surroundings=Surroundings(observers=(log.observe,))) as app:
        log.registry = app.dispatcher.registry
        client = Client(app)
        await client.call("audit.list", actor="canary", channel="students.list")
        meta = {"idempotencyKey": "canary", "traceparent": "canary"}
        await client.call_with_meta("students.list", {"_meta": meta})

    assert [extra["params"] for *_, extra in logged if "params" in extra] == [
        {"actor": "[secret]", "channel": "students.list"},
        {"_meta": {"idempotencyKey": "[secret]", "traceparent": "[secret]"}},
    ]
