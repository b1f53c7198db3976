"""`rpcbackend seed`: the demo school into a store, along its event stream."""

import asyncio
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from rpcbackend.clock import Clock, SystemClock
from rpcbackend.config import find_data_dir
from rpcbackend.demo.chance import monday_of
from rpcbackend.demo.events import ACTOR
from rpcbackend.demo.names import TOWN
from rpcbackend.demo.school import Record, School, make_school
from rpcbackend.domain.lessons import CLAIMING, claims_of
from rpcbackend.door import ExitRequestedError
from rpcbackend.errors import SchemaTooNewError
from rpcbackend.exits import EX_CANTCREAT, EX_SCHEMA, EX_WRONG_KEY
from rpcbackend.process_life import owned
from rpcbackend.schema.branches import Branch, BranchPage
from rpcbackend.schema.consents import Consent
from rpcbackend.schema.instructors import Instructor
from rpcbackend.schema.lessons import Lesson
from rpcbackend.schema.students import Student
from rpcbackend.schema.vehicles import Vehicle
from rpcbackend.store import Store, Work, is_locked, open_store

REPORT_EVERY = 250
"""Events between two moves of the progress bar."""

Holds = Literal["nothing", "the demo school", "a school"]
Advance = Callable[[int], object]
"""Told how many more events are written, on the database's thread."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Which demo school is wanted."""

    students: int
    years: int = 1
    seed: int = 1


def seed_directory(data_dir: Path | None, *, students: int, years: int, seed: int) -> int:
    """Fill the store of a data directory and return the exit code.

    Args:
        data_dir: None for the one the system keeps for this user.
        students: How many there ever were.
        years: Of history.
        seed: Other numbers, other people.
    """
    directory = find_data_dir(data_dir)
    try:
        fill(directory, Plan(students=students, years=years, seed=seed), may_exist=False)
    except ExitRequestedError as end:
        sys.stderr.write(f"rpcbackend: {end}\n")
        return end.code
    return 0


def fill(directory: Path, plan: Plan, *, may_exist: bool) -> None:
    """Make the demo school in a data directory, with a progress bar on stderr.

    Args:
        directory: Made if it is not there.
        plan: Which school.
        may_exist: Whether a demo school that is there already is as good.

    Raises:
        ExitRequestedError: The directory cannot be used, or is used for something else.
    """
    with owned(directory):
        asyncio.run(_fill(directory, plan, may_exist=may_exist))


async def _fill(directory: Path, plan: Plan, *, may_exist: bool) -> None:
    if is_locked(directory):
        raise ExitRequestedError(
            EX_WRONG_KEY, f"the store in {directory} is encrypted; the demo school is not for it."
        )
    try:
        store = await open_store(directory)
    except SchemaTooNewError as error:
        raise ExitRequestedError(EX_SCHEMA, error.message) from None
    try:
        holds = await what_it_holds(store)
        if holds == "nothing":
            await _show(store, plan, directory, SystemClock())
        elif holds == "a school" or not may_exist:
            # The arguments are fine and nothing is broken: a supervisor may try again elsewhere.
            raise ExitRequestedError(EX_CANTCREAT, _refusal(holds, directory))
    finally:
        await store.close()


def _refusal(holds: Holds, directory: Path) -> str:
    return (
        f"{directory} already holds {holds}, and nothing was changed. "
        "Give another --data-dir, such as --data-dir ./demo-school."
    )


async def what_it_holds(store: Store) -> Holds:
    """Tell whether a store is empty, or whose school is in it."""

    async def unit(work: Work) -> Holds:
        page = BranchPage.model_validate_json((await work.branches.list()).json)
        if any((branch.address or "").endswith(TOWN) for branch in page.items):
            return "the demo school"
        return "a school" if page.items or await work.students.count() else "nothing"

    return await store.read(unit)


async def _show(store: Store, plan: Plan, directory: Path, clock: Clock) -> None:
    began = clock.monotonic()
    console = Console(stderr=True, highlight=False)
    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn()
    with Progress(*columns, TimeElapsedColumn(), console=console, transient=True) as progress:
        task = progress.add_task("Inventing students", total=None)
        school = make_school(
            students=plan.students, years=plan.years, seed=plan.seed, today=monday_of(clock)
        )
        progress.update(task, description="Writing their history", total=len(school.events))
        await write_school(store, school, lambda count: progress.advance(task, count))
    console.print(
        f"The demo school is open in {directory}: {school.size()}, "
        f"in {clock.monotonic() - began:.1f} s.",
        soft_wrap=True,
    )


async def write_school(store: Store, school: School, advance: Advance = lambda _: None) -> None:
    """Store the school, all of it or nothing: each record with the event that made it, in order.

    Cost: a single transaction with 25,000 events takes 1.8 s of CPU, 26 of a thousand each take
    4.4 s: the end of each statement (sqlite3PagerSavepoint, says perf) costs the more, the more old
    pages its transaction has touched, and in a new database there are none.
    """
    records = school.records()

    async def unit(work: Work) -> None:
        for number, event in enumerate(school.events, start=1):
            _, record_id, version = event["aggregate"]
            if version == 1:
                await _put(work, records[record_id])
            await work.events.append(**event)
            if number % REPORT_EVERY == 0:
                advance(REPORT_EVERY)

    await store.write(unit, actor=ACTOR)


async def _put(work: Work, record: Record) -> None:
    match record:
        case Lesson():
            await work.lessons.put(record)
            if record.state in CLAIMING:
                await work.claims.take(claims_of(record))
        case Student():
            await work.students.put(record)
        case Consent():
            await work.consents.add(record)
        case Branch():
            await work.branches.put(record)
        case Instructor():
            await work.instructors.put(record)
        case Vehicle():
            await work.vehicles.put(record)
