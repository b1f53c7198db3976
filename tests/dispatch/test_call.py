"""What the two seams are handed."""

import pytest

from rpcbackend.dispatch.call import Call, Exchange, Proceed
from rpcbackend.dispatch.registry import Result
from rpcbackend.security.principal import NOBODY
from tests.machine import Label, Machine, notification, request, say


async def test_a_ring_sees_the_complete_call() -> None:
    seen: list[Call] = []

    async def ring(call: Call, proceed: Proceed) -> Result:
        seen.append(call)
        return await proceed(call)

    machine = Machine(say, rings=(ring,))

    machine.receive(request(7, "test.say", label="a", _meta={"timeoutMs": 5}))

    (call,) = seen
    assert call.method is say
    assert call.params == Label(label="a")
    assert call.flight.request_id == 7
    assert call.context.connection is machine.server
    assert call.context.clock is machine.clock
    assert (call.context.actor, call.context.meta.timeout_ms) == ("nobody", 5)
    assert call.context.channel == "test.say"


async def test_an_observer_sees_an_exchange_it_cannot_change() -> None:
    machine = Machine(say)

    machine.receive(notification("test.say"))

    assert machine.exchanges == [
        Exchange(
            connection_id="con_1",
            channel="test.say",
            request_id=None,
            correlation_id=None,
            seconds=0.0,
            error=None,
            principal=NOBODY,
            message=notification("test.say"),
        )
    ]
    with pytest.raises(AttributeError):
        machine.exchanges[0].seconds = 1.0  # type: ignore[misc]  # what must not work
