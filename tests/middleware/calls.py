"""A call as a ring sees it."""

from typing import Any

from rpcbackend.app import Application
from rpcbackend.context import Context
from rpcbackend.dispatch.call import Call, Guard
from rpcbackend.dispatch.flight import Flight
from rpcbackend.dispatch.registry import Method, Result
from rpcbackend.ids import Ids
from rpcbackend.schema.meta import CallMeta
from rpcbackend.security.principal import LOCAL
from rpcbackend.testing import Client, FrozenClock
from tests.machine import Label, Said


def make_call(
    method: Method, *, host: Application | None = None, label: str = "", **meta: Any
) -> Call:
    """Make a call of *method* with that label and those options."""
    clock = FrozenClock()
    host = host or Application(None)
    return Call(
        method=method,
        params=Label(label=label),
        context=Context(
            host=host,
            connection=Client(host).server,
            clock=clock,
            ids=Ids(clock),
            meta=CallMeta(**meta),
            channel=method.channel,
            permission=method.permission,
            principal=LOCAL,
        ),
        flight=Flight(message={}, deliver=lambda _: None),
    )


async def passing(guard: Guard, call: Call) -> Result:
    """Ask a guard, and stand for what is behind it."""
    waits = guard(call)
    if waits is not None:
        await waits
    return await proceed(call)


async def proceed(call: Call) -> Result:
    """Stand for the rings further in and the handler."""
    assert isinstance(call.params, Label)
    return Said(text=call.params.label)
