"""What every store must be after whatever happened to it: whole, and telling one story."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from sys import intern
from typing import Any

import orjson
import sqlcipher3

from rpcbackend.store import Work, open_store
from rpcbackend.store.audit import ROOT
from tests.faults.deeds import PEOPLE


@dataclass(frozen=True, slots=True)
class Found:
    """What a store holds."""

    texts: dict[str, str]
    """By idempotency key: the reply that is kept, as JSON."""
    records: dict[str, str]
    """By idempotency key: the id of what the command made."""
    events: tuple[str, ...]
    """Their ids, in order."""

    paid: dict[str, int]
    """By payment: what came in, in cents."""

    @property
    def results(self) -> dict[str, Any]:
        """By idempotency key: the reply that is kept."""
        return {key: orjson.loads(text) for key, text in self.texts.items()}

    def of(self, desk: str) -> "Found":
        """Return what was done under the keys of one desk, which begin with its name."""
        return replace(
            self,
            texts={key: text for key, text in self.texts.items() if key.startswith(f"{desk} ")},
        )


async def look_through(directory: Path, key: bytes | None) -> Found:
    """Open a store as the program does, and check that it is whole and tells one story."""
    store = await open_store(directory, key=key)
    try:
        found = await store.read(look_over)
    finally:
        await store.close()
    check_pages(directory, key)
    return found


def check_pages(directory: Path, key: bytes | None) -> None:
    """Check every page and index of a store that is closed."""
    database = sqlcipher3.connect(directory / "school.db")
    try:
        if key is not None:
            database.execute(f"PRAGMA key = \"x'{key.hex()}'\"")
            damaged = database.execute("PRAGMA cipher_integrity_check").fetchall()
            assert damaged == [], damaged
        said = database.execute("PRAGMA integrity_check").fetchall()
        assert said == [("ok",)], said
        assert database.execute("PRAGMA foreign_key_check").fetchall() == []
    finally:
        database.close()


_OVERLAPS = """
SELECT count(*) FROM (
  SELECT starts_at, lag(ends_at) OVER (
    PARTITION BY resource_type, resource_id ORDER BY starts_at) AS before
  FROM resource_claims WHERE school_id = :school) AS claims
WHERE before > starts_at
"""


async def look_over(work: Work) -> Found:
    """Check that rows, keys, claims, events and audit tell the same: a unit of work."""
    kept = await work.tx.all("SELECT key, result FROM idempotency_keys WHERE school_id = :school")
    events = await work.tx.all(
        "SELECT seq, id, type, aggregate_id FROM events WHERE school_id = :school ORDER BY seq"
    )
    lessons = await _column(work, "SELECT id FROM lessons WHERE school_id = :school")
    payments = await work.tx.all(
        "SELECT id, state, received_minor FROM payments WHERE school_id = :school"
    )
    students = await _column(work, "SELECT id FROM students WHERE school_id = :school")
    claims = await _column(work, "SELECT owner_id FROM resource_claims WHERE school_id = :school")
    audited = await _column(work, "SELECT entity_id FROM audit WHERE school_id = :school")
    overlaps = await _column(work, _OVERLAPS)
    records = {row["key"]: _made_by(row["result"]) for row in kept}
    paid = {row["id"]: row["received_minor"] for row in payments if row["state"] == "paid"}
    made = Counter(records.values())

    assert [row["seq"] for row in events] == list(range(1, len(events) + 1)), "a gap in the events"
    # Of a payment there are two: that it was asked for, and that it came.
    happened = made + Counter(paid.keys())
    assert Counter(row["aggregate_id"] for row in events) == happened, "events and keys differ"
    assert set(made.values()) <= {1}, "one record under two keys"
    new_students = [student for student in students if student in made]
    assert len(students) == len(new_students) + PEOPLE, "a student of no command"
    asked = [row["id"] for row in payments]
    assert made == Counter([*lessons, *new_students, *asked]), "rows and keys differ"
    assert Counter(claims) == Counter(dict.fromkeys(lessons, 3)), "claims and rows differ"
    assert overlaps == [0], "claims overlap"
    # What is told twice is audited twice, the second time of nothing.
    changed = Counter(entity for entity in audited if entity is not None)
    assert changed == happened, "audit and keys differ"
    head = await work.audit.head()
    assert head.seq == len(audited), "a gap in the audit"
    assert await work.audit.follow(ROOT, head.seq, head.seq + 1) == head, "the chain is broken"
    # One text in memory for all of thousands of stores that are much alike.
    return Found(
        texts={intern(row["key"]): intern(row["result"]) for row in kept},
        records={intern(key): intern(record) for key, record in records.items()},
        events=tuple(intern(row["id"]) for row in events),
        paid=paid,
    )


def check_times(results: Iterable[dict[str, Any]]) -> None:
    """Check that of the lessons among results no two take the same person or car at a time."""
    busy = sorted(
        (lesson[who], lesson["startsAt"], lesson["endsAt"])
        for lesson in (result["lesson"] for result in results if "lesson" in result)
        for who in ("instructorId", "vehicleId", "studentId")
    )
    for (who, _, ends), (next_one, starts, _) in pairwise(busy):
        assert who != next_one or ends <= starts, f"{who} is in two lessons at {starts}"


def _made_by(text: str) -> str:
    result = orjson.loads(text)
    record: str = (result.get("lesson") or result.get("student") or result)["id"]
    return record


async def _column(work: Work, sql: str) -> list[Any]:
    return [row[0] for row in await work.tx.all(sql)]
