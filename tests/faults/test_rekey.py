"""A change of keys that is cut short at any call leaves one key that opens everything."""

from collections import Counter
from pathlib import Path

import pytest
import sqlcipher3

from rpcbackend.store import Work, WrongKeyError, open_store
from tests.clauses import clause
from tests.factories import an_id
from tests.faults.budget import FIGURES
from tests.faults.mortal import KILLED, Life, mortal, selected
from tests.faults.rekeyer import BEFORE, MEANWHILE, NEW, OLD

PROGRAM = "tests.faults.rekeyer"


def rows_of(life: Life) -> set[int]:
    """Return the rows that are durable, as it said."""
    return {int(words[0]) for words in life.words("row")}


def answer_of(life: Life) -> str:
    """Return what the change of keys answered, if it did."""
    answers = [line for line in life.said if line[0] != "row"]
    return " ".join(answers[-1]) if answers else ""


async def make_template(folder: Path) -> None:
    await (await open_store(folder / "template", key=OLD)).close()


async def left_in(directory: Path) -> tuple[bytes, set[int]]:
    """Return the key that opens the store, and the rows in it, once all of it is found sound."""
    opened = []
    for key in (OLD, NEW):
        try:
            store = await open_store(directory, key=key)
        except WrongKeyError:
            continue
        rows = await store.read(rows_in)
        await store.close()
        opened.append((key, rows))
    assert len(opened) == 1, "exactly one of the keys opens the store"
    check(directory, opened[0][0])
    return opened[0]


async def rows_in(work: Work) -> set[int]:
    rows = await work.tx.all("SELECT id FROM branches WHERE school_id = :school")
    numbers = {an_id("bra", number): number for number in (*BEFORE, *MEANWHILE)}
    return {numbers[row["id"]] for row in rows}


def check(directory: Path, key: bytes) -> None:
    database = sqlcipher3.connect(directory / "school.db")
    database.execute(f"PRAGMA key = \"x'{key.hex()}'\"")
    assert database.execute("PRAGMA cipher_integrity_check").fetchall() == []
    assert database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    database.close()


async def judge(directory: Path, life: Life) -> str:
    """Check what a process left against what it had said, and name the case."""
    key, rows = await left_in(directory)
    said, answer = rows_of(life), answer_of(life)
    assert said <= rows
    assert set(BEFORE) <= said
    if answer == "rekeyed":
        assert key == NEW
    if answer.endswith("none"):
        # Everything goes on: with a new connection, for the old one is in nobody knows what state.
        assert (key, said) == (OLD, {*BEFORE, *MEANWHILE})
    return f"{'old' if key == OLD else 'new'} key, {answer or 'no answer'}"


@clause("rekey-survives-a-kill")
async def test_a_process_that_is_killed_at_any_call_leaves_all_old_or_all_new(
    fault: Path, folder: Path
) -> None:
    await make_template(folder)
    cases: Counter[str] = Counter()

    with mortal(PROGRAM, fault, folder) as program:
        calls = program.count_calls()
        for at in selected(calls, 36):
            life = program.live("kill", at)
            assert life.status == KILLED
            cases[await judge(program.directory, life)] += 1
        life = program.live("kill", 2 * calls)
        await judge(program.directory, life)

    FIGURES.tell("a change of keys that is killed", calls=calls, **cases)
    assert (life.status, rows_of(life)) == (0, {*BEFORE, *MEANWHILE})
    # Both sides of the change were tried, and the gap in which only the pending key helps.
    assert cases.keys() == {"old key, no answer", "new key, no answer", "new key, rekeyed"}, cases


@clause("rekey-survives-a-kill", "rekey-failed-keeps-the-store")
@pytest.mark.parametrize("action", ["tear", "eio", "full"])
async def test_a_write_that_is_torn_or_fails_at_any_call_leaves_all_old_or_all_new(
    fault: Path, folder: Path, action: str
) -> None:
    await make_template(folder)
    cases: Counter[str] = Counter()

    with mortal(PROGRAM, fault, folder) as program:
        for at in selected(program.count_calls(), 15):
            life = program.live(action, at)
            cases[await judge(program.directory, life)] += 1

    FIGURES.tell(f"a change of keys that meets {action}", calls=cases.total(), **cases)
    assert {case.partition(",")[0] for case in cases} == {"old key", "new key"}, cases
