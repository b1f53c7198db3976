"""Which messages are about the connection itself."""

from typing import Any

import pytest

from rpcbackend.dispatch.control import is_cancellation, is_shutdown

CANCELS = {"jsonrpc": "2.0", "method": "$/cancelRequest", "params": {"id": 1}}


@pytest.mark.parametrize(
    ("message", "cancels"),
    [
        (CANCELS, True),
        (CANCELS | {"id": 2}, False),
        (CANCELS | {"params": [1]}, False),
        (CANCELS | {"method": "ping"}, False),
        ({"method": "$/cancelRequest", "params": {"id": 1}}, False),
        ([CANCELS], False),
    ],
    ids=["the notification", "a request", "by position", "another", "no JSON-RPC", "a batch"],
)
def test_only_the_notification_cancels(message: Any, cancels: bool) -> None:
    assert is_cancellation(message) is cancels


def test_shutdown_is_known_by_its_name() -> None:
    assert is_shutdown({"jsonrpc": "2.0", "id": 1, "method": "shutdown"})
    assert not is_shutdown({"jsonrpc": "2.0", "id": 1, "method": "ping"})
    assert not is_shutdown("shutdown")
