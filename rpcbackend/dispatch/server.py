"""One connection: lines to messages to flights, bounded, cancellable, drained at the end."""

import asyncio
import hmac
from collections import deque
from collections.abc import Coroutine, Mapping
from contextvars import Context, copy_context
from functools import partial
from typing import Any, Protocol

from rpcbackend.clock import Clock
from rpcbackend.context import Feed
from rpcbackend.dispatch.dispatcher import Dispatcher
from rpcbackend.dispatch.flight import LATE, Arrival, Batch, Flight, Started
from rpcbackend.errors import (
    DeadlineExceededError,
    ForbiddenError,
    InvalidRequestError,
    OverloadedError,
    ParseError,
    RequestCancelledError,
    RequestTooLargeError,
    ResponseTooLargeError,
    RpcError,
    ShuttingDownError,
)
from rpcbackend.protocol import codec
from rpcbackend.protocol.codec import Json
from rpcbackend.protocol.envelope import is_request, is_request_id, is_response
from rpcbackend.protocol.limits import may_exceed
from rpcbackend.security.tokens import Audience

MAX_UNREADABLE_IN_ROW = 100
"""protocol.md section 6."""

CANCEL = "$/cancelRequest"
SHUTDOWN = "shutdown"

STOP_SECONDS = 1.0
"""How long stopped calls may take to answer, and a commit under way to end."""


class LineSink(Protocol):
    """Takes reply lines."""

    def send(self, line: bytes) -> None:
        """Queue one line, its line end included."""
        ...

    @property
    def is_writable(self) -> bool:
        """Whether the peer has read most of what it was sent."""
        ...

    async def writable(self) -> None:
        """Wait until the peer has read most of what it was sent."""
        ...


class OutOfStepError(Exception):
    """So many lines in a row were unreadable that the stream cannot be trusted any more."""


class Server:
    """Serve one connection.

    Args:
        dispatcher: Answers the messages.
        sink: Takes the replies and notifications.
        clock: Measures deadlines.
        connection_id: Tells connections of one process apart.
    """

    def __init__(
        self, dispatcher: Dispatcher, sink: LineSink, *, clock: Clock, connection_id: str
    ) -> None:
        self.id = connection_id
        self._dispatcher, self._limits = dispatcher, dispatcher.limits
        self._sink = sink
        self._clock = clock
        self.audience: Audience = "stdio"
        self.session_id: str | None = None
        """The session that signed in on this connection."""
        self._capability: str | None = None
        self._running: set[Flight] = set()
        self._queue: deque[Flight] = deque()
        self._queued_bytes = 0
        self._tasks: set[asyncio.Task[None]] = set()
        self._feed: Feed | None = None
        self._unreadable_in_row = 0
        self._is_starting = False
        self._is_draining = False
        self._went_idle = asyncio.Event()

    @property
    def in_flight(self) -> int:
        """How many calls have begun and not ended."""
        return len(self._running)

    @property
    def queued(self) -> int:
        """How many calls wait for a place."""
        return len(self._queue)

    def receive(self, line: bytes | None) -> None:
        """Take one line; None stands for one that was too long to keep.

        Raises:
            OutOfStepError: This was the hundredth unreadable line in a row.
        """
        if self._unreadable_in_row >= MAX_UNREADABLE_IN_ROW:
            return
        if line is None:
            self._count_unreadable(RequestTooLargeError())
            return
        try:
            message = codec.decode(line)
        except ParseError as error:
            self._count_unreadable(error)
            return
        self._unreadable_in_row = 0
        arrival = Arrival(len(line), self._clock.monotonic(), may_exceed(line, self._limits))
        if isinstance(message, list):
            self._receive_batch(message, arrival)
        else:
            self._admit(arrival.flight(message, self._send))

    def notify(self, method: str, params: Mapping[str, Json] | bytes) -> None:
        """Send a notification."""
        self._sink.send(codec.notification(method, params))

    @property
    def is_writable(self) -> bool:
        """Whether the peer has read most of what it was sent."""
        return self._sink.is_writable

    async def writable(self) -> None:
        """Wait until the peer has read most of what it was sent."""
        await self._sink.writable()

    def subscribe(self, feed: Feed) -> None:
        """Keep *feed* running until the connection ends; it takes the place of the one before."""
        if self._feed is not None:
            self._feed.stop()
        self._feed = feed
        if self._is_draining:
            feed.stop()
        self._spawn(feed.run())

    @property
    def is_desk(self) -> bool:
        """Whether the program at the other end is the one that started us."""
        return self.audience == "stdio"

    def entrust(self, capability: str) -> None:
        """Keep main-only channels for whoever knows *capability*.

        Raises:
            ForbiddenError: Another one was named before: a window must not make itself main.
        """
        if self._capability is not None and not self.is_main(capability):
            raise ForbiddenError("Another capability holds on this connection.")
        self._capability = capability

    def is_main(self, capability: str | None) -> bool:
        """Tell whether a call that brings *capability* comes from the main process.

        Whoever started us is the main process as long as it has named no capability.
        """
        if self._capability is None:
            return self.is_desk
        return capability is not None and hmac.compare_digest(
            capability.encode(), self._capability.encode()
        )

    async def drain(self, seconds: float) -> bool:
        """Refuse new calls and wait for those that are here; stop what has not ended by then.

        Returns:
            Whether everything ended by itself within *seconds*.
        """
        self._is_draining = True
        if self._feed is not None:
            self._feed.stop()
        # Not asyncio.timeout: a call's first step, such as shutdown's, runs outside of any task.
        idle = self._spawn(self._until_idle())
        await asyncio.wait({idle}, timeout=seconds)
        if idle.done():
            return True
        while self._queue:
            self._give_up(self._queue[0], ShuttingDownError())
        for flight in self._working():
            flight.stop("shutdown")
        await asyncio.wait({idle}, timeout=STOP_SECONDS)
        idle.cancel()
        return False

    # Messages in

    def _count_unreadable(self, error: RpcError) -> None:
        self._refuse(Flight(message=None, deliver=self._send), error)
        self._unreadable_in_row += 1
        if self._unreadable_in_row >= MAX_UNREADABLE_IN_ROW:
            raise OutOfStepError

    def _receive_batch(self, messages: list[Json], arrival: Arrival) -> None:
        if not 0 < len(messages) <= self._limits.batch_elements:
            error = InvalidRequestError(
                f"A batch holds 1 to {self._limits.batch_elements} requests; nothing was run."
            )
            self._refuse(Flight(message=None, deliver=self._send), error)
            return
        batch = Batch(len(messages), self._send_batch)
        arrival.size //= len(messages)
        for index, message in enumerate(messages):
            flight = arrival.flight(message, self._send)
            flight.batch, flight.deliver = batch, partial(self._collect, batch, index, flight)
            self._admit(flight)

    def _collect(self, batch: Batch, index: int, flight: Flight, reply: bytes | None) -> None:
        bound = self._limits.response_bytes
        if reply is not None and batch.reply_bytes + len(reply) > bound:
            reply = self._dispatcher.refuse(flight, ResponseTooLargeError(), self.id)
        batch.collect(index, reply)

    def _admit(self, flight: Flight) -> None:
        if self._is_answered_by_silence(flight.message):
            flight.deliver(None)
        elif self._overtakes(flight.message):
            self._admit_control(flight)
        elif self._is_draining:
            self._refuse(flight, ShuttingDownError(retry_after_ms=1_000))
        elif not self._queue and self._may_start(flight):
            self._start(flight)
        elif self._may_wait(flight):
            self._enqueue(flight)
        else:
            self._refuse(flight, OverloadedError(retry_after_ms=100))

    def _admit_control(self, flight: Flight) -> None:
        control = sum(self._overtakes(running.message) for running in self._running)
        if control < self._limits.control_in_flight:
            self._start(flight)
        else:
            self._refuse(flight, OverloadedError(retry_after_ms=100))

    def _may_start(self, flight: Flight) -> bool:
        # A batch that is at its bound holds up what came behind it: that keeps writes in order.
        if flight.batch is not None and flight.batch.running >= self._limits.batch_at_once:
            return False
        return len(self._running) < self._limits.in_flight

    def _may_wait(self, flight: Flight) -> bool:
        bytes_then = self._queued_bytes + flight.size
        return len(self._queue) < self._limits.queued and bytes_then <= self._limits.queued_bytes

    def _is_answered_by_silence(self, message: Json) -> bool:
        """Deal with what is no call: answers, which are ignored, and cancellations."""
        if is_response(message):
            return True
        if not isinstance(message, dict) or message.get("method") != CANCEL or "id" in message:
            return False
        if not is_request(message):
            # Nor is it a notification then: it is refused like any other.
            return False
        params = message.get("params")
        if isinstance(params, dict) and "id" in params:
            self._cancel(params["id"])
        return True

    def _cancel(self, request_id: Json) -> None:
        # `true` would hit request 1, and null every notification.
        if request_id is None or not is_request_id(request_id):
            return
        for flight in [waiting for waiting in self._queue if waiting.request_id == request_id]:
            self._give_up(flight, RequestCancelledError())
        for flight in [running for running in self._running if running.request_id == request_id]:
            flight.stop("cancelled")

    def _overtakes(self, message: Json) -> bool:
        channel = message.get("method") if isinstance(message, dict) else None
        method = self._dispatcher.registry.get(channel)
        return method is not None and method.lane == "control"

    def _enqueue(self, flight: Flight) -> None:
        self._queue.append(flight)
        self._queued_bytes += flight.size
        late_at = flight.arrived_at + self._dispatcher.patience(flight.message)
        flight.timer = asyncio.get_running_loop().call_later(
            late_at - self._clock.monotonic(), self._give_up, flight, DeadlineExceededError(LATE)
        )

    def _dequeue(self) -> Flight:
        flight = self._queue[0]
        self._leave_queue(flight)
        return flight

    def _give_up(self, flight: Flight, error: RpcError) -> None:
        """Refuse a call that still waits."""
        self._leave_queue(flight)
        self._refuse(flight, error)

    def _leave_queue(self, flight: Flight) -> None:
        self._queue.remove(flight)
        self._queued_bytes -= flight.size
        if flight.timer is not None:
            flight.timer.cancel()

    # Calls

    def _start(self, flight: Flight) -> None:
        """Run the call as far as it gets at once; only one that has to wait costs a task."""
        self._running.add(flight)
        if flight.batch is not None:
            flight.batch.running += 1
        coroutine = self._dispatcher.answer(flight, self)
        # Its own context from the first step on: what a call sets there ends with it.
        context = copy_context()
        try:
            waits_for = context.run(coroutine.send, None)
        except StopIteration as stop:
            self._finish(flight, stop.value)
            return
        task = self._spawn(self._complete(flight, Started(coroutine, waits_for)), context)
        # Not at once: a task that is cancelled before its first step never begins, nor answers.
        flight.interrupt = partial(asyncio.get_running_loop().call_soon, task.cancel)
        if flight.deadline_at is not None:
            seconds = flight.deadline_at - self._clock.monotonic()
            stop_late = partial(flight.stop, "deadline")
            flight.timer = asyncio.get_running_loop().call_later(seconds, stop_late)

    async def _complete(self, flight: Flight, started: "Started") -> None:
        self._finish(flight, await started)

    def _finish(self, flight: Flight, reply: bytes | None) -> None:
        self._running.discard(flight)
        if flight.batch is not None:
            flight.batch.running -= 1
        if flight.timer is not None:
            flight.timer.cancel()
        flight.deliver(reply)
        if self._queue and not self._is_starting:
            self._start_waiting()
        if self._is_draining:
            self._went_idle.set()

    def _start_waiting(self) -> None:
        # A call that ends at once comes back to _finish: a loop here, or a stack of them all.
        self._is_starting = True
        try:
            while self._queue and self._may_start(self._queue[0]):
                self._start(self._dequeue())
        finally:
            self._is_starting = False

    def _working(self) -> list[Flight]:
        # The shutdown request itself is in flight too, and waits for the others.
        return [flight for flight in self._running if not _is_shutdown(flight.message)]

    async def _until_idle(self) -> None:
        while self._queue or self._working():
            self._went_idle.clear()
            await self._went_idle.wait()

    def _spawn(
        self, work: Coroutine[Any, Any, None], context: Context | None = None
    ) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(work, context=context)
        # The loop keeps only weak references to its tasks.
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    # Replies out

    def _refuse(self, flight: Flight, error: RpcError) -> None:
        flight.deliver(self._dispatcher.refuse(flight, error, self.id))

    def _send(self, reply: bytes | None) -> None:
        if reply is not None:
            self._sink.send(reply)

    def _send_batch(self, replies: list[bytes | None]) -> None:
        if lines := [reply for reply in replies if reply is not None]:
            self._sink.send(codec.batch(lines))


def _is_shutdown(message: Json) -> bool:
    return isinstance(message, dict) and message.get("method") == SHUTDOWN
