"""What goes on while the power fails: programs, what they begin with, and what must be left."""

import shutil
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rpcbackend.store import Work, has_data, open_store
from rpcbackend.store.migrations import latest_version
from tests.factories import KEY, an_id
from tests.faults import beginner, migrator, test_care
from tests.faults.deeds import make_school
from tests.faults.judging import Found, check_pages, look_through
from tests.faults.keeper import AFTER, BEFORE
from tests.faults.mortal import Life
from tests.faults.rekeyer import NEW, OLD
from tests.faults.test_rekey import left_in, make_template

Said = Sequence[Sequence[str]]
"""The lines of a program, as words."""


class LostError(AssertionError):
    """Something that was acknowledged is not there."""


@dataclass(frozen=True, slots=True)
class Scenario:
    """One program and its judge."""

    program: str
    """A module that runs lives (`mortal.py`)."""
    arguments: tuple[str, ...]
    prepare: Callable[[Path], Awaitable[None]]
    """Makes the template in a folder."""
    look: Callable[[Path, Said], Awaitable[Any]]
    """Opens what is left as the real program would, checks that it is whole, says what it is."""
    judge: Callable[[Any, Said, Any], str]
    """Takes what is left, what was said before the cut, and what is there without one; names the
    case, or raises `LostError`."""
    look_needs_said: bool = False
    """Whether two disks that are the same may look different after other words."""


def _check(is_there: bool, what: str) -> None:
    if not is_there:
        raise LostError(what)


# Bookings, with and without a log that is folded in all the time


async def _prepare_school(folder: Path) -> None:
    await make_school(folder / "template")


async def _look_at_school(directory: Path, _: Said) -> Found:
    return await look_through(directory, KEY)


def _judge_school(found: Found, said: Said, final: Found) -> str:
    acknowledged = {words[1]: words[2] for words in said if words[0] == "ack"}
    lost = acknowledged.items() - found.records.items()
    _check(not lost, f"{len(lost)} of {len(acknowledged)} acknowledged commands")
    # One story: nothing in it out of order, nothing that was not in the end.
    assert found.events == final.events[: len(found.events)]
    more = len(found.records) - len(acknowledged)
    return "more than was acknowledged" if more else "what was acknowledged"


# The first store


async def _prepare_nothing(folder: Path) -> None:
    (folder / "template").mkdir()


async def _look_at_first(directory: Path, _: Said) -> set[int] | None:
    place = directory / beginner.PLACE
    was_there = place.exists() and has_data(place)
    store = await open_store(place, key=KEY)
    rows = await store.read(_numbers)
    await store.close()
    check_pages(place, KEY)
    return rows if was_there else None


def _judge_first(rows: set[int] | None, said: Said, _: object) -> str:
    told = {int(words[1]) for words in said if words[0] == "row"}
    _check(told <= (rows or set()), f"rows {told} in {rows}")
    _check(rows is not None or not said, "a store that was made")
    return "nothing yet" if rows is None else "a store"


async def _numbers(work: Work) -> set[int]:
    rows = await work.tx.all("SELECT id FROM branches WHERE school_id = :school")
    numbers = {an_id("bra", number): number for number in range(100)}
    return {numbers[row["id"]] for row in rows if row["id"] in numbers}


# An old store


async def _prepare_old(folder: Path) -> None:
    migrator.make_old_store(folder / "template")


_TABLES = "SELECT name FROM sqlite_schema ORDER BY name"


async def _look_at_old(directory: Path, _: Said) -> tuple[int, tuple[str, ...], set[int]]:
    # A copy, for whoever connects first brings the log home.
    copy = directory.with_name("copy")
    shutil.copytree(directory, copy)
    database = migrator.connect(copy)
    version = database.execute("PRAGMA user_version").fetchone()[0]
    names = tuple(row[0] for row in database.execute(_TABLES))
    recorded = database.execute("SELECT max(version) FROM migrations").fetchone()[0]
    assert recorded == version
    database.close()
    shutil.rmtree(copy)
    store = await open_store(directory, key=KEY)
    rows, lessons = await store.read(_numbers), await store.read(_count_lessons)
    assert store.engine.schema_version == latest_version()
    await store.close()
    check_pages(directory, KEY)
    assert lessons == migrator.OLD_ROWS
    return version, names, rows


async def _count_lessons(work: Work) -> int:
    row = await work.tx.one("SELECT count(*) FROM lessons WHERE school_id = :school")
    assert row is not None
    return int(row[0])


def _judge_old(left: tuple[int, tuple[str, ...], set[int]], said: Said, final: Any) -> str:
    version, names, rows = left
    opened = [int(words[1]) for words in said if words[0] == "open"]
    _check(not opened or version == opened[0], f"version {version}")
    _check({int(words[1]) for words in said if words[0] == "row"} <= rows, "a row")
    # All of a step or nothing of it.
    assert len(names) == _NAMES_OF.setdefault(version, len(names))
    assert version < latest_version() or names == final[1]
    return f"version {version}"


_NAMES_OF: dict[int, int] = {}
"""How many tables, indexes and triggers the versions have, as they were first met."""


# A change of keys


async def _look_at_rekeyed(directory: Path, _: Said) -> tuple[bytes, set[int]]:
    return await left_in(directory)


def _judge_rekeyed(left: tuple[bytes, set[int]], said: Said, _: object) -> str:
    key, rows = left
    _check({int(words[1]) for words in said if words[0] == "row"} <= rows, "a row")
    _check(["rekeyed"] not in [list(words) for words in said] or key == NEW, "the new key")
    return "the old key" if key == OLD else "the new key"


# Backups, which their own judges look at (test_care.py)


def _care(care: str, prepare: Callable[[Path], Awaitable[None]]) -> Scenario:
    async def look(directory: Path, said: Said) -> str:
        life = Life(tuple(tuple(words) for words in said), 0, was_hit=False)
        return await test_care.JUDGES[care](directory, life)

    def judge(case: str, _: Said, __: object) -> str:
        return case

    return Scenario("tests.faults.keeper", (care,), prepare, look, judge, look_needs_said=True)


async def _prepare_old_for_care(folder: Path) -> None:
    test_care.make_old_template(folder)


async def _prepare_first_backup(folder: Path) -> None:
    await test_care.make_template(folder)
    shutil.rmtree(folder / "template" / "backups")


async def _look_at_first_backup(directory: Path, _: Said) -> list[set[int]]:
    store = await open_store(directory, key=KEY)
    await store.close()
    check_pages(directory, KEY)
    return test_care.rows_in_backups(directory)


def _judge_first_backup(backups: list[set[int]], said: Said, _: object) -> str:
    is_done = any(words[0] == "done" for words in said)
    _check(len(backups) == 1 or not is_done, "the backup")
    assert all({*BEFORE, *AFTER} <= rows for rows in backups)
    return "a backup" if backups else "none yet"


DESK = "tests.faults.desk"
LONG, SHORT = str(4 * 1024 * 1024), str(128 * 1024)
"""How long the log may grow: no load here fills the first, each fills the second many times."""

SCENARIOS = {
    "bookings": Scenario(
        DESK, ("150", "16", LONG, "FULL"), _prepare_school, _look_at_school, _judge_school
    ),
    "bookings and checkpoints": Scenario(
        DESK, ("100", "8", SHORT, "FULL"), _prepare_school, _look_at_school, _judge_school
    ),
    "the first store": Scenario(
        "tests.faults.beginner", (), _prepare_nothing, _look_at_first, _judge_first
    ),
    "a migration": Scenario("tests.faults.migrator", (), _prepare_old, _look_at_old, _judge_old),
    "a change of keys": Scenario(
        "tests.faults.rekeyer",
        (),
        make_template,
        _look_at_rekeyed,
        _judge_rekeyed,
    ),
    "the first backup": Scenario(
        "tests.faults.keeper",
        ("backup",),
        _prepare_first_backup,
        _look_at_first_backup,
        _judge_first_backup,
    ),
    "a backup": _care("backup", test_care.make_template),
    "a restore": _care("restore", test_care.make_template),
    "a migration with its backup": _care("open", _prepare_old_for_care),
}
"""Each is cut at many moments; one more is one more line here."""

CONTROL = Scenario(
    DESK, ("150", "16", LONG, "NORMAL"), _prepare_school, _look_at_school, _judge_school
)
"""A store that acknowledges what it has not synced."""
