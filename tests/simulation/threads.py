"""Database threads that take turns with the loop: real threads, of which one runs at a time.

A thread runs real code on a real connection, and gives the turn back before statements that the
seed chooses. So commits overlap with whatever the loop does meanwhile, the same way in every run.
"""

import random
import threading
from collections import deque
from collections.abc import Callable
from contextvars import copy_context
from queue import SimpleQueue
from typing import Any

from aiosqlite import core

from rpcbackend.store import driver
from tests.simulation.delay import delay
from tests.simulation.disk import Disk
from tests.simulation.loop import LIFE, SimulatedLoop

WAKE_SECONDS = 0.000_1
"""A thread that is told of work begins so much later, on average, and its results arrive so."""


class KilledError(BaseException):
    """The process of this thread is dead."""


class Threads:
    """All database threads of a world.

    Args:
        loop: Gives them their turns.
        disk: Stands under their connections.
        bits: Decide when they run.
    """

    def __init__(self, loop: SimulatedLoop, disk: Disk, bits: random.Random) -> None:
        self.loop, self.disk, self._bits = loop, disk, bits
        self._hired: list[SimulatedThread] = []
        self._count = 0

    def hire(self, opener: driver.Opener) -> "SimulatedThread":
        """Make a thread of the process that asks; stands in for `driver.Thread`."""
        self._count += 1
        thread = SimulatedThread(opener, Worker(self, f"database {self._count}"))
        self._hired.append(thread)
        return thread

    def of(self, life: int) -> list["SimulatedThread"]:
        """Return the threads of a process that have not ended."""
        self._hired = [thread for thread in self._hired if not thread.worker.has_ended]
        return [thread for thread in self._hired if thread.worker.life == life]

    def delay(self) -> float:
        """Return how long a thread takes to wake up, or its results to arrive."""
        return delay(self._bits, WAKE_SECONDS)

    def kill(self, life: int) -> None:
        """End the threads of a process wherever they are."""
        for thread in self.of(life):
            thread.drop()


class Worker(SimpleQueue[Any]):
    """The queue of an aiosqlite thread, and the turns that the thread gets."""

    def __init__(self, threads: Threads, name: str) -> None:
        self.name, self.life = name, LIFE.get()
        self.has_ended = self.is_killed = self.is_writing = False
        self._threads = threads
        self._items: deque[Any] = deque()
        self._go, self._back = threading.Lock(), threading.Lock()
        self._go.acquire()
        self._back.acquire()
        self._has_begun, self._is_idle = False, True
        self._pause_seconds: float | None = None
        self._mail: deque[Callable[[], object]] = deque()
        self._connections: list[Any] = []
        self.thread = threading.Thread(
            target=copy_context().run, args=(self._main,), name=name, daemon=True
        )

    # On the loop

    def put_nowait(self, item: Any) -> None:
        """Queue an item; the thread wakes up for it some time later."""
        self._items.append(item)
        if self._is_idle and not self.is_killed:
            self._is_idle = False
            self._turn_after(self._threads.delay())

    def turn(self) -> None:
        """Let the thread run until it gives the turn back."""
        if self.has_ended or not self.thread.is_alive():
            return
        loop = self._threads.loop
        loop.mail, self._pause_seconds = self._mail, None
        arrived_before = len(self._mail)
        self._go.release()
        self._back.acquire()
        loop.mail = None
        for _ in range(len(self._mail) - arrived_before):
            loop.call_outside(self._threads.delay(), self._deliver)
        if self._pause_seconds is not None:
            self._turn_after(self._pause_seconds)
        self._threads.disk.after_turn()

    def kill(self) -> None:
        """End the thread where it is; its transaction is lost."""
        self.is_killed = True
        self._mail.clear()
        if self.thread.is_alive():
            self._go.release()
            self.thread.join()
        self.has_ended = True

    def finish(self) -> None:
        """Let the thread run to its end, while the loop waits."""
        while not self.has_ended and self.thread.is_alive():
            self.turn()

    def _turn_after(self, seconds: float) -> None:
        self._threads.loop.call_outside(seconds, self.turn)

    def _deliver(self) -> None:
        # In the order in which the thread let go of them, whatever timer comes first.
        if self._mail:
            self._mail.popleft()()

    # On the thread

    def get(self, block: bool = True, timeout: float | None = None) -> Any:  # noqa: ARG002 (aiosqlite gives none)
        """Return the next item; gives the turn back while there is none."""
        if not self._has_begun:
            # That the thread was started does not make it its turn.
            self._has_begun = True
            self._go.acquire()
        while not self._items:
            self._is_idle = True
            self._give_back()
        self._check_alive()
        return self._items.popleft()

    def pause(self, seconds: float) -> None:
        """Give the turn back, and take it up again so much later."""
        self._pause_seconds = seconds
        self._give_back()

    def open(self, opener: driver.Opener) -> Any:
        """Open a connection that this thread closes when its process dies."""
        connection = opener()
        # Nobody else gets a turn while SQLite sleeps: waiting is the simulated disk's.
        connection.execute("PRAGMA busy_timeout = 0")
        self._connections.append(connection)
        return Steps(connection, self, self._threads.disk)

    def _give_back(self) -> None:
        self._check_alive()
        self._back.release()
        self._go.acquire()
        self._check_alive()

    def _check_alive(self) -> None:
        if self.is_killed:
            raise KilledError

    def _main(self) -> None:
        try:
            core._connection_worker_thread(self)  # noqa: SLF001 (the code that it really runs)
        except KilledError:
            for connection in self._connections:
                connection.close()
        finally:
            self.has_ended = True
            self._back.release()


class SimulatedThread(driver.Thread):
    """`driver.Thread` itself, on a thread that takes turns."""

    def __init__(self, opener: driver.Opener, worker: Worker) -> None:
        super().__init__(opener)
        self.worker = worker
        self._tx, self._thread = worker, worker.thread
        self._connector = lambda: worker.open(opener)

    def join(self) -> None:
        """Let the thread run to its end."""
        self.worker.finish()

    def drop(self) -> None:
        """End the thread with its process."""
        self._running, self._connection = False, None
        self.worker.kill()


class Steps:
    """A connection of which every statement is a step of the simulation."""

    def __init__(self, connection: Any, worker: Worker, disk: Disk) -> None:
        self._connection, self._worker, self._disk = connection, worker, disk

    def execute(self, sql: str, params: Any = ()) -> Any:
        """Run a statement, as the disk allows."""
        return self._disk.run(self._worker, self._connection, sql, params)

    def __getattr__(self, name: str) -> Any:
        """Everything else is the connection's own."""
        return getattr(self._connection, name)
