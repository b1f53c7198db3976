"""The disk under the database threads: slow, full, failing at a commit, or gone in a crash."""

import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, Protocol

import sqlcipher3

from tests.simulation.delay import delay
from tests.simulation.journal import Journal

IOERR_FSYNC, FULL = 1034, 13
"""SQLite's own codes: what a failed fsync and a full disk come to."""

STEP_SECONDS, COMMIT_SECONDS = 0.000_2, 0.004
"""What a statement and a commit take on a healthy disk, on average."""

_NEEDS_ROOM = frozenset({"INSERT", "UPDATE", "DELETE", "COMMIT"})

Failure = Literal["lost", "kept"]
"""What became of a commit that was told to have failed."""


class Turns(Protocol):
    """The thread on which a statement runs."""

    name: str
    life: int
    is_writing: bool
    """Whether it has begun a transaction that may write."""

    def pause(self, seconds: float) -> None:
        """Let others run for so long."""
        ...


@dataclass(slots=True)
class Disk:
    """What happens at each step of a database; the weather sets what is to go wrong.

    Args:
        bits: Decide where threads give their turn back, and how long a step takes.
        journal: Gets every step.
    """

    bits: random.Random
    journal: Journal
    pace: float = 0.1
    """How often a thread lets others run before a statement."""
    slowness_of_reads: float = 1.0
    slowness_of_writes: float = 1.0
    is_full: bool = False
    failure: Failure | None = None
    """How the next commit fails, if it does."""
    crash_in: int | None = None
    """In so many steps the power goes."""
    on_crash: Callable[[], None] = lambda: None
    on_failure: Callable[[int], None] = lambda life: None  # noqa: ARG005
    """Told of a failed fsync, while the disk is as it will be found again."""
    steps: int = 0
    _has_crashed: bool = False

    def run(self, thread: Turns, connection: Any, sql: str, params: Any) -> Any:
        """Run a statement, on its thread."""
        word = sql.split(None, 1)[0].upper()
        thread.is_writing = sql == "BEGIN IMMEDIATE" or (thread.is_writing and word != "BEGIN")
        self._step(thread, word)
        self.journal.note(thread.name, f"{sql} {params}" if params else sql)
        if self.is_full and word in _NEEDS_ROOM and self.bits.random() < 0.5:
            if self.bits.random() < 0.5 and connection.in_transaction:
                # As SQLite does it when the log itself cannot grow.
                connection.execute("ROLLBACK")
            self._fail(FULL, "database or disk is full")
        if word != "COMMIT":
            return connection.execute(sql, params)
        return self._commit(thread, connection)

    def calm(self) -> None:
        """Let nothing go wrong that has not gone wrong yet."""
        self.crash_in = self.failure = None

    def after_turn(self) -> None:
        """On the loop: crash, if it is time."""
        if self._has_crashed:
            self._has_crashed = False
            self.on_crash()

    def _step(self, thread: Turns, word: str) -> None:
        self.steps += 1
        if self.crash_in is not None:
            self.crash_in -= 1
            if self.crash_in <= 0:
                self.crash_in, self._has_crashed = None, True
                thread.pause(0)
        if word == "COMMIT":
            self._rest(thread, COMMIT_SECONDS)
        elif self.bits.random() < self.pace:
            self._rest(thread, STEP_SECONDS, is_read=not thread.is_writing)

    def _rest(self, thread: Turns, seconds: float, *, is_read: bool = False) -> None:
        slowness = self.slowness_of_reads if is_read else self.slowness_of_writes
        thread.pause(delay(self.bits, seconds * slowness))

    def _commit(self, thread: Turns, connection: Any) -> Any:
        failure, self.failure = self.failure, None
        if failure == "lost":
            self.on_failure(thread.life)
            self._fail(IOERR_FSYNC, "disk I/O error")
        done = connection.execute("COMMIT")
        if failure == "kept":
            self.on_failure(thread.life)
            self._fail(IOERR_FSYNC, "disk I/O error")
        if self.bits.random() < 0.5:
            # Durable, and nobody knows it yet.
            self._rest(thread, STEP_SECONDS)
        return done

    def _fail(self, code: int, message: str) -> None:
        self.journal.note("disk", message)
        error = sqlcipher3.OperationalError(message)
        error.sqlite_errorcode = code
        raise error
