"""A new database from what can still be read of a damaged one, and a list of what is lost."""

import os
import shutil
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rpcbackend.store import driver
from rpcbackend.store.checks import Finding, look_through_file
from rpcbackend.store.files import (
    FILE_NAME,
    make_private,
    open_private,
    put_stage_in_place,
    stage_in,
    sync_file,
    sync_folder,
)
from rpcbackend.store.migrations import latest_version, migrate
from rpcbackend.store.quarantine import folder_at
from rpcbackend.store.reach import Gap, Reach, Source
from rpcbackend.store.transaction import Report

FOLDER_NAME = "salvage"

ROWS_AT_ONCE = 500

# Answers are nothing but what stands in the other tables, and some of that may be lost.
_TABLES = """
SELECT name FROM sqlite_schema
WHERE type = 'table' AND name NOT LIKE 'sqlite_%' AND name NOT IN ('cached_answers', 'migrations')
ORDER BY name
"""
_COLUMNS = "SELECT name, pk FROM pragma_table_info(?) ORDER BY cid"
_INDEXES = "SELECT name FROM pragma_index_list(?) WHERE origin = 'c' AND NOT partial"
_TRIGGERS = "SELECT name, sql FROM sqlite_schema WHERE type = 'trigger'"

_UNCLAIMED = """
SELECT school_id, kind, resource_id, starts_at, ends_at, id FROM (
  SELECT school_id, id, starts_at, ends_at, state, 'instructor' AS kind,
    instructor_id AS resource_id FROM lessons
  UNION ALL SELECT school_id, id, starts_at, ends_at, state, 'vehicle', vehicle_id FROM lessons
  UNION ALL SELECT school_id, id, starts_at, ends_at, state, 'student', student_id FROM lessons) l
WHERE resource_id IS NOT NULL AND state NOT IN ('declined', 'expired', 'cancelled')
  AND NOT EXISTS (SELECT 1 FROM resource_claims c
    WHERE c.school_id = l.school_id AND c.resource_type = l.kind
      AND c.resource_id = l.resource_id AND c.starts_at = l.starts_at AND c.owner_id = l.id)
"""
_CLAIM = """
INSERT INTO resource_claims
  (school_id, resource_type, resource_id, starts_at, ends_at, owner_type, owner_id)
VALUES (?, ?, ?, ?, ?, 'lesson', ?)
"""


class UnsalvageableError(Exception):
    """Not even the list of tables can be read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TableSaved:
    """What became of one table."""

    table: str
    saved: int
    refused: int
    """Rows that could be read and break the table's rules."""
    unread: int
    """Rows that are known to be lost."""
    is_numbered: bool
    """Whether its rows are numbered, 1, 2, 3, …"""
    gaps: tuple[Gap, ...]
    """Where more may be lost, nobody knows how many."""

    @property
    def is_whole(self) -> bool:
        """Whether nothing of it is lost."""
        return not (self.refused or self.unread or self.gaps)


@dataclass(frozen=True, slots=True, kw_only=True)
class Salvaged:
    """A database that was made from a damaged one."""

    path: Path
    tables: tuple[TableSaved, ...]
    findings: tuple[Finding, ...]
    """What is wrong in it: rows that refer to lost ones, gaps in the audit."""


def salvage(path: Path, key: bytes | None, now_ms: int, report: Report) -> Salvaged:
    """Make a new database beside a damaged one, which stays as it is.

    Args:
        path: The damaged database; nobody may have it open.
        key: Of both.
        now_ms: Names the folder of the new one.
        report: Called on this thread.

    Raises:
        UnsalvageableError: Not even the list of tables can be read.
        WrongKeyError: The key does not open it.
        OSError: There is no room for it.
    """
    try:
        source = Source(path, key)
        version = int(source.rows("PRAGMA user_version")[0][0])
    except (driver.Error, UnicodeDecodeError) as error:
        raise UnsalvageableError from error
    new = _make_place(path.parent, now_ms)
    stage = driver.open_stage(new, key)
    try:
        # A row that is refused must leave nothing behind.
        stage.execute("PRAGMA journal_mode = MEMORY")
        migrate(stage, now_ms, to=min(version, latest_version()))
        tables = _fill(stage, source, report)
    finally:
        stage.close()
        source.close()
    sync_file(new)
    sync_folder(new.parent)
    findings = look_through_file(new, key, report)
    return Salvaged(path=new, tables=tuple(tables), findings=tuple(findings))


def replace_by(directory: Path, new: Path, now_ms: int) -> Path:
    """Let a salvaged database take the place of the damaged one, and return where that is then.

    Killed at any point, it leaves the one or the other; see `put_stage_in_place`.

    Raises:
        OSError: There is no room for a copy; nothing was changed.
    """
    stage = stage_in(directory)
    try:
        shutil.copyfile(new, stage)
        stage.chmod(0o600)
        sync_file(stage)
    except OSError:
        stage_in(directory)
        raise
    aside = folder_at(directory, now_ms)
    put_stage_in_place(directory, aside)
    return aside


def _make_place(directory: Path, now_ms: int) -> Path:
    at = datetime.fromtimestamp(now_ms / 1_000, UTC).strftime("%Y-%m-%dT%H%M%S.%fZ")
    folder = directory / FOLDER_NAME / at
    # One that was made at the same time stays.
    number = 1
    while folder.exists():
        number += 1
        folder = folder.with_name(f"{at}-{number}")
    make_private(folder.parent)
    make_private(folder)
    os.close(open_private(folder / FILE_NAME))
    return folder / FILE_NAME


def _fill(stage: Any, source: Source, report: Report) -> list[TableSaved]:
    # They guard an order and a wholeness that what is left may lack.
    triggers = [tuple(row) for row in stage.execute(_TRIGGERS)]
    for name, _ in triggers:
        stage.execute(f"DROP TRIGGER {name}")
    tables, saved = [row[0] for row in stage.execute(_TABLES).fetchall()], []
    for done, table in enumerate(tables):
        report(done, len(tables), table)
        saved.append(_save(stage, source, table))
    for _, sql in triggers:
        stage.execute(sql)
    if "resource_claims" in tables:
        _claim_again(stage)
    return saved


def _claim_again(stage: Any) -> None:
    """Take the time of lessons whose claims are lost: else it could be booked once more."""
    stage.execute("BEGIN")
    for row in stage.execute(_UNCLAIMED).fetchall():
        # What another claim is in the way of stays a finding.
        with suppress(driver.IntegrityError):
            stage.execute(_CLAIM, tuple(row))
    stage.execute("COMMIT")


def _save(stage: Any, source: Source, table: str) -> TableSaved:
    columns = stage.execute(_COLUMNS, (table,)).fetchall()
    reach = Reach(
        source,
        table,
        key=[row["name"] for row in sorted(columns, key=lambda row: row["pk"]) if row["pk"]],
        others=[row["name"] for row in columns if not row["pk"]],
        indexes=[row[0] for row in stage.execute(_INDEXES, (table,))],
    )
    writer = _Writer(stage, table, [*reach.key, *reach.others])
    reach.read(writer.take)
    writer.flush()
    return TableSaved(
        table=table,
        saved=writer.saved,
        refused=writer.refused,
        unread=len(reach.unread),
        is_numbered=reach.key[-1] == "seq",
        gaps=tuple(reach.gaps),
    )


class _Writer:
    """Writes rows into the new table, many at a time; those that break its rules are counted."""

    def __init__(self, stage: Any, table: str, columns: Sequence[str]) -> None:
        self._stage = stage
        names, marks = ", ".join(columns), ", ".join("?" for _ in columns)
        self._sql = f"INSERT INTO {table} ({names}) VALUES ({marks})"  # noqa: S608 (names from our own schema)
        self._rows: list[Sequence[Any]] = []
        self.saved = self.refused = 0

    def take(self, row: Sequence[Any]) -> None:
        """Write a row soon."""
        self._rows.append(row)
        if len(self._rows) >= ROWS_AT_ONCE:
            self.flush()

    def flush(self) -> None:
        """Write what was taken."""
        rows, self._rows = self._rows, []
        self._stage.execute("BEGIN")
        for row in rows:
            try:
                self._stage.execute(self._sql, row)
            except (driver.IntegrityError, UnicodeEncodeError):
                self.refused += 1
            else:
                self.saved += 1
        self._stage.execute("COMMIT")
