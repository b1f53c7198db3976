"""One request between its arrival and its answer, and a batch of them."""

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine, Generator
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Literal

from rpcbackend.moments import Moment
from rpcbackend.protocol.codec import Json
from rpcbackend.protocol.envelope import RequestId, echo_id
from rpcbackend.schema.limits import Limits

LATE = "The call ran out of time while it waited for its turn; nothing was run."
"""What a call is told whose deadline passed in the queue."""

StopReason = Literal["cancelled", "deadline", "shutdown"]
Deliver = Callable[[bytes | None], None]
"""Takes the reply line, or None where none is due; called exactly once for each flight."""


@dataclass(slots=True, eq=False)
class Flight:
    """What the server knows of a request, and what stops it from outside."""

    message: Json
    deliver: Deliver
    size: int = 0
    arrived_at: float = 0.0
    """When it arrived, in seconds of the injected monotonic clock: deadlines count from here."""
    is_suspect: bool = False
    """Whether the line was long or deep enough that its params must be measured."""
    batch: "Batch | None" = None
    """The batch it is an element of."""
    number: int = 0
    """Its place among all that arrived."""
    mark: int = 0
    """The number of its correlation id, once that is wanted."""
    is_control: bool = False
    """Whether it overtakes the queue."""
    is_command: bool = False
    has_written: bool = False
    """Whether what it did is kept, whatever is answered."""
    moment: Moment | None = None
    """Its own time and chance, while the process records."""
    request_id: RequestId = field(init=False)
    stop_reason: StopReason | None = None
    deadline_at: float | None = None
    """When the call must be over, in seconds of the injected monotonic clock."""
    interrupt: Callable[[], Any] | None = field(default=None, repr=False)
    """Cancels the running call; None until it has to wait for something."""
    timer: asyncio.TimerHandle | None = field(default=None, repr=False)
    """Goes off at the deadline, in the queue as well as while the call runs."""

    def __post_init__(self) -> None:
        self.request_id = echo_id(self.message)

    def stop(self, reason: StopReason) -> None:
        """Ask the call to end; the first reason is the one that is answered."""
        if self.stop_reason is None and self.interrupt is not None:
            self.stop_reason = reason
            self.interrupt()


def budget_seconds(limits: Limits, kind: str, wanted_ms: int | None) -> float:
    """Return how long a call may take: as long as it *wanted*, or what its kind is given."""
    if wanted_ms is None:
        wanted_ms = limits.query_ms if kind == "query" else limits.command_ms
    return wanted_ms / 1_000


class Batch:
    """The replies of a batch on their way to one line, in request order.

    Args:
        count: How many elements it has, at least one.
        deliver: Takes the replies when the last one is there.
    """

    def __init__(self, count: int, deliver: Callable[[list[bytes | None]], None]) -> None:
        self._replies: list[bytes | None] = [None] * count
        self._missing = count
        self._deliver = deliver
        self.running = 0
        """How many elements run now."""
        self.waiting = 0
        """How many elements wait for their turn."""
        self.held: deque[Flight] = deque()
        """Queries among them that wait for nothing but an end within the batch."""
        self.reply_bytes = 0
        """How much the replies come to so far."""

    def collect(self, index: int, reply: bytes | None) -> None:
        """Take the reply to one element."""
        self._replies[index] = reply
        self.reply_bytes += len(reply or b"")
        self._missing -= 1
        if not self._missing:
            self._deliver(self._replies)


class Started:
    """A coroutine that already ran to its first wait, made awaitable for the rest of its way.

    Until Python 3.12 brings eager tasks to every supported version (asyncio.eager_task_factory).
    """

    def __init__(self, coroutine: Coroutine[Any, Any, bytes | None], waits_for: Any) -> None:
        self._coroutine = coroutine
        self._waits_for = waits_for

    def __await__(self) -> Generator[Any, Any, bytes | None]:
        waits_for = self._waits_for
        while True:
            try:
                sent = yield waits_for
            except BaseException as exc:  # noqa: BLE001 (a cancellation must reach the coroutine)
                advance = partial(self._coroutine.throw, exc)
            else:
                advance = partial(self._coroutine.send, sent)
            try:
                waits_for = advance()
            except StopIteration as stop:
                return stop.value  # type: ignore[no-any-return]  # typeshed: StopIteration.value is Any
