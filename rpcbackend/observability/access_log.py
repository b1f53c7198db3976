"""One log line for each exchange that failed, and for each at all when debugging."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from loguru import logger

from rpcbackend.dispatch.call import Exchange
from rpcbackend.dispatch.registry import Registry
from rpcbackend.errors import InvalidParamsError
from rpcbackend.monitor import LogLevels
from rpcbackend.schema.base import WireModel
from rpcbackend.security.redaction import redact_params

if TYPE_CHECKING:
    # loguru names its type in its stubs alone.
    from loguru import Logger

Fitted = Callable[[type[WireModel], Any, Callable[[Any], Any]], Any]
"""Takes a model, the params and what replaces a value."""

_SHOWS_ALL: Final = ("TRACE", "DEBUG")


class AccessLog:
    """The observer that logs exchanges.

    Calls that went well cost a log line only where one is wanted; params are never shown but at
    TRACE, if they fit, and then without what is secret or personal.

    Args:
        levels: Tells what is wanted.
    """

    def __init__(self, levels: LogLevels) -> None:
        self._levels = levels
        self.registry: Registry | None = None
        """Tells what of the params is secret; without it none are shown."""
        self.fitted: Fitted | None = None
        """Takes out of params what slipped into fields that are not marked."""

    def observe(self, exchange: Exchange) -> None:
        """Log one exchange, if it is worth a line."""
        if exchange.error is not None:
            self._line(exchange).bind(
                symbol=exchange.error.symbol, correlation_id=exchange.correlation_id
            ).info("refused")
        elif self._levels.level in _SHOWS_ALL:
            self._line(exchange).debug("answered")

    def _line(self, exchange: Exchange) -> "Logger":
        line = logger.bind(
            connection=exchange.connection_id,
            channel=exchange.channel,
            ms=round(exchange.seconds * 1_000, 3),
            actor=exchange.principal.actor,
        )
        if self._levels.level == "TRACE":
            return line.bind(params=self._params_of(exchange))
        return line

    def _params_of(self, exchange: Exchange) -> Any:
        method = self.registry.get(exchange.channel) if self.registry else None
        message = exchange.message
        if not exchange.fits or isinstance(exchange.error, InvalidParamsError):
            # A name may stand where an id belongs.
            return None
        if method is None or not isinstance(message, dict) or "params" not in message:
            return None
        params = message["params"]
        if self.fitted is not None:
            params = self.fitted(method.params, params, lambda value: _hide("secret", value))
        return redact_params(method.params, params, _hide)


def _hide(mark: str, _value: Any) -> str:
    return f"[{mark}]"
