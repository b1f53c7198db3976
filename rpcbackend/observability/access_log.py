"""One log line for each exchange that failed, and for each at all when debugging."""

from typing import TYPE_CHECKING

from loguru import logger

from rpcbackend.dispatch.call import Exchange, Observer

if TYPE_CHECKING:
    # loguru names its type in its stubs alone.
    from loguru import Logger


def access_log(level: str) -> Observer:
    """Return the observer for a log of *level*; it never sees params or results.

    Calls that went well cost a log line only where one is wanted.
    """
    return _log_every if level in ("TRACE", "DEBUG") else _log_failed


def _log_every(exchange: Exchange) -> None:
    if exchange.error is None:
        _line(exchange).debug("answered")
    else:
        _log_failed(exchange)


def _log_failed(exchange: Exchange) -> None:
    if exchange.error is not None:
        _line(exchange).bind(
            symbol=exchange.error.symbol, correlation_id=exchange.correlation_id
        ).info("refused")


def _line(exchange: Exchange) -> "Logger":
    return logger.bind(
        connection=exchange.connection_id,
        channel=exchange.channel,
        ms=round(exchange.seconds * 1_000, 3),
    )
