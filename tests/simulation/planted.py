"""Bugs that such programs have had, put into ours to see that the simulation finds them."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from rpcbackend.dispatch.subscription import Subscription
from rpcbackend.store import driver, sqlite
from rpcbackend.store.idempotency import IdempotencyKeys, Keyed
from rpcbackend.store.lane import Job, Lane, Outcome, Results
from rpcbackend.store.sqlite import SqliteEngine


def _acknowledge_early(
    self: SqliteEngine, connection: Any, jobs: Iterable[Job], results: Results
) -> None:
    """Answer each unit when it has run, and commit afterwards."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        for job in jobs:
            connection.execute("SAVEPOINT unit")
            outcome = Outcome(job)
            try:
                outcome.value = job.run(connection)
            except Exception as error:  # noqa: BLE001 (as the engine does it)
                outcome.error = error
            if outcome.error is not None or not job.keep:
                connection.execute("ROLLBACK TO unit")
            connection.execute("RELEASE unit")
            results.add(outcome)
            results.flush()
        connection.execute("COMMIT")
    except driver.Error as error:
        self._note_poison(error)
        if connection.in_transaction:
            connection.execute("ROLLBACK")


async def _find_nothing(self: IdempotencyKeys, keyed: Keyed, now_seconds: int) -> None:  # noqa: ARG001 (the look-up's)
    """Know no key, and forget what is kept under it."""
    await self._tx.run("DELETE FROM idempotency_keys WHERE key = :key", key=keyed.key)


def _carry_on(self: SqliteEngine, error: BaseException) -> None:
    """Take a failed fsync for one bad commit among good ones."""


async def _abandon(future: Any, withdraw: Callable[[], bool] = lambda: False) -> Any:  # noqa: ARG001 (as see_through)
    """Let a cancelled caller go, and its write take effect all the same."""
    return await future


def _take_any(self: Lane, last: int) -> Job | None:  # noqa: ARG001 (the bound that is ignored)
    """Let those that come later into a snapshot that is older than they are."""
    with self._taking:
        return self._jobs.popleft() if self._jobs else None


async def _skip_ahead(self: Subscription) -> bool:
    """Take the newest event for the last one that was sent."""
    is_more = await _send_page(self)
    self._seq = self._store.head_seq
    return is_more


_send_page = Subscription._send_page  # noqa: SLF001 (a bug goes where no test should)


@dataclass(frozen=True, slots=True)
class Bug:
    """What is put in the place of what."""

    owner: Any
    name: str
    replacement: Any


PLANTED = {
    "acknowledged before COMMIT": Bug(SqliteEngine, "_write_group", _acknowledge_early),
    "no look-up of the idempotency key": Bug(IdempotencyKeys, "find", _find_nothing),
    "goes on after a failed fsync": Bug(SqliteEngine, "_note_poison", _carry_on),
    "a cancelled write is not waited for": Bug(sqlite, "see_through", _abandon),
    "reads join an older snapshot": Bug(Lane, "_take", _take_any),
    "a subscriber's place is the newest event": Bug(Subscription, "_send_page", _skip_ahead),
}


@contextmanager
def planted(bug: Bug) -> Iterator[None]:
    """Let the program have a bug for a while."""
    right = getattr(bug.owner, bug.name)
    setattr(bug.owner, bug.name, bug.replacement)
    try:
        yield
    finally:
        setattr(bug.owner, bug.name, right)
