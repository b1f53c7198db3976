"""The program that dies while it brings an old store up to date (`mortal.py`).

It says `open VERSION` when the store is open, and `row N` for a row that is durable.
"""

from pathlib import Path

import sqlcipher3

from rpcbackend.store import migrations, open_store
from tests.factories import KEY, an_id
from tests.faults.mortal import Task, run_lives, say
from tests.faults.rekeyer import add

ROW = 10
OLD_ROWS = 400

_PEOPLE = """
INSERT INTO branches VALUES (1, 'bra', 'Mitte', NULL, 'Europe/Berlin', 'EUR', 1, 1);
INSERT INTO instructors VALUES
  (1, 'ins', 'bra', 'Ines', 'Kraft', NULL, NULL, '["B"]', 'employee', 'active', 1);
INSERT INTO students VALUES
  (1, 'stu', 'bra', 'Ada', 'Byron', '2007-12-10', NULL, NULL, 'active', 0, 1, 'ada byron');
"""
_LESSON = """
INSERT INTO lessons (school_id, id, branch_id, student_id, instructor_id, type, state,
  starts_at, ends_at, zone, local_start, local_end, version)
VALUES (1, ?, 'bra', 'stu', 'ins', 'normal', 'booked', 0, 60, 'Europe/Berlin', '', '', 1)
"""


async def bring_up_to_date(task: Task) -> None:
    """Open an old store, write a row, close."""
    task.arm()
    store = await open_store(task.directory, key=KEY)
    say(f"open {store.engine.schema_version}")
    await add(store, ROW)
    await store.close()


def make_old_store(directory: Path) -> None:
    """Make a store as the first version of this program did, with rows in it."""
    directory.mkdir()
    database = connect(directory)
    database.execute("PRAGMA journal_mode = WAL")
    now_ms = 1_795_420_800_000
    migrations._apply(database, migrations.load()[0], now_ms)  # noqa: SLF001 (what that version did)
    rows = [(an_id("les", number),) for number in range(OLD_ROWS)]
    database.executescript(_PEOPLE)
    database.executemany(_LESSON, rows)
    database.close()


def connect(directory: Path) -> sqlcipher3.Connection:
    """Connect to a store past the program."""
    database = sqlcipher3.connect(directory / "school.db", isolation_level=None)
    database.execute(f"PRAGMA key = \"x'{KEY.hex()}'\"")
    return database


if __name__ == "__main__":
    run_lives(bring_up_to_date)
