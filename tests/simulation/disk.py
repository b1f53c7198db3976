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

READ_PACE, READ_SECONDS = 0.5, 0.001
"""Those who read are held up longer and more often, so that their snapshots grow old."""

FOLD = "PRAGMA wal_checkpoint(TRUNCATE)"
BUSY_SECONDS, LOOK_SECONDS = 5.0, 0.01
"""How long a statement waits for other connections, and how often it looks."""

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


@dataclass(frozen=True, slots=True)
class Fetched:
    """Rows that were looked at on their way."""

    rows: list[Any]

    def fetchone(self) -> Any:
        """Return the first row."""
        return self.rows[0]

    def fetchall(self) -> list[Any]:
        """Return all of them."""
        return self.rows


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
    """How often a thread that writes lets others run before a statement."""
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
        if word == "COMMIT":
            return self._commit(thread, connection)
        if sql == FOLD:
            return self._fold(thread, connection)
        return connection.execute(sql, params)

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
        elif thread.is_writing and self.bits.random() < self.pace:
            self._rest(thread, STEP_SECONDS)
        elif not thread.is_writing and self.bits.random() < READ_PACE:
            self._rest(thread, READ_SECONDS, is_read=True)

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

    def _fold(self, thread: Turns, connection: Any) -> Any:
        """Fold the log in; SQLite would wait for readers by sleeping, and they for their turn."""
        waited = 0.0
        while (done := connection.execute(FOLD)) and waited < BUSY_SECONDS:
            rows = done.fetchall()
            if not rows[0][0]:
                return Fetched(rows)
            thread.pause(LOOK_SECONDS)
            waited += LOOK_SECONDS
        return done

    def _fail(self, code: int, message: str) -> None:
        self.journal.note("disk", message)
        error = sqlcipher3.OperationalError(message)
        error.sqlite_errorcode = code
        raise error
