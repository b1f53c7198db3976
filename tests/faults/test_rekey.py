"""A change of keys that is cut short at any call leaves one key that opens everything."""

import os
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
import sqlcipher3

from rpcbackend.store import Work, WrongKeyError, open_store
from tests.clauses import clause
from tests.factories import an_id
from tests.faults.rekeyer import BEFORE, MEANWHILE, NEW, OLD

ENDS = 20
"""Of the calls at which a write is torn or fails, the first and the last that are all tried."""
BETWEEN = 5
"""Of those between them, each how many-th is tried; all are when RPCBACKEND_FAULTS=full."""

KILLED = 9


@pytest.fixture(scope="module")
def fault(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build what is preloaded into the process that dies."""
    library = tmp_path_factory.mktemp("fault") / "fault.so"
    source = Path(__file__).with_name("fault.c")
    subprocess.run(["gcc", "-shared", "-fPIC", "-o", library, source, "-ldl"], check=True)  # noqa: S603, S607 (the system's compiler)
    return library


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder in memory, if the system has one: what a killed process wrote stays there too."""
    memory = Path("/dev/shm")  # noqa: S108 (a place for a folder of our own)
    with TemporaryDirectory(dir=memory if memory.is_dir() else None) as made:
        yield Path(made)


@dataclass(frozen=True, slots=True)
class Life:
    """What a process said until its end."""

    rows: frozenset[int]
    """Those that are durable, it said."""
    answer: str
    """Of the change of keys, if there was one."""
    signal: int


class Rekeyer:
    """The program of rekeyer.py, with faults preloaded."""

    def __init__(self, process: "subprocess.Popen[str]", folder: Path) -> None:
        self._process, self._folder = process, folder
        self.directory = folder / "data"

    def live(self, action: str, at: int) -> Life:
        """Change the key of a fresh copy of the store, with a fault at one call."""
        shutil.rmtree(self.directory, ignore_errors=True)
        shutil.copytree(self._folder / "template", self.directory)
        (self._folder / "data.arm").unlink(missing_ok=True)
        assert self._process.stdin is not None
        self._process.stdin.write(f"{self.directory} {action} {at}\n")
        self._process.stdin.flush()
        rows, answer = set(), ""
        while (said := self._line())[0] != "end":
            if said[0] == "row":
                rows.add(int(said[1]))
            else:
                answer = " ".join(said)
        return Life(frozenset(rows), answer, int(said[1]))

    def _line(self) -> list[str]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline().split()
        assert line, "the program itself ended"
        return line


@contextmanager
def rekeyer(fault: Path, folder: Path) -> Iterator[Rekeyer]:
    with subprocess.Popen(
        [sys.executable, "-m", "tests.faults.rekeyer"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        encoding="utf-8",
        env=os.environ | {"LD_PRELOAD": str(fault), "PYTHONASYNCIODEBUG": ""},
    ) as process:
        yield Rekeyer(process, folder)


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
    assert life.rows <= rows
    assert set(BEFORE) <= life.rows
    if life.answer == "rekeyed":
        assert key == NEW
    if life.answer.endswith("none"):
        # Everything goes on: with a new connection, for the old one is in nobody knows what state.
        assert (key, life.rows) == (OLD, frozenset([*BEFORE, *MEANWHILE]))
    return f"{'old' if key == OLD else 'new'} key, {life.answer or 'no answer'}"


@clause("rekey-survives-a-kill")
async def test_a_process_that_is_killed_at_any_call_leaves_all_old_or_all_new(
    fault: Path, folder: Path
) -> None:
    """The k-th call that changes a file is the last, for k = 1, 2, 3 ... until none is."""
    await make_template(folder)
    cases: Counter[str] = Counter()

    with rekeyer(fault, folder) as program:
        at = 1
        while (life := program.live("kill", at)).signal == KILLED:
            cases[await judge(program.directory, life)] += 1
            at += 1
        await judge(program.directory, life)

    assert (life.signal, life.rows) == (0, frozenset([*BEFORE, *MEANWHILE]))
    # Both sides of the change were tried, and the gap in which only the pending key helps.
    assert cases.keys() == {"old key, no answer", "new key, no answer", "new key, rekeyed"}, cases


@clause("rekey-survives-a-kill", "rekey-failed-keeps-the-store")
@pytest.mark.parametrize("action", ["tear", "eio", "full"])
async def test_a_write_that_is_torn_or_fails_at_any_call_leaves_all_old_or_all_new(
    fault: Path, folder: Path, action: str
) -> None:
    await make_template(folder)
    cases: Counter[str] = Counter()

    with rekeyer(fault, folder) as program:
        for at in selected(count_calls(program)):
            life = program.live(action, at)
            cases[await judge(program.directory, life)] += 1

    assert {case.partition(",")[0] for case in cases} == {"old key", "new key"}, cases


def count_calls(program: Rekeyer) -> int:
    """Find the number of calls that change a file, by halves."""
    least, most = 0, 4_096
    while most - least > 1:
        middle = (least + most) // 2
        if program.live("kill", middle).signal == KILLED:
            least = middle
        else:
            most = middle
    return least


def selected(calls: int) -> list[int]:
    if os.environ.get("RPCBACKEND_FAULTS") == "full":
        return list(range(1, calls + 1))
    between = range(ENDS + 1, calls - ENDS + 1, BETWEEN)
    return [*range(1, ENDS + 1), *between, *range(calls - ENDS + 1, calls + 1)]
