"""Which channel a reply answers: the schema of its result says what must be taken out of it."""

from collections import Counter
from typing import Any

from rpcbackend.dispatch.registry import Method
from rpcbackend.protocol import codec

MAX_WAITING = 10_000
"""Requests whose reply is waited for: a connection can have fewer."""

_Key = tuple[str, bytes]


class Waiting:
    """The requests of all connections that are not answered yet, by their ids."""

    def __init__(self) -> None:
        self._methods: dict[_Key, Method | None] = {}
        self._twice: Counter[_Key] = Counter()

    def asked(self, connection_id: str, request_id: Any, method: Method | None) -> None:
        """Note a request; None stands for a channel that there is not."""
        key = _key(connection_id, request_id)
        if len(self._methods) >= MAX_WAITING:
            self.forget()
        if key in self._methods:
            # Whichever is answered first: until both are, no reply says whose it is.
            self._twice[key] = (self._twice[key] or 1) + 1
        self._methods[key] = method

    def answered(self, connection_id: str, request_id: Any) -> Method | None:
        """Return the method that a reply answers; None if nobody can tell."""
        key = _key(connection_id, request_id)
        if key not in self._twice:
            return self._methods.pop(key, None)
        self._twice[key] -= 1
        if self._twice[key] == 0:
            del self._twice[key], self._methods[key]
        return None

    def forget(self) -> None:
        """Wait for no reply any more: some were dropped."""
        self._methods.clear()
        self._twice.clear()


def _key(connection_id: str, request_id: Any) -> _Key:
    return connection_id, codec.encode(request_id)
