"""jsonrpcserver as planner: it looks up and binds, we run (architecture D1).

The library's synchronous dispatcher gets a table whose entries do not run anything: they record
the bound call in a slot that travels as its context. Swapping the engine means this module alone.
"""

import inspect
from dataclasses import dataclass, field
from typing import Any

from jsonrpcserver import Success
from jsonrpcserver.dispatcher import dispatch_to_response_pure

from rpcbackend.dispatch.registry import Method, Registry
from rpcbackend.errors import InvalidParamsError
from rpcbackend.protocol.codec import Json
from rpcbackend.protocol.envelope import check_request, split_positional
from rpcbackend.rpc_error import RpcError


@dataclass(slots=True)
class _Slot:
    method: Method | None = None
    positional: tuple[Json, ...] = ()
    named: dict[str, Json] = field(default_factory=dict)


class Planner:
    """Find the method and the named params of a message."""

    def __init__(self, registry: Registry) -> None:
        self._table = {method.channel: _entry(method) for method in registry}

    def plan(self, message: Json) -> tuple[Method, dict[str, Json]]:
        """Return the method and its params by name, `_meta` included.

        Raises:
            InvalidRequestError: The message is not a JSON-RPC 2.0 request.
            MethodNotFoundError: There is no such channel.
            InvalidParamsError: There are more params by position than the channel has.
        """
        if isinstance(message, dict) and "id" not in message:
            # For a notification the library keeps its refusal to itself; observers want to see it.
            message = {**message, "id": None}
        slot = _Slot()
        response = dispatch_to_response_pure(
            deserializer=_identity,
            validator=_check,
            methods=self._table,
            context=slot,
            post_process=_identity,
            request=message,
        )
        if slot.method is None:
            raise _refusal(response)
        if not slot.positional:
            return slot.method, slot.named
        named = split_positional(slot.positional, wire_names(slot.method))
        if named is None:
            raise InvalidParamsError(
                details={"errors": [{"path": "", "rule": "too_many_positional"}]}
            )
        return slot.method, named


def wire_names(method: Method) -> list[str]:
    """List the channel's params in the order in which they may be given by position."""
    return [field.alias or name for name, field in method.params.model_fields.items()]


def _entry(method: Method) -> Any:
    def record(slot: _Slot, /, *positional: Json, **named: Json) -> Any:
        slot.method, slot.positional, slot.named = method, positional, named
        return _RECORDED

    # Computed once: the library asks for it on every call, which costs 10 µs otherwise.
    record.__signature__ = _RECORD_SIGNATURE  # type: ignore[attr-defined]  # inspect looks for it
    return record


def _refusal(response: Any) -> RpcError:
    # The library answers with an Either, whose left side is the error it found.
    code: int = response._error.code  # noqa: SLF001 (the only way in)
    return RpcError.by_code[code]()


def _check(message: Any) -> Any:
    check_request(message)
    return message


def _identity(value: Any) -> Any:
    return value


_RECORDED = Success()
_RECORD_SIGNATURE = inspect.signature(lambda slot, /, *positional, **named: None)  # noqa: ARG005
