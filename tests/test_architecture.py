"""The house rules that no linter knows (docs/architecture.md, style.md)."""

import ast
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import BaseModel
from pydantic.fields import FieldInfo

import rpcbackend
from rpcbackend.config import Settings
from rpcbackend.dispatch.registry import Method
from rpcbackend.methods import AREAS, build_registry
from rpcbackend.rpc_error import RpcError, default_message
from rpcbackend.schema.base import Params, WireModel

ROOT = Path(__file__).parent.parent
PACKAGE = Path(rpcbackend.__path__[0])
MODULES = sorted(PACKAGE.rglob("*.py"))

HARD_LIMIT, SOFT_LIMIT = 400, 250

LONG = {
    "access.py": "who calls: what is remembered, and what is read, are one invariant",
    "api_settings.py": "all that is set of the mirror, under the names of the design",
    "app.py": "the composition root: one process's whole life, and what handlers ask of it",
    "methods/auth.py": "one area's channels stand in one module",
    "methods/lessons.py": "the same",
    "care/doctor.py": "one walk through a data directory: the order of its checks is the point",
    "config.py": "every setting stands in one place",
    "context.py": "what a handler is given: all that it may ask of the process, in one place",
    "dispatch/dispatcher.py": "the one place where an exception becomes an answer",
    "dispatch/server.py": "all the state of one connection; its parts are already beside it",
    "door.py": "the one store: opening, unlocking and a change of keys exclude each other",
    "errors.py": "one file answers what a caller can get",
    "jobs/runner.py": "one job's whole way, and all of its ends",
    "outside/sender.py": "the one loop: what it leased, what is on its way and who leads",
    "transcripts/exchanges.py": "what belongs together, and in which order, is one question",
    "transcripts/format.py": "the form of every line stands in one place",
    "transcripts/replay.py": "one replay's whole way, from the first line to the last event",
    "top.py": "one picture, from the file that it is read from to the last column",
    "store/postgres_writer.py": "a transaction's whole way, also when nobody answers its COMMIT",
    "store/copying.py": "a copy's whole way, and the proof of it",
    "store/driver.py": "all that is said to the driver, and what its errors mean",
    "store/exports.py": "an export's whole way, from one snapshot to the file's name",
    "store/snapshot.py": "how a backup is made, named, encrypted anew and removed",
    "store/outbox.py": "a message's whole way, from its cause to its mark, is one protocol",
    "store/work.py": "a unit's repositories, each by its name",
    "store/store.py": "what the rest of the program asks of the store, and how it is opened",
    "store/restoring.py": "a restore's whole way, with and without an open store",
    "store/files.py": "the files of a data directory, and every way from one state to the next",
    "store/lane.py": "a queue, its threads and their results: the hand-over is one protocol",
    "store/sqlite.py": "the engine: group commit and its failures are one invariant",
}
"""Modules over the soft limit, each with its reason."""

# These speak to a person, or are the transport itself.
MAY_PRINT = {"cli.py", "oneshot.py", "serve.py"}
MAY_TOUCH_STDOUT = {"transport/stdio.py", "process_log.py", *MAY_PRINT}


def name_of(module: Path) -> str:
    return module.relative_to(PACKAGE).as_posix()


def speaks_to_people(module: Path) -> bool:
    return name_of(module) in MAY_PRINT or name_of(module).startswith(("care/", "demo/"))


def tree_of(module: Path) -> ast.Module:
    return ast.parse(module.read_text(encoding="utf-8"))


def calls_in(module: Path) -> Iterator[ast.Call]:
    return (node for node in ast.walk(tree_of(module)) if isinstance(node, ast.Call))


# Size and place


def test_no_module_is_longer_than_four_hundred_lines() -> None:
    assert [name for name, lines in _sizes() if lines > HARD_LIMIT] == []


def test_every_module_over_the_soft_limit_has_a_reason() -> None:
    assert {name for name, lines in _sizes() if lines > SOFT_LIMIT} <= LONG.keys()


def _sizes() -> list[tuple[str, int]]:
    return [
        (name_of(module), len(module.read_text(encoding="utf-8").splitlines()))
        for module in MODULES
    ]


def test_every_module_says_what_it_holds() -> None:
    assert [name_of(module) for module in MODULES if not ast.get_docstring(tree_of(module))] == []


def test_every_module_of_methods_is_an_area_with_its_schema_and_its_tests() -> None:
    areas = {module.stem for module in (PACKAGE / "methods").glob("[a-z]*.py")}

    assert {area.__name__.rpartition(".")[2] for area in AREAS} == areas
    assert areas <= {module.stem for module in (PACKAGE / "schema").glob("*.py")}
    assert {f"test_{area}" for area in areas} <= {
        module.stem for module in (ROOT / "tests" / "methods").glob("*.py")
    }


@pytest.mark.parametrize(
    "package",
    [
        *("contract", "dispatch", "jobs", "middleware", "mirror", "observability", "protocol"),
        *("resilience", "security", "transcripts", "transport"),
    ],
)
def test_every_module_of_the_machine_has_its_tests(package: str) -> None:
    # tests/contract/ holds the cases that both languages read.
    tests = ROOT / "tests" / {"contract": "contract_doc"}.get(package, package)

    modules = {module.stem for module in (PACKAGE / package).glob("[a-z]*.py")}
    tested = {module.stem.removeprefix("test_") for module in tests.glob("test_*.py")}
    assert modules <= tested
    # A module that promises much has test_server.py, test_server_batches.py and so on.
    assert all(any(name == m or name.startswith(f"{m}_") for m in modules) for name in tested)


def test_imports_go_downwards_only() -> None:
    lint = subprocess.run(  # noqa: S603 (our own tool)
        [Path(sys.executable).parent / "lint-imports", "--no-cache"],
        cwd=ROOT,
        capture_output=True,
        encoding="utf-8",
        check=False,
    )

    assert lint.returncode == 0, lint.stdout


# Errors


def test_every_error_has_a_message_and_a_line_in_the_document() -> None:
    document = (ROOT / "docs" / "errors.md").read_text(encoding="utf-8")

    for error in RpcError.by_code.values():
        assert default_message(error).endswith("."), error
        assert f"| {error.code} | {error.symbol} |" in document


def test_every_error_of_a_channel_is_known() -> None:
    for method in build_registry():
        for error in method.errors:
            assert RpcError.by_code[error.code] is error


def test_exit_codes_are_named_once_and_the_command_line_loads_nothing_with_them() -> None:
    namers = [module for module in MODULES if any(_exit_codes_named_in(module))]

    assert [name_of(module) for module in namers] == ["exits.py"]
    kinds = {type(node) for node in tree_of(namers[0]).body}
    assert kinds == {ast.Expr, ast.Assign}


def _exit_codes_named_in(module: Path) -> Iterator[str]:
    for node in ast.walk(tree_of(module)):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield from (name for name in [node.id] if name.startswith("EX_"))


# Settings and channels


def test_every_setting_is_described() -> None:
    fields = dict(_settings_of(Settings, ""))

    assert [name for name, field in fields.items() if not field.description] == []


def _settings_of(model: type[BaseModel], path: str) -> Iterator[tuple[str, FieldInfo]]:
    for name, field in model.model_fields.items():
        yield f"{path}{name}", field
        if isinstance(field.default, BaseModel):
            yield from _settings_of(type(field.default), f"{path}{name}.")


FOR_STRANGERS = {"auth.bootstrap", "auth.login", "auth.refresh", "webhooks.receive"}
"""Each asks for a password, a token or a signature by itself."""


def test_every_channel_is_documented_and_asks_for_a_permission_of_its_area() -> None:
    for method in build_registry():
        assert method.summary.endswith("."), method.channel
        assert re.fullmatch(r"([a-z]+\.)?[a-z]+([A-Z][a-z]+)*", method.channel)
        assert issubclass(method.params, Params)
        assert issubclass(method.result, WireModel)
        assert method.channel in FOR_STRANGERS or not _is_open_to_change(method)


def _is_open_to_change(method: Method) -> bool:
    return method.kind == "command" and method.needs_store and method.permission == "public"


# What the code may do


BUILDS_SQL = {
    "store/calendars.py": "the conditions on what may be seen, our own texts",
    "store/copying.py": "names of tables, columns and triggers, from the schema itself",
    "store/digest.py": "names of tables and keys, from the schema itself",
    "store/driver.py": "a raw key has no other way into SQLCipher; it is bytes, written as hex",
    "store/events.py": "the condition on what may be seen, our own text",
    "store/instructors.py": "the condition on what may be seen, our own text",
    "store/lessons.py": "one of three column names and a condition, from our own methods",
    "store/postgres_transaction.py": "an ending, our own text",
    "store/postgres_writer.py": "two statements in one have no parameters; it is a whole number",
    "store/outgoing.py": "the filters that are wanted, our own texts",
    "store/salvage.py": "names of triggers, from the schema itself",
    "store/soundness.py": "names of tables, from the schema itself",
    "store/students.py": "the condition on what may be seen, our own text",
    "store/table.py": "our own columns, and what the statement shall return",
    "store/rekey.py": "the same as the driver: a raw key",
}
"""Modules with one statement that is put together where it is run, and why it cannot be bound."""


def test_values_never_become_part_of_sql() -> None:
    found = [
        name_of(module)
        for module in MODULES
        for call in calls_in(module)
        if isinstance(call.func, ast.Attribute)
        and call.func.attr in ("one", "all", "run", "execute", "executescript")
        and call.args
        and _is_built_here(call.args[0])
    ]

    assert set(found) <= BUILDS_SQL.keys()
    assert len(found) == len(set(found))


def _is_built_here(sql: ast.expr) -> bool:
    return isinstance(sql, ast.JoinedStr | ast.BinOp) or (
        isinstance(sql, ast.Call)
        and isinstance(sql.func, ast.Attribute)
        and sql.func.attr == "format"
    )


def test_nothing_prints_but_what_speaks_to_people() -> None:
    assert [
        f"{name_of(module)}:{call.lineno}"
        for module in MODULES
        if not speaks_to_people(module)
        for call in calls_in(module)
        if isinstance(call.func, ast.Name) and call.func.id in ("print", "input")
    ] == []


def test_only_the_transport_touches_stdout() -> None:
    assert [
        f"{name_of(module)}:{node.lineno}"
        for module in MODULES
        if name_of(module) not in MAY_TOUCH_STDOUT and not speaks_to_people(module)
        for node in ast.walk(tree_of(module))
        if isinstance(node, ast.Attribute) and node.attr in ("stdout", "__stdout__")
    ] == []


READS_OUTSIDE = re.compile(
    r"\b(time\.(time|monotonic|time_ns)\(|datetime\.(now|utcnow|today)\(|date\.today\("
    r"|uuid4\(|random\.\w+\(|secrets\.|os\.environ|getenv\()"
)
MAY_READ_OUTSIDE = {
    "clock.py": "it is the clock",
    "ids.py": "it is the source of ids",
    "cli.py": "it starts the process",
}


def test_time_randomness_and_environment_come_from_outside() -> None:
    assert [
        f"{name_of(module)}:{number}"
        for module in MODULES
        if name_of(module) not in MAY_READ_OUTSIDE and not name_of(module).startswith("demo/")
        for number, line in enumerate(module.read_text(encoding="utf-8").splitlines(), 1)
        if READS_OUTSIDE.search(line)
    ] == []


def test_no_test_is_skipped_or_expected_to_fail() -> None:
    mark = re.compile(r"pytest\.(mark\.)?(skip|xfail)")

    assert [
        module.name
        for module in (ROOT / "tests").rglob("test_*.py")
        if module != Path(__file__) and mark.search(module.read_text(encoding="utf-8"))
    ] == []


# Kept answers

TAGS = {"branches", "calendar", "instructors", "lessons", "students", "vehicles"}
NOUNS = {"lesson", "student"}
WRITES = re.compile(
    r"\b(?:INSERT INTO|UPDATE|DELETE FROM)\s+"
    r"(branches|instructors|lessons|resource_claims|students|vehicles)\b"
)


def test_what_a_kept_answer_is_made_of_is_touched_by_whoever_writes_it() -> None:
    """A tag that nobody touches would let an old answer stand (tests/properties/test_cache.py)."""
    named = {tag for method in build_registry() if method.kept for tag in method.kept.of}
    named |= {tag for method in build_registry() if method.kept for tag in method.kept.seen_by}

    assert {tag for tag in named if ":" not in tag} <= TAGS
    assert {tag.partition(":")[0] for tag in named if ":" in tag} <= NOUNS


def test_tables_of_kept_answers_are_written_where_it_is_noted() -> None:
    """All others go by `Table`; what is salvaged is a file that nobody has open."""
    found = {
        name_of(module) for module in MODULES if WRITES.search(module.read_text(encoding="utf-8"))
    }

    assert found == {"store/claims.py", "store/salvage.py"}


def test_the_lock_file_of_node_names_no_address_but_the_workspace() -> None:
    """`npm install` writes them again: they are a registry's or a sponsor's, and none of ours."""
    text = (ROOT / "electron-shim" / "package-lock.json").read_text(encoding="utf-8")
    packages = json.loads(text)["packages"]

    assert "://" not in text
    assert [name for name, package in packages.items() if "funding" in package] == []
    assert {
        name: package["resolved"] for name, package in packages.items() if "resolved" in package
    } == {"node_modules/mirror-client": "clients"}
