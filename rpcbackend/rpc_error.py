"""What every error that a caller can get is made of; which there are stands in `errors`."""

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

ErrorType = Literal["network", "validation", "business", "system"]
Outcome = Literal["none", "committed", "unknown"]

# vscode-jsonrpc gives these its own meaning (protocol.md section 5).
_NEVER_USED = frozenset({-32001, -32002, *range(-32099, -32095)})


class RpcError(Exception):
    """Something went wrong inside the backend; the correlation id finds it in the log."""

    code: ClassVar[int] = -32603
    symbol: ClassVar[str] = "INTERNAL_ERROR"
    error_type: ClassVar[ErrorType] = "system"
    retryable: bool = False
    by_code: ClassVar[dict[int, type["RpcError"]]] = {}

    def __init_subclass__(cls) -> None:
        """Refuse a code or symbol that is taken, and a class without its message."""
        taken = {known.symbol for known in cls.by_code.values()}
        if cls.code in cls.by_code or cls.symbol in taken or cls.code in _NEVER_USED:
            raise TypeError(f"{cls.__name__}: code {cls.code} or symbol {cls.symbol} is taken")
        if not cls.__doc__:
            raise TypeError(f"{cls.__name__} has no docstring, so no message")
        cls.by_code[cls.code] = cls

    def __init__(
        self,
        message: str | None = None,
        *,
        details: Mapping[str, Any] | None = None,
        outcome: Outcome = "none",
        retry_after_ms: int | None = None,
    ) -> None:
        self.message = message or default_message(type(self))
        self.details = details
        self.outcome = outcome
        self.retry_after_ms = retry_after_ms
        super().__init__(self.message)


RpcError.by_code[RpcError.code] = RpcError


def default_message(error: type[RpcError]) -> str:
    """Return the first sentence of the error's docstring."""
    return (error.__doc__ or "").strip().partition("\n")[0]
