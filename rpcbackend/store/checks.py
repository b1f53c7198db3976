"""What must be true of a whole database: one list, for system.health, a start and `doctor`."""

import re
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal

from rpcbackend.store import driver
from rpcbackend.store.audit import ROOT, Audit
from rpcbackend.store.catalog import shapes
from rpcbackend.store.statements import SqliteTransaction
from rpcbackend.store.transaction import Report, Transaction, drive

AT_A_TIME = 5_000
"""Rows of the audit in one look."""

_LOGICAL = re.compile(
    r"(missing from|values differ from|wrong # of entries in|non-unique entry in) index "
)
"""What SQLite says of an index that does not fit its table, though both can be read."""

_REFERENCES = 'SELECT "table", parent, count(*) FROM pragma_foreign_key_check GROUP BY 1, 2'

# Claims that overlap at all overlap a neighbour by start (rule G1).
_OVERLAPPING = """
SELECT count(*) FROM (
  SELECT starts_at, lag(ends_at) OVER (
    PARTITION BY school_id, resource_type, resource_id ORDER BY starts_at) AS before
  FROM resource_claims WHERE school_id = :school) AS spans
WHERE before > starts_at
"""

_FREE_STATES = "('declined', 'expired', 'cancelled')"

# Rule G2, both ways.
_UNOWNED = f"""
SELECT count(*) FROM resource_claims c
WHERE school_id = :school AND owner_type = 'lesson' AND NOT EXISTS (
  SELECT 1 FROM lessons l WHERE l.school_id = c.school_id AND l.id = c.owner_id
    AND l.starts_at = c.starts_at AND l.ends_at = c.ends_at AND l.state NOT IN {_FREE_STATES}
    AND c.resource_id = CASE c.resource_type WHEN 'instructor' THEN l.instructor_id
      WHEN 'vehicle' THEN l.vehicle_id WHEN 'student' THEN l.student_id END)
"""  # noqa: S608 (our own text)
_UNCLAIMED = f"""
SELECT count(*) FROM lessons l CROSS JOIN (
  VALUES ('instructor'), ('vehicle'), ('student')) AS kinds
WHERE l.school_id = :school AND l.state NOT IN {_FREE_STATES}
  AND NOT (column1 = 'vehicle' AND l.vehicle_id IS NULL)
  AND NOT EXISTS (
    SELECT 1 FROM resource_claims c WHERE c.school_id = l.school_id
      AND c.resource_type = column1 AND c.starts_at = l.starts_at AND c.owner_id = l.id
      AND c.resource_id = CASE column1 WHEN 'instructor' THEN l.instructor_id
        WHEN 'vehicle' THEN l.vehicle_id ELSE l.student_id END)
"""  # noqa: S608 (our own text)

_GAPS = """
SELECT coalesce(sum(last - number), 0) FROM (
  SELECT max(seq) AS last, count(*) AS number FROM events
  WHERE school_id = :school) AS stream
"""


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that is not as it must be, in words and figures, without a value."""

    kind: Literal["pages", "index", "contents"]
    """Of the file itself, of an index alone, or of what stands in the tables."""
    text: str


Check = Callable[[Transaction], Coroutine[Any, Any, list[Finding]]]
Read = Callable[[Callable[[Any], Coroutine[Any, Any, Any]]], Awaitable[Any]]
"""Runs one look at the database; errors of the driver come through."""


async def look_through(read: Read, report: Report) -> list[Finding]:
    """Make every check, telling what comes now; what cannot be read is a finding too."""
    findings: list[Finding] = []
    try:
        steps = await read(_list_steps)
    except Exception as error:
        if driver.is_damage(error):
            return [unreadable("the list of tables")]
        raise
    for done, (name, check) in enumerate(steps):
        report(done, len(steps), name)
        try:
            findings += await read(check)
        except Exception as error:
            # A text that is no JSON any more cannot even be held against the rule of its column.
            if not (driver.is_damage(error) or driver.is_value_error(error)):
                raise
            findings.append(unreadable(name))
    return findings


def unreadable(what: str) -> Finding:
    """Say that something cannot be read to its end."""
    return Finding("pages", f"{what}: cannot be read to the end")


def is_sound(findings: Sequence[Finding]) -> bool:
    """Tell whether the file can be read: what stands in it may be wrong all the same."""
    return not any(finding.kind == "pages" for finding in findings)


async def _list_steps(tx: Transaction) -> list[tuple[str, Check]]:
    tables = sorted(shape.name for shape in await shapes(tx))
    steps: list[tuple[str, Check]] = []
    if tx.dialect == "sqlite":
        steps = [(table, partial(_check_table, table)) for table in tables]
        steps += [("free pages", _check_rest), ("references", _check_references)]
    # A database that has yet to be migrated lacks some of them.
    return steps + [(name, check) for name, needed, check in _CONTENTS if needed <= {*tables}]


async def _check_table(table: str, tx: Transaction) -> list[Finding]:
    rows = await tx.all("SELECT integrity_check FROM pragma_integrity_check(:table)", table=table)
    return _found(table, [row[0] for row in rows])


async def _check_rest(tx: Transaction) -> list[Finding]:
    # What belongs to no table: free pages, and pages that nobody knows.
    row = await tx.one("PRAGMA quick_check(1)")
    return _found("free pages", [row[0]] if row else [])


def _found(where: str, said: Sequence[str]) -> list[Finding]:
    if list(said) == ["ok"]:
        return []
    kind: Literal["pages", "index"] = "pages"
    if said and all(_LOGICAL.search(each) for each in said):
        kind = "index"
    # The first line may only say where.
    first = said[0].rpartition("\n")[2] if said else "nothing"
    return [Finding(kind, f"{where}: {len(said)} faults, the first: {first}")]


async def _check_references(tx: Transaction) -> list[Finding]:
    return [
        Finding("contents", f"{table}: {count} rows refer to {parent} that are missing")
        for table, parent, count in await tx.all(_REFERENCES)
    ]


async def _check_claims(tx: Transaction) -> list[Finding]:
    told = (
        (_OVERLAPPING, "{} spans of busy time overlap the one before"),
        (_UNOWNED, "{} spans of busy time belong to no lesson that holds them"),
        (_UNCLAIMED, "{} times somebody is free though a lesson has him"),
    )
    findings = []
    for sql, text in told:
        row = await tx.one(sql)
        if row is not None and row[0]:
            findings.append(Finding("contents", f"resource_claims: {text.format(row[0])}"))
    return findings


async def _check_events(tx: Transaction) -> list[Finding]:
    row = await tx.one(_GAPS)
    missing = row[0] if row else 0
    return [Finding("contents", f"events: {missing} are missing")] if missing else []


async def _check_audit(tx: Transaction) -> list[Finding]:
    audit = Audit(tx)
    head, link, before = await audit.head(), ROOT, None
    while link.seq < head.seq and link != before:
        before, link = link, await audit.follow(link, head.seq, AT_A_TIME)
    if link.seq == head.seq:
        return []
    return [Finding("contents", f"audit: row {link.seq + 1} is missing or not as it was written")]


_CONTENTS: Sequence[tuple[str, frozenset[str], Check]] = (
    ("busy time", frozenset({"lessons", "resource_claims"}), _check_claims),
    ("event stream", frozenset({"events"}), _check_events),
    ("audit chain", frozenset({"audit"}), _check_audit),
)


def look_through_file(path: Path, key: bytes | None, report: Report) -> list[Finding]:
    """Make every check of a database that nobody uses, on this thread, without changing a byte.

    Raises:
        WrongKeyError: The key does not open it, or its first page is damaged.
        StorageFailedError: It is another program's database.
    """
    connection = driver.open_still(path, key)

    async def read(look: Callable[[Any], Awaitable[Any]]) -> Any:
        nonlocal connection
        try:
            return await look(SqliteTransaction(connection, 1))
        except Exception:
            # SQLCipher serves nothing more on a connection that met a page it cannot prove.
            connection.close()
            connection = driver.open_still(path, key)
            raise

    try:
        return drive(look_through(read, report))
    finally:
        connection.close()
