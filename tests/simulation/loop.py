"""An event loop whose time is a number: it jumps to the next timer, and processes in it can die.

What asyncio promises is kept: callbacks run in the order of `call_soon`, timers never early. What
it does not promise is drawn from the seed: how late a timer is, when a thread's results arrive, and
so in which order wake-ups come that do not depend on each other.
"""

import asyncio
import random
from collections import deque
from collections.abc import AsyncGenerator, Callable, Coroutine, Generator, Iterator
from concurrent.futures import Executor
from contextvars import Context, ContextVar, copy_context
from functools import partial
from typing import Any, TypeVar, TypeVarTuple

T = TypeVar("T")
Ts = TypeVarTuple("Ts")

OUTSIDE = 0
"""The life of what belongs to no process: clients, the wire, the weather."""

LIFE: ContextVar[int] = ContextVar("LIFE", default=OUTSIDE)
"""To which process a piece of code belongs; whatever it schedules inherits the number."""

LATE_SECONDS = 0.000_01
"""No timer goes off exactly in time, so those of one instant come in any order."""

LONGEST_THREAD_JOB = 0.05
"""How long what is given to an executor may take, in seconds."""


class DeadlockError(Exception):
    """Everybody waits, and nothing will ever happen again."""


class SimulatedLoop(asyncio.BaseEventLoop):
    """Runs callbacks in virtual time, without a clock, a selector or a real wait.

    Args:
        bits: Decides what asyncio leaves open.
    """

    def __init__(self, bits: random.Random) -> None:
        super().__init__()
        # Where asyncio would wait for files and for the clock.
        self._selector = self
        self._bits = bits
        self._now = 0.0
        self._next_at: list[float] = []
        self._dead: set[int] = set()
        self._tasks: dict[asyncio.Task[Any], int] = {}
        self._outside = copy_context()
        self.mail: deque[Callable[[], object]] | None = None
        """Where callbacks go that a thread hands over; None while no thread has its turn."""
        # Its stack for every callback would cost more than all the rest.
        self.set_debug(False)

    def time(self) -> float:
        """Seconds since the beginning of the world."""
        return self._now

    # What BaseEventLoop asks of the system

    def select(self, timeout: float | None) -> tuple[()]:
        """Let *timeout* seconds pass at once."""
        if timeout is None:
            raise DeadlockError("\n".join(self.describe_waiting()))
        # A hair more, or rounding would ask for the same instant again and again.
        self._now += timeout * (1 + 1e-12)
        return ()

    def _process_events(self, event_list: tuple[()]) -> None:
        """There are none."""

    def _write_to_self(self) -> None:
        """Nobody sleeps who would have to be woken."""

    def _asyncgen_finalizer_hook(self, agen: AsyncGenerator[Any, Any]) -> None:
        """Only the killed leave generators behind, and those get to their end no more than they."""

    # Who schedules what

    def call_soon(
        self, callback: Callable[[*Ts], object], *args: *Ts, context: Context | None = None
    ) -> asyncio.Handle:
        """Run *callback* in its turn, unless its process is dead by then."""
        return super().call_soon(self._run_if_alive, callback, args, context=context)

    def call_at(
        self,
        when: float,
        callback: Callable[[*Ts], object],
        *args: *Ts,
        context: Context | None = None,
    ) -> asyncio.TimerHandle:
        """Run *callback* at *when* or a little later, unless its process is dead by then."""
        when += self._bits.random() * LATE_SECONDS
        return super().call_at(when, self._run_if_alive, callback, args, context=context)

    def call_soon_threadsafe(
        self, callback: Callable[[*Ts], object], *args: *Ts, context: Context | None = None
    ) -> asyncio.Handle:
        """Take what a simulated thread hands over; it arrives some time after its turn."""
        context = context or copy_context()
        if self.mail is None:
            return self.call_soon(callback, *args, context=context)
        self.mail.append(partial(self.call_soon, callback, *args, context=context))
        return asyncio.Handle(callback, args, self, context)

    def call_outside(
        self, delay: float, callback: Callable[[*Ts], object], *args: *Ts
    ) -> asyncio.TimerHandle:
        """Run *callback* later as nobody's: what a process has let go of outlives it."""
        return self.call_later(delay, callback, *args, context=self._outside)

    def run_in_executor(
        self,
        executor: Executor | None,  # noqa: ARG002 (the loop does the work itself)
        func: Callable[[*Ts], T],
        *args: *Ts,
    ) -> "asyncio.Future[T]":
        """Run *func* some time later, as if a thread had taken so long."""
        future: asyncio.Future[T] = self.create_future()

        def work() -> None:
            if future.done():
                return
            try:
                future.set_result(func(*args))
            except Exception as error:  # noqa: BLE001 (it is the future's)
                future.set_exception(error)

        self.call_later(self._bits.uniform(0, LONGEST_THREAD_JOB), work)
        return future

    def create_task(
        self,
        coro: Coroutine[Any, Any, T] | Generator[Any, None, T],
        *,
        name: object = None,
        context: Context | None = None,
    ) -> "asyncio.Task[T]":
        """Note whose the task is."""
        task = super().create_task(coro, name=name, context=context)
        self._tasks[task] = LIFE.get() if context is None else context.get(LIFE, OUTSIDE)
        task.add_done_callback(lambda done: self._tasks.pop(done, None), context=self._outside)
        return task

    def _run_if_alive(self, callback: Callable[[*Ts], object], args: tuple[*Ts]) -> None:
        if LIFE.get() not in self._dead:
            callback(*args)

    # Processes

    def tasks_of(self, life: int) -> list["asyncio.Task[Any]"]:
        """Return the tasks of a process that have not ended, as they began."""
        return [task for task, whose in self._tasks.items() if whose == life]

    def kill(self, life: int) -> None:
        """Let no code of a process run ever again: neither what is scheduled nor a `finally`."""
        self._dead.add(life)
        for task in self.tasks_of(life):
            del self._tasks[task]
            _bury(task)

    def describe_waiting(self) -> Iterator[str]:
        """Say which tasks there are, and where each one waits."""
        yield f"at {self._now:.6f} s everybody waits:"
        for task, life in self._tasks.items():
            where = "outside" if life == OUTSIDE else f"process {life}"
            yield f"  {where}: {task.get_name()} {name_of(task)}"
            for frame in task.get_stack():
                yield f"    {frame.f_code.co_filename}:{frame.f_lineno} {frame.f_code.co_name}"


def _bury(task: "asyncio.Task[Any]") -> None:
    """Let go of a task that will never end, without a word about it."""
    task._log_destroy_pending = False  # type: ignore[attr-defined]  # noqa: SLF001 (as asyncio.gather does)
    coroutine = task.get_coro()
    try:
        # Now rather than when memory is cleaned up, which is at any time. What it still tries to
        # do goes nowhere: its process has no threads and no wire any more.
        coroutine.close()
    except RuntimeError:
        # It insists on waiting for its end.
        return


def name_of(task: "asyncio.Task[Any]") -> str:
    """Return the name of the function that a task runs."""
    return getattr(task.get_coro(), "__qualname__", "?")
