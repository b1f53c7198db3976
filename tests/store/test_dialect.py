"""What PostgreSQL is given for what SQLite is given (rpcbackend/store/dialect.py)."""

import ast
import importlib
import re
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest
import sqlglot

from rpcbackend.store import dialect

STORE = Path(dialect.__file__).parent

ONLY_SQLITE = {
    *(
        "as_it_is",
        "catalog",
        "driver",
        "mending",
        "migrations",
        "reach",
        "rekey",
        "resealing",
        "settled",
        "revoked",
        "room",
    ),
    *("salvage", "snapshot", "soundness", "sqlite", "start"),
}
"""Modules about files, and the one that has a statement for each engine."""

MIGRATIONS = sorted(path.name for path in (STORE / "sql" / "sqlite").glob("*.sql"))


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("SELECT :b, :a, :b", "SELECT $1, $2, $1"),
        ("SELECT ':a', \":a\" -- :a", "SELECT ':a', \":a\" -- :a"),
        ("WHERE at <= :now + :kept", "WHERE at <= $1::bigint + $2::bigint"),
        ("WHERE at <= :now AND b > :c - 3", "WHERE at <= $1 AND b > $2::bigint - 3"),
        ("SELECT max(a), max(a, :b)", "SELECT max(a), greatest(a, $1)"),
        ("SELECT instr(a, ',')", "SELECT strpos(a, ',')"),
        ("SELECT iif(a, 'b', NULL)", "SELECT CASE WHEN a THEN 'b' ELSE NULL END"),
        ("DELETE FROM a INDEXED BY a_by_b WHERE c", "DELETE FROM a WHERE c"),
        ("SELECT json(a)", "SELECT CAST(a AS json)"),
        ("FROM a CROSS JOIN b AS c\n ON d", "FROM a JOIN b AS c\n ON d"),
        (
            "SELECT json_array(NULL, 'a')",
            "SELECT ('[' || 'null' || ',' || json_text('a'::text) || ']')::json",
        ),
        ("FROM a CROSS JOIN b", "FROM a CROSS JOIN b"),
        ("SELECT CAST(a AS INTEGER), CAST(b AS BLOB)", "SELECT CAST(a AS bigint), as_bytes(b)"),
        (
            "SELECT json_group_array(a)",
            "SELECT ('[' || coalesce(string_agg(json_text(a), ','), '') || ']')::json",
        ),
        (
            "SELECT json_object('a', b, 'c', d)",
            """SELECT ('{"a":' || json_text(b) || ',"c":' || json_text(d) || '}')::json""",
        ),
        (
            "SELECT json_object('a', json_array(b),\n 'c', json_array(d) || e)",
            (
                """SELECT ('{"a":' || '[' || json_text(b) || ']' || ',"c":' ||"""
                """ json_text(('[' || json_text(d) || ']')::json || e) || '}')::json"""
            ),
        ),
        (
            "SELECT json_group_array(iif(a, NULL, json_object('b', c)))",
            (
                """SELECT ('[' || coalesce(string_agg(coalesce(CASE WHEN a THEN NULL ELSE"""
                """ '{"b":' || json_text(c) || '}' END, 'null'), ','), '') || ']')::json"""
            ),
        ),
    ],
)
def test_a_statement_is_read_as_postgresql_wants_it(written: str, read: str) -> None:
    assert dialect.read(written).sql == read


def test_parameters_are_bound_in_the_order_in_which_they_come() -> None:
    assert dialect.read("WHERE a = :b AND c = :a AND d = :b").names == ("b", "a")


def test_whether_a_parameter_is_null_is_decided_before_the_database_sees_it() -> None:
    written = "WHERE (:a IS NULL OR b = :a) AND (:c IS NOT NULL OR d = :c)"

    assert dialect.asked(written) == {"a", "c"}
    assert dialect.read(written, frozenset({"a"})) == dialect.Statement(
        "WHERE (true OR b = NULL) AND (true OR d = $1)", ("c",)
    )
    assert dialect.read(written, frozenset({"c"})) == dialect.Statement(
        "WHERE (false OR b = $1) AND (false OR d = NULL)", ("a",)
    )


# Every statement


def statements() -> Iterator[tuple[str, str]]:
    """Give the statements of the repositories, as far as they stand in one text."""
    for path in sorted(STORE.glob("*.py")):
        if path.stem in ONLY_SQLITE:
            continue
        module = importlib.import_module(f"rpcbackend.store.{path.stem}")
        for sql in {*texts_in(path), *constants_of(module)}:
            if re.match(r"\s*(SELECT|INSERT|UPDATE|DELETE|WITH)\b", sql):
                yield path.stem, re.sub(r"\{\w*\}", "true", sql)


def texts_in(path: Path) -> Iterator[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    parts: set[ast.AST] = {node.value for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        parts |= set(node.values) if isinstance(node, ast.JoinedStr) else set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and node not in parts:
            yield node.value


def constants_of(module: ModuleType) -> Iterator[str]:
    named = vars(module).items()
    return (value for name, value in named if isinstance(value, str) and name != "__doc__")


def test_there_are_statements_to_parse() -> None:
    assert len(list(statements())) > 80


@pytest.mark.parametrize("engine", ["sqlite", "postgres"])
def test_every_statement_can_be_parsed_in_both_dialects(engine: str) -> None:
    found = []
    for module, sql in statements():
        if "pragma" in sql.lower():
            continue
        text = sql if engine == "sqlite" else dialect.read(sql).sql
        # A hint that the parser knows only behind SELECT.
        text = re.sub(r"INDEXED BY \w+", "", text)
        try:
            sqlglot.parse_one(text, dialect=engine)
        except sqlglot.errors.ParseError as error:
            found.append((module, sql, str(error)))

    assert found == []


def test_every_migration_has_its_twin() -> None:
    twins = sorted(path.name for path in (STORE / "sql" / "postgres").glob("*.sql"))

    assert twins == MIGRATIONS


OWN_WORDS = re.compile(
    r"CREATE FUNCTION.*?\$\$.*?\$\$;|CREATE TRIGGER.*?(END;|EXECUTE FUNCTION [^;]*;)", re.DOTALL
)


@pytest.mark.parametrize("engine", ["sqlite", "postgres"])
def test_every_migration_can_be_parsed(engine: str) -> None:
    for name in MIGRATIONS:
        text = (STORE / "sql" / engine / name).read_text(encoding="utf-8")
        # Triggers and functions are the databases' own.
        text = OWN_WORDS.sub("", text)
        text = text.replace(") STRICT, WITHOUT ROWID;", ");").replace(") STRICT;", ");")
        assert sqlglot.parse(text, dialect=engine)
