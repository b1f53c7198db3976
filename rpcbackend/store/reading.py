"""How a group of reads is run on one snapshot, and one of them stopped without the others."""

from collections.abc import Callable, Iterable
from contextlib import suppress
from functools import partial
from typing import Any

from rpcbackend.store import driver
from rpcbackend.store.lane import Job, Outcome, Results

STEPS_BETWEEN_LOOKS = 100_000
"""Steps of SQLite's machine, some 2 ms, between which a running read may be stopped."""


def read_group(
    connection: Any, jobs: Iterable[Job], results: Results, *, settle: Callable[[Outcome], None]
) -> None:
    """Run *jobs* on a reader's thread.

    Args:
        connection: The driver's.
        jobs: What to run.
        results: Takes the outcomes.
        settle: Sees each outcome first, and may change what it says.
    """
    try:
        connection.execute("BEGIN")
        for job in jobs:
            # Asked from within the statement: an interrupt from outside could come between two
            # statements and be lost, or hit a neighbour in the group.
            connection.set_progress_handler(partial(_look_up, job, results), STEPS_BETWEEN_LOOKS)
            outcome = _run(connection, job)
            settle(outcome)
            results.add(outcome)
    finally:
        connection.set_progress_handler(None, 0)
        roll_back(connection)


def _run(connection: Any, job: Job) -> Outcome:
    try:
        return Outcome(job, value=job.run(connection))
    except Exception as error:  # noqa: BLE001 (whatever a unit raises is its outcome)
        return Outcome(job, error=error)


def roll_back(connection: Any) -> None:
    """Take back what is begun, if anything is."""
    # A disk that failed or is full may have taken the transaction back already, or fail again.
    with suppress(driver.Error):
        if connection.in_transaction:
            connection.execute("ROLLBACK")


def _look_up(job: Job, results: Results) -> bool:
    """From within a long statement: send its neighbours' replies; tell whether to stop it."""
    results.flush()
    return job.is_cancelled
