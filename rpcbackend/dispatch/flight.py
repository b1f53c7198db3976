"""One request between its arrival and its answer, and a batch of them."""

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Literal

from rpcbackend.protocol.codec import Json
from rpcbackend.protocol.envelope import RequestId, echo_id

BATCH_AT_ONCE = 16
"""Elements of one batch that run at the same time, so that a batch does not starve the rest."""

StopReason = Literal["cancelled", "deadline", "shutdown"]
Deliver = Callable[[bytes | None], None]
"""Takes the reply line, or None where none is due; called exactly once for each flight."""


@dataclass(slots=True, kw_only=True, eq=False)
class Flight:
    """What the server knows of a request, and what stops it from outside."""

    message: Json
    deliver: Deliver
    size: int = 0
    arrived_at: float = 0.0
    """When it arrived, in seconds of the injected monotonic clock: deadlines count from here."""
    is_suspect: bool = False
    """Whether the line was long or deep enough that its params must be measured."""
    request_id: RequestId = field(init=False)
    stop_reason: StopReason | None = None
    deadline_at: float | None = None
    """When the call must be over, in seconds of the injected monotonic clock."""
    interrupt: Callable[[], Any] | None = field(default=None, repr=False)
    """Cancels the running call; None until it has to wait for something."""
    timer: asyncio.TimerHandle | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        self.request_id = echo_id(self.message)

    def stop(self, reason: StopReason) -> None:
        """Ask the call to end; the first reason is the one that is answered."""
        if self.stop_reason is None and self.interrupt is not None:
            self.stop_reason = reason
            self.interrupt()


class Batch:
    """Run the elements of a batch, some at a time, and deliver all replies in request order.

    Args:
        messages: The elements, at least one.
        make: Makes the flight of an element.
        admit: Takes each element's flight.
        deliver: Takes the replies when the last one is there.
    """

    def __init__(
        self,
        messages: list[Json],
        *,
        make: Callable[[Json, Deliver], Flight],
        admit: Callable[[Flight], None],
        deliver: Callable[[list[bytes | None]], None],
    ) -> None:
        self._waiting = deque(enumerate(messages))
        self._replies: list[bytes | None] = [None] * len(messages)
        self._make, self._admit, self._deliver = make, admit, deliver
        self._running = 0
        self._is_advancing = False

    def advance(self) -> None:
        """Start as many elements as may run at once."""
        # An element that ends at once calls back into here: the loop below goes on then anyway.
        if self._is_advancing:
            return
        self._is_advancing = True
        while self._waiting and self._running < BATCH_AT_ONCE:
            index, message = self._waiting.popleft()
            self._running += 1
            self._admit(self._make(message, partial(self._collect, index)))
        self._is_advancing = False
        if not self._running:
            self._deliver(self._replies)

    def _collect(self, index: int, reply: bytes | None) -> None:
        self._replies[index] = reply
        self._running -= 1
        self.advance()
