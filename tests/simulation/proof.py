"""What the database holds against what was told: read past the program, by plain SQL."""

import hashlib
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import orjson
import sqlcipher3

from rpcbackend.store.files import FILE_NAME
from tests.simulation.history import History, Operation, ViolationError

_MARKS = {
    "lessons.book": "SELECT pickup, id FROM lessons WHERE pickup IS NOT NULL",
    "students.create": "SELECT family_name, id FROM students",
}
"""Where the tag of an operation is found, and what it made."""

_OVERLAPS = """
SELECT count(*) FROM (
  SELECT starts_at < max(ends_at) OVER (
    PARTITION BY school_id, resource_type, resource_id ORDER BY starts_at
    ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS is_overlap
  FROM resource_claims
) WHERE is_overlap
"""

_CHANGES = """
SELECT aggregate_id FROM events WHERE type IN ('students.updated', 'lessons.cancelled')
"""

_CLAIMS = "SELECT resource_type, resource_id, starts_at, ends_at, owner_id FROM resource_claims"
_LESSONS = """
SELECT 'instructor', instructor_id, starts_at, ends_at, id FROM lessons WHERE state = 'booked'
UNION ALL SELECT 'student', student_id, starts_at, ends_at, id FROM lessons WHERE state = 'booked'
UNION ALL SELECT 'vehicle', vehicle_id, starts_at, ends_at, id FROM lessons
WHERE state = 'booked' AND vehicle_id IS NOT NULL
"""

_FOR_ALL = """
SELECT seq FROM events WHERE type NOT LIKE 'auth.%' AND type NOT LIKE 'users.%' ORDER BY seq
"""

_AUDIT = """
SELECT school_id, seq, at, actor, session_id, channel, entity_type, entity_id, changes,
       prev_hash, hash FROM audit ORDER BY seq
"""


def prove(directory: Path, history: History) -> None:
    """Check everything that holds at any instant.

    Raises:
        ViolationError: It does not.
    """
    with _opened(directory) as database:
        _prove_effects(database, history)
        _prove_changes(database, history)
        _prove_claims(database)
        _prove_events(database, history)
        _prove_audit(database)


def prove_sound(directory: Path) -> None:
    """Check the file itself, once nobody works on it any more.

    Raises:
        ViolationError: SQLite finds damage.
    """
    with _opened(directory) as database:
        _hold(database.execute("PRAGMA integrity_check").fetchall() == [("ok",)], "a sound file")
        _hold(database.execute("PRAGMA foreign_key_check").fetchall() == [], "sound references")


def events_for_all(directory: Path) -> list[int]:
    """Return the numbers of the events that everybody is told of who works there."""
    with _opened(directory) as database:
        return [row[0] for row in database.execute(_FOR_ALL)]


@contextmanager
def _opened(directory: Path) -> Iterator[Any]:
    database = sqlcipher3.connect(directory / FILE_NAME)
    database.execute("PRAGMA wal_autocheckpoint = 0")
    try:
        yield database
    finally:
        database.close()


def _hold(is_true: bool, promise: str) -> None:
    if not is_true:
        raise ViolationError(f"promised was {promise}")


def _prove_effects(database: Any, history: History) -> None:
    """Acknowledged means durable (I1), a key means one effect (I2), refused means none (K3)."""
    made: dict[str, dict[str, list[str]]] = {}
    for channel, sql in _MARKS.items():
        by_tag = made.setdefault(channel, {})
        for tag, record_id in database.execute(sql):
            by_tag.setdefault(tag, []).append(record_id)
    for operation in history.operations:
        if operation.channel in made:
            found = made[operation.channel].get(operation.tag, [])
            _prove_effect(operation, found)


def _prove_effect(operation: Operation, found: list[str]) -> None:
    told = operation.result
    what = f"{operation.channel} {operation.tag}, told {[a.kind for a in operation.answers]}"
    _hold(len(found) <= 1, f"one effect (I2): {what}, found {found}")
    _hold(bool(found) or not operation.must_stand, f"a durable effect (I1): {what}")
    _hold(not found or operation.may_stand, f"no effect (K3): {what}, found {found}")
    if found and told is not None and operation.must_stand:
        record = told["lesson" if operation.channel == "lessons.book" else "student"]
        _hold(record["id"] == found[0], f"the effect that was told: {what}, found {found}")


def _prove_changes(database: Any, history: History) -> None:
    """Every version of a record has its event, and as many as were acknowledged are there."""
    changes = Counter(row[0] for row in database.execute(_CHANGES))
    stored = dict(database.execute("SELECT id, version FROM students").fetchall())
    stored |= dict(database.execute("SELECT id, version FROM lessons").fetchall())
    for record, version in stored.items():
        _hold(version == changes[record] + 1, f"an event for each version of {record} (I6)")
    for record, version in history.versions.items():
        _hold(stored.get(record, 0) >= version, f"version {version} of {record} (I1, I10)")
    wanted = _wanted(history)
    for record, operations in wanted.items():
        least = sum(operation.must_stand for operation in operations)
        most = sum(operation.may_stand for operation in operations)
        if operations[0].channel == "lessons.cancel":
            least = min(least, 1)
        _hold(least <= changes[record] <= most, f"{least} to {most} changes of {record} (I1, I2)")
    _hold(set(changes) <= set(wanted), "no change that nobody asked for")


def _wanted(history: History) -> dict[str, list[Operation]]:
    wanted: dict[str, list[Operation]] = {}
    for operation in history.operations:
        record = operation.params.get(
            "lessonId" if operation.channel == "lessons.cancel" else "studentId"
        )
        if operation.channel in ("lessons.cancel", "students.update"):
            wanted.setdefault(str(record), []).append(operation)
    return wanted


def _prove_claims(database: Any) -> None:
    """No two claims of a resource overlap (K1), and they are those of the lessons (K2)."""
    _hold(database.execute(_OVERLAPS).fetchone()[0] == 0, "disjoint claims (K1)")
    claims, lessons = database.execute(_CLAIMS).fetchall(), database.execute(_LESSONS).fetchall()
    _hold(sorted(claims) == sorted(lessons), "the claims of the booked lessons (K2)")


def _prove_events(database: Any, history: History) -> None:
    """Events are dense, each has its cause, and what was sent is there for ever (invariant 5)."""
    events = database.execute("SELECT seq, id, type FROM events ORDER BY seq").fetchall()
    _hold([row[0] for row in events] == list(range(1, len(events) + 1)), "events without a gap")
    stored = {row[0]: (row[1], row[2]) for row in events}
    for seq, told in history.events.items():
        _hold(stored.get(seq) == told, f"event {seq}, which a subscriber got, to be {told}")
    count = Counter(row[2] for row in events)
    lessons = database.execute("SELECT count(*) FROM lessons").fetchone()[0]
    _hold(count["lessons.booked"] == lessons, "an event for each lesson (I6)")


def _prove_audit(database: Any) -> None:
    """The chain of hashes holds (A1), with a row for each booking."""
    before, booked = bytes(32), 0
    for number, (*row, prev_hash, found) in enumerate(database.execute(_AUDIT), start=1):
        booked += row[5] == "lessons.book"
        known = hashlib.sha256(before + orjson.dumps(row)).digest()
        _hold((row[1], prev_hash, found) == (number, before, known), f"row {number} of the audit")
        before = found
    lessons = database.execute("SELECT count(*) FROM lessons").fetchone()[0]
    _hold(booked == lessons, "one row of the audit for each lesson")
