"""One log line for each exchange that failed, and for each at all when debugging."""

from loguru import logger

from rpcbackend.dispatch.call import Exchange


def log_exchange(exchange: Exchange) -> None:
    """Log what was asked and how it ended; never params or results."""
    line = logger.bind(
        connection=exchange.connection_id,
        channel=exchange.channel,
        ms=round(exchange.seconds * 1_000, 3),
    )
    if exchange.error is None:
        line.debug("answered")
        return
    line.bind(symbol=exchange.error.symbol, correlation_id=exchange.correlation_id).info("refused")
