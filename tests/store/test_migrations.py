"""Bringing a database up to date: all of a step or nothing of it."""

import dataclasses
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlcipher3

from rpcbackend.errors import SchemaTooNewError
from rpcbackend.store import migrations
from rpcbackend.store.migrations import (
    APPLICATION_ID,
    Migration,
    MigrationChangedError,
    latest_version,
    load,
    migrate,
)

NOW_MS = 1_795_420_800_000
STEP = Migration(latest_version() + 1, "9999_more.sql", "CREATE TABLE more (x INTEGER) STRICT;")


@pytest.fixture
def connection(tmp_path: Path) -> Iterator[Any]:
    """An empty database."""
    opened = sqlcipher3.connect(tmp_path / "school.db", isolation_level=None)
    yield opened
    opened.close()


def schema_of(connection: Any) -> list[tuple[str, str]]:
    rows = connection.execute("SELECT name, sql FROM sqlite_schema ORDER BY name").fetchall()
    return [(name, sql) for name, sql in rows]


def recorded_in(connection: Any) -> list[tuple[int, str, str, int]]:
    rows = connection.execute("SELECT version, name, sha256, applied_at FROM migrations")
    return [tuple(row) for row in rows]


def pragma(connection: Any, name: str) -> int:
    return int(connection.execute(f"PRAGMA {name}").fetchone()[0])


@pytest.fixture
def one_more_step(monkeypatch: pytest.MonkeyPatch) -> list[Migration]:
    """The program as its next version will be: with one more step."""
    steps = [*load(), STEP]
    monkeypatch.setattr(migrations, "load", lambda: steps)
    monkeypatch.setattr(migrations, "latest_version", lambda: steps[-1].version)
    return steps


def test_an_empty_database_gets_every_step_with_its_record(connection: Any) -> None:
    assert migrate(connection, NOW_MS) == latest_version()

    assert recorded_in(connection) == [
        (step.version, step.name, step.sha256, NOW_MS) for step in load()
    ]
    assert pragma(connection, "user_version") == latest_version()
    assert pragma(connection, "application_id") == APPLICATION_ID
    assert not connection.in_transaction


def test_steps_are_numbered_from_one_without_a_gap() -> None:
    assert [step.version for step in load()] == list(range(1, latest_version() + 1))


def test_nothing_is_touched_when_nothing_is_due(connection: Any) -> None:
    migrate(connection, NOW_MS)
    changes, schema = connection.total_changes, schema_of(connection)

    assert migrate(connection, NOW_MS + 1) == latest_version()

    assert connection.total_changes == changes
    assert schema_of(connection) == schema


def test_a_later_step_is_added_to_what_is_there(
    connection: Any, tmp_path: Path, one_more_step: list[Migration], monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as before:
        before.setattr(migrations, "latest_version", lambda: STEP.version - 1)
        before.setattr(migrations, "load", lambda: one_more_step[:-1])
        migrate(connection, NOW_MS)

    assert migrate(connection, NOW_MS + 1) == STEP.version

    assert recorded_in(connection)[-1] == (STEP.version, STEP.name, STEP.sha256, NOW_MS + 1)
    assert "more" in dict(schema_of(connection))
    assert (tmp_path / "school.db").exists()


def test_a_database_of_a_newer_program_is_refused_untouched(connection: Any) -> None:
    migrate(connection, NOW_MS)
    connection.execute(f"PRAGMA user_version = {latest_version() + 1}")
    schema = schema_of(connection)

    with pytest.raises(SchemaTooNewError) as refused:
        migrate(connection, NOW_MS)

    assert refused.value.details == {
        "database": latest_version() + 1,
        "program": latest_version(),
    }
    assert schema_of(connection) == schema


def test_a_step_that_was_edited_after_it_was_applied_is_refused(
    connection: Any, one_more_step: list[Migration]
) -> None:
    first = one_more_step[0]
    for step in one_more_step[:-1]:
        migrations._apply(connection, step, NOW_MS)  # noqa: SLF001 (a database one step behind)
    schema = schema_of(connection)
    one_more_step[0] = dataclasses.replace(first, sql=first.sql + "-- edited\n")

    with pytest.raises(MigrationChangedError, match=first.name):
        migrate(connection, NOW_MS)

    assert schema_of(connection) == schema
    assert pragma(connection, "user_version") == STEP.version - 1


@pytest.mark.parametrize(
    "failing",
    ["nonsense;", "INSERT INTO nowhere VALUES (1);", "CREATE TABLE branches (x);"],
)
def test_a_step_that_fails_leaves_nothing_of_itself_and_keeps_those_before(
    connection: Any, one_more_step: list[Migration], failing: str
) -> None:
    one_more_step[-1] = dataclasses.replace(STEP, sql=STEP.sql + failing)

    with pytest.raises((sqlcipher3.OperationalError, sqlite3.OperationalError)):
        migrate(connection, NOW_MS)

    assert pragma(connection, "user_version") == STEP.version - 1
    assert [step[0] for step in recorded_in(connection)] == list(range(1, STEP.version))
    assert "more" not in dict(schema_of(connection))
    assert not connection.in_transaction

    one_more_step[-1] = STEP
    assert migrate(connection, NOW_MS) == STEP.version


def test_the_checksum_is_that_of_the_text() -> None:
    """SHA-256 of the empty text, FIPS 180-4."""
    assert Migration(1, "x", "").sha256.startswith("e3b0c44298fc1c14")
