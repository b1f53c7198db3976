"""A backup, a restore or a migration that is cut short at any call loses nothing."""

import shutil
from collections import Counter
from collections.abc import Iterable
from itertools import product
from pathlib import Path

import pytest

from rpcbackend.store import Store, Work, WrongKeyError, list_backups, verify_backup
from rpcbackend.store.backups import mark_of
from rpcbackend.store.driver import Opener, open_still
from rpcbackend.store.files import MARKER_NAME, STAGE_NAME
from rpcbackend.store.migrations import latest_version, migrate
from tests.clauses import clause
from tests.factories import KEY, an_id, events_in, store_in
from tests.faults.budget import FIGURES, IS_FULL
from tests.faults.keeper import AFTER, BEFORE, MEANWHILE, NEW_KEY
from tests.faults.mortal import Life, Mortal, mortal
from tests.faults.rekeyer import add

FINISHING = 9
"""Calls at the beginning of a start, in which a restore is finished: it takes seven at most."""

EACH, MOST = 9, 20
"""How many-th call is tried, and about how many at most; all are when RPCBACKEND_FAULTS=full."""

PROGRAM = "tests.faults.keeper"

NUMBERS = {an_id("bra", number): number for number in (*BEFORE, *AFTER, *MEANWHILE)}


async def make_template(folder: Path) -> None:
    """Make a store with rows, a backup of it, and rows that came after."""
    async with store_in(folder / "template", key=KEY) as store:
        for number in BEFORE:
            await add(store, number)
        await store.backup("manual")
        for number in AFTER:
            await add(store, number)


def rows_of(life: Life) -> set[int]:
    return {int(words[0]) for words in life.words("row")}


def is_done(life: Life) -> bool:
    return ("done",) in life.said


def refusals_of(life: Life) -> list[tuple[str, ...]]:
    return life.words("refused")


async def rows_in(store: Store) -> set[int]:
    async def unit(work: Work) -> set[int]:
        rows = await work.tx.all("SELECT id FROM branches WHERE school_id = :school")
        return {NUMBERS[row["id"]] for row in rows}

    return await store.read(unit)


def rows_in_backups(directory: Path) -> list[set[int]]:
    """Return the rows in each backup that counts, once all of it is found sound."""
    found = []
    for backup in list_backups(directory / "backups"):
        assert verify_backup(backup.path, KEY, lambda *_: None).faults == ()
        connection = open_still(backup.path, KEY)
        found.append({NUMBERS[row[0]] for row in connection.execute("SELECT id FROM branches")})
        connection.close()
    return found


async def judge_backup(directory: Path, life: Life) -> str:
    """Check that what was acknowledged is there, and that what counts as a backup is one."""
    async with store_in(directory, key=KEY) as store:
        assert {*BEFORE, *AFTER} | rows_of(life) <= await rows_in(store)
        backups = rows_in_backups(directory)
        # The next one sweeps up what this one left.
        await store.backup("before-rekey")
    assert {*BEFORE} in backups, "the one that was there stays"
    if is_done(life):
        assert len(backups) == 2
        assert {*BEFORE, *AFTER} <= backups[0]
    left = [path.suffix for path in (directory / "backups").iterdir()]
    assert sorted(left) == [".db"] * (len(backups) + 1) + [".json"] * (len(backups) + 1)
    return "backup" if len(backups) == 2 else "no backup"


async def judge_restore(directory: Path, life: Life) -> str:
    """Check that all is old or all new, and that what was acknowledged is in it or saved."""
    async with store_in(directory, key=KEY) as store:
        rows, events = await rows_in(store), await events_in(store)
        assert await store.engine.look_through(lambda *_: None) == []
    is_new = [event["type"] for event in events] == ["backups.restored"]
    assert not (directory / STAGE_NAME).exists()
    assert not (directory / MARKER_NAME).exists()
    # A disk that failed once is no reason to doubt what is there.
    assert not (directory / "quarantine").exists()
    saved = rows_in_backups(directory)
    assert {*BEFORE, *AFTER} | rows_of(life) <= rows.union(*saved)
    if is_new:
        assert {*BEFORE} <= rows <= {*BEFORE, *MEANWHILE}
        assert any({*BEFORE, *AFTER} <= each for each in saved)
    else:
        assert {*BEFORE, *AFTER} <= rows
        assert not is_done(life)
        assert rows_of(life) <= rows
    if [outcome for _, outcome in refusals_of(life)] == ["none"]:
        assert not is_new
    return "new" if is_new else "old"


async def judge_rekey(directory: Path, life: Life) -> str:
    """Check that one key opens the store, and one each of its backups; the new one when done."""
    key = KEY
    try:
        open_still(directory / "school.db", KEY).close()
    except WrongKeyError:
        key = NEW_KEY
    async with store_in(directory, key=key) as store:
        assert {*BEFORE, *AFTER} | rows_of(life) <= await rows_in(store)
    backups = list_backups(directory / "backups")
    marks = {mark_of(each): each for each in (KEY, NEW_KEY)}
    for backup in backups:
        assert verify_backup(backup.path, marks[backup.key_mark], lambda *_: None).faults == ()
    assert "manual" in {backup.reason for backup in backups}, "the one that was there stays"
    if key == NEW_KEY:
        assert "before-rekey" in {backup.reason for backup in backups}
    if is_done(life):
        assert {backup.key_mark for backup in backups} == {mark_of(NEW_KEY)}
    return "old key" if key == KEY else "new key"


def make_old_template(folder: Path) -> None:
    """Make a store as the first version of this program did, with rows in it."""
    directory = folder / "template"
    directory.mkdir()
    connection = Opener(directory / "school.db", KEY, may_write=True)()
    migrate(connection, 0, to=1)
    sql = """INSERT INTO branches (school_id, id, name, zone, currency, is_active, version)
             VALUES (1, ?, '', '', 'EUR', 1, 1)"""
    connection.executemany(sql, [(an_id("bra", number),) for number in BEFORE])
    connection.close()


async def judge_migration(directory: Path, life: Life) -> str:
    """Check that nothing was migrated that had not been saved before."""
    connection = open_still(directory / "school.db", KEY)
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    connection.close()
    assert version in range(1, latest_version() + 1)
    assert version == latest_version() or not is_done(life)
    backups = list_backups(directory / "backups")
    assert [backup.facts.schema_version for backup in backups] == [1] * len(backups)
    assert version == 1 or rows_in_backups(directory)[0] == {*BEFORE}
    async with store_in(directory, key=KEY) as store:
        assert {*BEFORE} | rows_of(life) <= await rows_in(store)
    return f"schema {version}"


JUDGES = {
    "backup": judge_backup,
    "restore": judge_restore,
    "rekey": judge_rekey,
    "open": judge_migration,
}

CASES = {
    "backup": {"backup", "no backup"},
    "restore": {"old", "new"},
    "rekey": {"old key", "new key"},
    "open": {"schema 1", f"schema {latest_version()}"},
}
"""Both sides of each must have been tried."""

CUT_SHORT = [
    *product(JUDGES, ["kill", "tear"]),
    *product(["backup", "restore", "rekey"], ["eio", "full"]),
]


def some(calls: int) -> range:
    return range(1, calls + 1, 1 if IS_FULL else max(EACH, calls // MOST))


async def prepare(folder: Path, care: str) -> None:
    if care == "open":
        make_old_template(folder)
    else:
        await make_template(folder)


async def tried(program: Mortal, care: str, action: str, calls: Iterable[int]) -> Counter[str]:
    cases: Counter[str] = Counter()
    for at in calls:
        life = program.live(action, at, care)
        cases[await JUDGES[care](program.directory, life)] += 1
    FIGURES.tell(f"{care}, {action}", lives=cases.total(), **cases)
    return cases


@clause("care-survives-a-kill")
@pytest.mark.parametrize(("care", "action"), CUT_SHORT)
async def test_a_death_or_a_failure_at_any_call_leaves_all_old_or_all_new_and_says_which(
    fault: Path, folder: Path, care: str, action: str
) -> None:
    await prepare(folder, care)

    with mortal(PROGRAM, fault, folder) as program:
        cases = await tried(program, care, action, some(program.count_calls(care)))

    assert CASES[care] <= cases.keys()


@clause("care-survives-a-kill")
async def test_a_restore_that_is_killed_again_while_it_is_finished_converges(
    fault: Path, folder: Path
) -> None:
    await make_template(folder)
    kept = folder / "kept"
    lives = 0

    with mortal(PROGRAM, fault, folder) as program:
        # From behind: the marker comes near the end.
        for at in range(program.count_calls("restore"), 0, -1):
            first = program.live("kill", at, "restore")
            if not (program.directory / MARKER_NAME).exists():
                if lives:
                    break
                continue
            shutil.rmtree(kept, ignore_errors=True)
            shutil.copytree(program.directory, kept)
            for again in range(1, FINISHING + 1):
                shutil.rmtree(program.directory)
                shutil.copytree(kept, program.directory)
                program.live_on("kill", again, "open")
                assert await judge_restore(program.directory, first) == "new"
                lives += 1

    FIGURES.tell("restore, killed twice", lives=lives)
    assert lives > 0


@clause("care-survives-a-kill")
async def test_a_restore_whose_disk_fails_near_its_end_is_never_said_to_be_undone_when_it_is_not(
    fault: Path, folder: Path
) -> None:
    await make_template(folder)
    cases: Counter[str] = Counter()

    with mortal(PROGRAM, fault, folder) as program:
        last = program.count_calls("restore")
        while not _has_marker_at(program, last):
            last -= 1
        # Until the last sync behind the marker, which is what makes the end durable.
        for at in range(last - FINISHING, last + 3):
            life = program.live("eio", at, "restore")
            cases[await judge_restore(program.directory, life)] += 1

    FIGURES.tell("restore, eio near its end", lives=cases.total(), **cases)
    assert cases.keys() == {"old", "new"}


def _has_marker_at(program: Mortal, at: int) -> bool:
    program.live("kill", at, "restore")
    return (program.directory / MARKER_NAME).exists()
