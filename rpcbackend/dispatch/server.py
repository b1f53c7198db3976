"""One connection: lines to messages to flights, bounded, cancellable, drained at the end."""

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from contextvars import Context, copy_context
from functools import partial
from typing import Any

from rpcbackend.clock import Clock
from rpcbackend.context import Feed
from rpcbackend.dispatch.control import CANCEL, is_cancellation, is_shutdown
from rpcbackend.dispatch.dispatcher import Dispatcher
from rpcbackend.dispatch.flight import LATE, Batch, Flight, Started
from rpcbackend.dispatch.peer import Peer
from rpcbackend.dispatch.registry import Method
from rpcbackend.dispatch.tap import LineSink, Tap, Tapped
from rpcbackend.dispatch.turns import WEIGHED_FROM_BYTES, Turns, weigh
from rpcbackend.errors import (
    DeadlineExceededError,
    InvalidRequestError,
    OutcomeUnknownError,
    OverloadedError,
    ParseError,
    RequestCancelledError,
    RequestTooLargeError,
    ResponseTooLargeError,
    ShuttingDownError,
)
from rpcbackend.moments import MOMENT
from rpcbackend.protocol import codec
from rpcbackend.protocol.codec import Json
from rpcbackend.protocol.envelope import is_request_id, is_response
from rpcbackend.protocol.limits import may_exceed
from rpcbackend.rpc_error import RpcError
from rpcbackend.security.tokens import Audience

MAX_UNREADABLE_IN_ROW = 100
"""protocol.md section 6."""

STOP_SECONDS = 1.0
"""How long stopped calls may take to answer, and a commit under way to end."""


class OutOfStepError(Exception):
    """So many lines in a row were unreadable that the stream cannot be trusted any more."""


class Server(Peer):
    """Serve one connection.

    Args:
        dispatcher: Answers the messages.
        sink: Takes the replies and notifications.
        clock: Measures deadlines.
        connection_id: Tells connections of one process apart.
        tap: Gets every line, in and out.
        audience: How the peer reached us.
        source: Whose guesses count together; by default the connection counts by itself.
        is_draining: Whether it came too late: every new call is refused.
    """

    def __init__(
        self,
        dispatcher: Dispatcher,
        sink: LineSink,
        *,
        clock: Clock,
        connection_id: str,
        tap: Tap | None = None,
        audience: Audience = "stdio",
        source: str | None = None,
        is_draining: bool = False,
    ) -> None:
        self.id = connection_id
        self._dispatcher, self._limits = dispatcher, dispatcher.limits
        self._tap = tap
        self._sink = sink if tap is None else Tapped(sink, tap, connection_id)
        self._clock = clock
        super().__init__(audience, connection_id if source is None else source)
        self._running: set[Flight] = set()
        self._turns = Turns(self._limits, lambda: sink.is_backed_up)
        self._arrived = 0
        self._control = 0
        self._tasks: set[asyncio.Task[None]] = set()
        self._feeds: dict[str, Feed] = {}
        self._unreadable_in_row = 0
        self._is_starting = False
        self._is_draining = is_draining
        self.on_feed_end: Callable[[], None] | None = None
        """Told each time that a feed has come to its end."""
        self._went_idle = asyncio.Event()

    @property
    def in_flight(self) -> int:
        """How many calls have begun and not ended."""
        return len(self._running)

    @property
    def queued(self) -> int:
        """How many calls wait for a place."""
        return len(self._turns)

    def receive(self, line: bytes | None) -> None:
        """Take one line; None stands for one that was too long to keep.

        Raises:
            OutOfStepError: This was the hundredth unreadable line in a row.
        """
        if self._unreadable_in_row >= MAX_UNREADABLE_IN_ROW:
            return
        if self._tap is not None:
            self._tap.came(self.id, line)
        if line is None:
            self._count_unreadable(RequestTooLargeError())
            return
        try:
            message = codec.decode(line)
        except ParseError as error:
            self._count_unreadable(error)
            return
        self._unreadable_in_row = 0
        size = len(line)
        if size >= WEIGHED_FROM_BYTES:
            size = weigh(line)
        arrived_at = self._clock.monotonic()
        is_suspect = may_exceed(line, self._limits)
        if isinstance(message, list):
            self._receive_batch(message, size, arrived_at, is_suspect=is_suspect)
        else:
            self._admit(Flight(message, self._send, size, arrived_at, is_suspect))

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

    def subscribe(self, feed: Feed, what: str = "event") -> None:
        """Keep *feed* running until the connection ends; it takes the place of the one before."""
        self.unsubscribe(what)
        self._feeds[what] = feed
        if self._is_draining:
            feed.stop()
        running = self._spawn(feed.run())
        if self.on_feed_end is not None:
            on_end = self.on_feed_end
            running.add_done_callback(lambda _: on_end())

    def unsubscribe(self, what: str) -> None:
        """Stop the feed of this kind, if there is one."""
        if what in self._feeds:
            self._feeds.pop(what).stop()

    def resume(self) -> None:
        """Go on with what waits: the peer reads again."""
        self._start_waiting()

    async def drain(self, seconds: float) -> bool:
        """Refuse new calls and wait for those that are here; stop what has not ended by then.

        Returns:
            Whether everything ended by itself within *seconds*.
        """
        self._is_draining = True
        for feed in self._feeds.values():
            feed.stop()
        # Not asyncio.timeout: a call's first step, such as shutdown's, runs outside of any task.
        idle = self._spawn(self._until_idle())
        await asyncio.wait({idle}, timeout=seconds)
        if idle.done():
            return True
        for flight in self._turns:
            self._give_up(flight, ShuttingDownError())
        for flight in self._working():
            flight.stop("shutdown")
        await asyncio.wait({idle}, timeout=STOP_SECONDS)
        idle.cancel()
        for flight in self._working():
            # A commit that hangs, on a dead disk say: the process will not wait for it.
            self._refuse(flight, OutcomeUnknownError())
            flight.deliver = _to_nobody
        return False

    # Messages in

    def _count_unreadable(self, error: RpcError) -> None:
        self._refuse(self._no_call(self._clock.monotonic()), error)
        self._unreadable_in_row += 1
        if self._unreadable_in_row >= MAX_UNREADABLE_IN_ROW:
            raise OutOfStepError

    def _receive_batch(
        self, messages: list[Json], size: int, arrived_at: float, *, is_suspect: bool
    ) -> None:
        if not 0 < len(messages) <= self._limits.batch_elements:
            error = InvalidRequestError(
                f"A batch holds 1 to {self._limits.batch_elements} requests; nothing was run."
            )
            self._refuse(self._no_call(arrived_at), error)
            return
        batch = Batch(len(messages), self._send_batch)
        for index, message in enumerate(messages):
            flight = Flight(message, self._send, size, arrived_at, is_suspect)
            flight.batch, flight.deliver = batch, partial(self._collect, batch, index, flight)
            self._admit(flight)

    def _collect(self, batch: Batch, index: int, flight: Flight, reply: bytes | None) -> None:
        bound = self._limits.response_bytes
        if reply is not None and batch.reply_bytes + len(reply) > bound:
            reply = self._dispatcher.refuse(flight, ResponseTooLargeError(), self.id)
        batch.collect(index, reply)

    def _admit(self, flight: Flight) -> None:
        message = flight.message
        channel = message.get("method") if isinstance(message, dict) else None
        if channel is None and is_response(message):
            flight.deliver(None)
        elif channel == CANCEL and is_cancellation(message):
            self._cancel(message)
            flight.deliver(None)
        else:
            self._admit_call(flight, self._dispatcher.registry.get(channel))

    def _admit_call(self, flight: Flight, method: Method | None) -> None:
        self._arrived += 1
        flight.number = self._arrived
        if self._tap is not None:
            flight.moment = self._tap.moment()
        if method is not None:
            flight.is_control = method.lane == "control"
            flight.is_command = method.kind != "query"
        if flight.is_control:
            may_start = self._control < self._limits.control_in_flight
        else:
            may_start = not self._is_draining and self._turns.may_start(flight)
        if may_start:
            self._start(flight)
        elif self._is_draining:
            self._refuse(flight, ShuttingDownError(retry_after_ms=1_000))
        elif not flight.is_control and self._turns.may_wait(flight):
            self._enqueue(flight)
        else:
            self._refuse(flight, OverloadedError(retry_after_ms=100))

    def _cancel(self, message: Json) -> None:
        params = message["params"] if isinstance(message, dict) else {}
        request_id = params.get("id") if isinstance(params, dict) else None
        # `true` would hit request 1, and null every notification.
        if request_id is None or not is_request_id(request_id):
            return
        for flight in [waiting for waiting in self._turns if waiting.request_id == request_id]:
            self._give_up(flight, RequestCancelledError())
        for flight in [running for running in self._running if running.request_id == request_id]:
            # initialize and shutdown go to their end: half a key or half a shutdown is neither.
            if not (flight.is_control and flight.is_command):
                flight.stop("cancelled")

    def _enqueue(self, flight: Flight) -> None:
        self._turns.wait(flight)
        late_at = flight.arrived_at + self._dispatcher.patience(flight.message)
        flight.timer = asyncio.get_running_loop().call_later(
            late_at - self._clock.monotonic(), self._give_up, flight, DeadlineExceededError(LATE)
        )

    def _give_up(self, flight: Flight, error: RpcError) -> None:
        """Refuse a call that still waits."""
        self._leave_queue(flight)
        self._refuse(flight, error)
        # Those behind it may have waited for it alone.
        self._start_waiting()

    def _leave_queue(self, flight: Flight) -> None:
        self._turns.leave(flight)
        if flight.timer is not None:
            flight.timer.cancel()

    # Calls

    def _start(self, flight: Flight) -> None:
        """Run the call as far as it gets at once; only one that has to wait costs a task."""
        self._running.add(flight)
        if flight.is_control:
            self._control += 1
        else:
            self._turns.start(flight)
        coroutine = self._dispatcher.answer(flight, self)
        # Its own context from the first step on: what a call sets there ends with it.
        context = copy_context()
        if flight.moment is not None:
            context.run(MOMENT.set, flight.moment)
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
        if flight.is_control:
            self._control -= 1
        else:
            self._turns.finish(flight)
        if flight.timer is not None:
            flight.timer.cancel()
        if flight.moment is not None:
            flight.moment.is_over = True
        # Its task holds a context, and that the flight: a circle that only the collector would cut.
        flight.interrupt = None
        flight.deliver(reply)
        if self._turns:
            self._start_waiting()
        if self._is_draining:
            self._went_idle.set()

    def _start_waiting(self) -> None:
        # A call that ends at once comes back to _finish: a loop here, or a stack of them all.
        if self._is_starting or not self._turns:
            return
        self._is_starting = True
        try:
            while (flight := self._turns.next()) is not None:
                self._leave_queue(flight)
                self._start(flight)
        finally:
            self._is_starting = False

    def _working(self) -> list[Flight]:
        # The shutdown request itself is in flight too, and waits for the others.
        return [flight for flight in self._running if not is_shutdown(flight.message)]

    async def _until_idle(self) -> None:
        while self._turns or self._working():
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
        context = copy_context()
        if self._tap is not None:
            context.run(MOMENT.set, flight.moment or self._tap.moment())
        flight.deliver(context.run(self._dispatcher.refuse, flight, error, self.id))

    def _no_call(self, arrived_at: float) -> Flight:
        """Return what stands for a line that holds none."""
        return Flight(message=None, deliver=self._send, arrived_at=arrived_at)

    def _send(self, reply: bytes | None) -> None:
        if reply is not None:
            self._sink.send(reply)

    def _send_batch(self, replies: list[bytes | None]) -> None:
        if lines := [reply for reply in replies if reply is not None]:
            self._sink.send(codec.batch(lines))


def _to_nobody(reply: bytes | None) -> None:
    """Take the late reply to a call that was answered already."""
