"""Whose turn it is on one connection: who may run now, who waits, and who is turned away.

Commands begin in the order of their arrival, and so do queries; but neither waits for the other,
and the elements of a batch that is at its bound are waited for by commands alone. So writes keep
their order, and no batch keeps others from reading.
"""

from collections import deque
from collections.abc import Callable, Iterator

from rpcbackend.dispatch.flight import Batch, Flight
from rpcbackend.schema.limits import Limits

WEIGHED_FROM_BYTES = 4_096
MEMBER_BYTES = 64
"""What a member of an array or object takes in memory, at the least, however short its text."""


def weigh(line: bytes) -> int:
    """Return about how much memory the message of *line* takes: many small things take most."""
    if len(line) < WEIGHED_FROM_BYTES:
        # Too little to matter.
        return len(line)
    return len(line) + MEMBER_BYTES * sum(line.count(mark) for mark in (b",", b"{", b"["))


class Turns:
    """The places and the queue of one connection.

    Args:
        limits: How many may run and wait.
        is_backed_up: Whether so much output is unread that nothing should cause more.
    """

    def __init__(self, limits: Limits, is_backed_up: Callable[[], bool]) -> None:
        self._limits, self._is_backed_up = limits, is_backed_up
        self._queries: deque[Flight] = deque()
        self._commands: deque[Flight] = deque()
        self._waiting: dict[Flight, None] = {}
        self._waiting_bytes = 0
        self._running = 0

    def __len__(self) -> int:
        """Count those who wait."""
        return len(self._waiting)

    def __iter__(self) -> Iterator[Flight]:
        """Go through those who wait, as they came."""
        return iter(tuple(self._waiting))

    def may_start(self, flight: Flight) -> bool:
        """Tell whether a flight that has just arrived may run at once."""
        if self._waiting and self._line_of(flight):
            return False
        return self._has_place(flight)

    def may_wait(self, flight: Flight) -> bool:
        """Tell whether there is room for it in the queue."""
        bytes_then = self._waiting_bytes + self._weight_of(flight)
        is_room = bytes_then <= self._limits.queued_bytes
        return is_room and len(self._waiting) < self._limits.queued

    def start(self, flight: Flight) -> None:
        """Note that it runs."""
        self._running += 1
        if flight.batch is not None:
            flight.batch.running += 1

    def finish(self, flight: Flight) -> None:
        """Note that it has ended."""
        self._running -= 1
        if flight.batch is not None:
            flight.batch.running -= 1
            self._release(flight.batch)

    def wait(self, flight: Flight) -> None:
        """Put it into the queue."""
        self._waiting_bytes += self._weight_of(flight)
        self._waiting[flight] = None
        line = self._line_of(flight)
        if flight.batch is not None:
            flight.batch.waiting += 1
            if not flight.is_command and self._is_batch_full(flight):
                line = flight.batch.held
        line.append(flight)

    def leave(self, flight: Flight) -> None:
        """Take it out of the queue, to run it or to give it up."""
        del self._waiting[flight]
        line, batch = self._line_of(flight), flight.batch
        if batch is not None:
            batch.waiting -= 1
            line = batch.held if flight in batch.held else line
        self._waiting_bytes -= self._weight_of(flight)
        line.remove(flight)
        if batch is not None:
            self._release(batch)

    def next(self) -> Flight | None:
        """Return whose turn it is, if there is a place for him."""
        while self._queries and self._is_batch_full(self._queries[0]):
            # It waits for its batch, and those behind it do not.
            self._hold(self._queries.popleft())
        lines = (self._queries, self._commands)
        heads = [line[0] for line in lines if line and self._has_place(line[0])]
        return min(heads, key=lambda flight: flight.number, default=None)

    def _hold(self, flight: Flight) -> None:
        assert flight.batch is not None  # noqa: S101 (its batch is full)
        flight.batch.held.appendleft(flight)

    def _release(self, batch: Batch) -> None:
        if batch.held and batch.running < self._limits.batch_at_once:
            self._queries.appendleft(batch.held.popleft())

    def _line_of(self, flight: Flight) -> deque[Flight]:
        return self._commands if flight.is_command else self._queries

    def _has_place(self, flight: Flight) -> bool:
        if self._running >= self._limits.in_flight or self._is_backed_up():
            return False
        return flight.batch is None or not self._is_batch_full(flight)

    def _is_batch_full(self, flight: Flight) -> bool:
        return flight.batch is not None and flight.batch.running >= self._limits.batch_at_once

    def _weight_of(self, flight: Flight) -> int:
        # The line of a batch stays whole in memory as long as one element of it waits.
        if flight.batch is None:
            return flight.size
        return 0 if flight.batch.waiting else flight.size
