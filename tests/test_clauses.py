"""Every promise of the wire has a test that claims it, and every claim names a promise."""

import ast
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from tests import clauses
from tests.clauses import CLAUSES, clause

TESTS = Path(__file__).parent
MAX_LINES = 360


def claims() -> Iterator[tuple[str, str]]:
    """Find every claimed id and where: by syntax, so that nothing has to be imported or run."""
    for module in sorted(TESTS.rglob("*.py")):
        for node in ast.walk(ast.parse(module.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                yield from ((id_, f"{module.name}:{node.name}") for id_ in _claimed_by(node))


def _claimed_by(function: ast.FunctionDef | ast.AsyncFunctionDef) -> Iterator[str]:
    for decorator in function.decorator_list:
        if (
            isinstance(decorator, ast.Call)
            and isinstance(decorator.func, ast.Name)
            and decorator.func.id == clause.__name__
        ):
            yield from (ast.literal_eval(argument) for argument in decorator.args)


CLAIMS = list(claims())


def test_every_clause_is_claimed_by_a_test() -> None:
    assert CLAUSES.keys() - {id_ for id_, _ in CLAIMS} == set()


def test_every_claim_names_a_clause() -> None:
    assert [(id_, where) for id_, where in CLAIMS if id_ not in CLAUSES] == []


def test_only_tests_that_run_claim_and_each_clause_once() -> None:
    assert [where for _, where in CLAIMS if not re.match(r"test_\w+\.py:test_", where)] == []
    assert [claim for claim, times in Counter(CLAIMS).items() if times > 1] == []


def test_the_list_is_short_and_even() -> None:
    lines = Path(clauses.__file__).read_text(encoding="utf-8").splitlines()

    assert len(lines) <= MAX_LINES
    written = re.findall(r'^        "([^"]+)": "', "\n".join(lines), re.MULTILINE)
    assert written == list(CLAUSES), "an id is written twice"
    for id_, (_, sentence) in CLAUSES.items():
        assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", id_)
        assert sentence.endswith("."), id_


def test_a_claim_is_recorded_on_its_test() -> None:
    def some_test() -> None: ...

    clause("ping-empty")(clause("response-always")(some_test))

    assert vars(some_test) == {"clauses": ["response-always", "ping-empty"]}
