"""What callers took, told among the processes of a school."""

from typing import Annotated

from pydantic import Field, TypeAdapter, ValidationError

from rpcbackend.clock import Clock
from rpcbackend.resilience.shares import Rates
from rpcbackend.store import Store

_TOLD = TypeAdapter(dict[str, dict[str, Annotated[int, Field(ge=0)]]])


def share_rates(rates: Rates, store: Store, clock: Clock) -> None:
    """Let the other processes that serve this store hear what passed here, and hear them.

    Args:
        rates: The limiters of this process.
        store: Knows the others, if there can be any.
        clock: Measures the rates.
    """

    def take() -> list[str]:
        return [_TOLD.dump_json(told).decode() for told in rates.take_told()]

    def hear(message: str) -> None:
        try:
            told = _TOLD.validate_json(message)
        except ValidationError:
            # Of another version of this program.
            return
        rates.hear(told, clock.monotonic())

    rates.share(is_shared=store.engine.is_shared)
    rates.on_hurry = store.engine.others.talk(take, hear)
