"""Lines of CSV: what is read back is what was written, and nothing is a formula."""

import csv
import io
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as some

from rpcbackend.schema.instructors import Instructor
from rpcbackend.schema.lessons import Lesson
from rpcbackend.schema.vehicles import Vehicle
from rpcbackend.store.sheets import columns_of, guard, header_line, row_line
from tests.clauses import clause

COLUMNS = [("a",), ("b",), ("c", "d")]


def read(text: str) -> list[list[str]]:
    """Read CSV as the standard library does, which knows nothing of our writer."""
    return list(csv.reader(io.StringIO(text, newline=""), strict=True))


def unguard(cell: str) -> str:
    """Take off one apostrophe wherever `guard` puts one."""
    return re.sub(
        r"""(^|[;,\t|\r\n])'(?=['" \xa0]*[=+\-@＝＋－＠\0])|^()'(?='*[\t\r\n])""",  # noqa: RUF001
        r"\1",
        cell,
    )


@clause("export-no-formula")
@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("=1+1", "'=1+1"),
        ("+4930123456", "'+4930123456"),
        ("-1", "'-1"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("\t=1", "'\t'=1"),
        ("\tx", "'\tx"),
        ("\rx", "'\rx"),
        ("\nx", "'\nx"),
        ("\0x", "'\0x"),
        ("  =1", "'  =1"),
        ("\u00a0=1", "'\u00a0=1"),
        ("＝1", "'＝1"),  # noqa: RUF001 (the wide form)
        ("＠x", "'＠x"),  # noqa: RUF001 (the wide form)
        ("'=1", "''=1"),
        ('"=1"', '\'"=1"'),
        # Cells of their own where another separator is meant, whatever the quotes.
        ("a;=1", "a;'=1"),
        ("a; =1;+2", "a;' =1;'+2"),
        ("a,@x", "a,'@x"),
        ("a\t-1", "a\t'-1"),
        ("a|＝1", "a|'＝1"),  # noqa: RUF001 (the wide form)
        ("a\n=1", "a\n'=1"),
        ('a;"=1', "a;'\"=1"),
        ("a;'=1", "a;''=1"),
        ("a;\t=1", "a;\t'=1"),
        ("a;\0=1", "a;'\0=1"),
        ("=", "'="),
        # These are no formulas, and stay as they are.
        ("", ""),
        ("Ada", "Ada"),
        ("'t Hooft", "'t Hooft"),
        ("1-1", "1-1"),
        ("a=b", "a=b"),
        ("2026-11-24", "2026-11-24"),
        ("a; b = c, d", "a; b = c, d"),
    ],
    ids=ascii,
)
def test_a_text_that_could_be_a_formula_has_an_apostrophe_before_it(
    text: str, expected: str
) -> None:
    assert guard(text) == expected


STARTS = some.text(some.sampled_from("'=+-@\t\r\n\0 ＝ax,;|\""), max_size=8)  # noqa: RUF001 (wide)
TEXTS = some.builds(str.__add__, STARTS, some.text(max_size=5))


@clause("export-no-formula")
@given(text=TEXTS)
def test_no_cell_begins_like_a_formula_and_each_gives_back_its_text(text: str) -> None:
    cell = guard(text)

    assert unguard(cell) == text
    assert not re.match(r"\s*[=+\-@\t\r\n＝＋－＠]", cell)  # noqa: RUF001 (the wide forms)


@clause("export-no-formula")
@given(row=some.lists(TEXTS, min_size=1, max_size=3), separator=some.sampled_from(";\t|"))
def test_no_cell_is_a_formula_where_cells_are_separated_by_something_else(
    row: list[str], separator: str
) -> None:
    names = [("id",), *[(str(number),) for number in range(len(row))]]
    line = row_line(names, {"id": "x"} | {str(number): text for number, text in enumerate(row)})

    cells = csv.reader(io.StringIO(line, newline=""), delimiter=separator)

    assert [cell for one in cells for cell in one if re.match(r"\s*[=+\-@＝]", cell)] == []  # noqa: RUF001 (wide)


VALUES = some.none() | some.booleans() | some.integers(-(2**53), 2**53) | TEXTS


@given(
    rows=some.lists(
        some.fixed_dictionaries(
            {
                "a": VALUES,
                "b": VALUES,
                "c": some.none() | some.fixed_dictionaries({"d": VALUES, "e": TEXTS}),
            }
        )
    )
)
def test_what_is_written_is_read_back_by_any_reader(rows: list[dict[str, Any]]) -> None:
    text = header_line(COLUMNS) + "".join(row_line(COLUMNS, row) for row in rows)

    names, *cells = read(text)

    assert names == ["a", "b", "c.d"]
    assert [[unguard(cell) for cell in row] for row in cells] == [
        [as_text(row["a"]), as_text(row["b"]), as_text((row["c"] or {"d": None})["d"])]
        for row in rows
    ]


def as_text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return "" if value is None else str(value)


def test_texts_stand_in_quotes_and_numbers_and_flags_do_not() -> None:
    row = {"a": -5, "b": 'Zoë "Z", x; y', "c": {"d": False}}

    assert row_line(COLUMNS, row) == '-5,"Zoë ""Z"", x; y",false\r\n'
    assert row_line(COLUMNS, {"a": "", "b": None, "c": None}) == '"",,\r\n'


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (["B", "BE"], '"B BE"'),
        ([], '"[]"'),
        ([{"x": "="}], '"[{""x"":""=""}]"'),
        (["=1"], '"\'=1"'),
    ],
    ids=str,
)
def test_a_list_of_words_is_a_text_and_any_other_list_its_json(
    value: list[Any], expected: str
) -> None:
    assert row_line([("a",)], {"a": value}) == f"{expected}\r\n"


def test_the_columns_are_the_fields_as_the_wire_names_them() -> None:
    assert columns_of(Vehicle) == [
        *[("id",), ("branchId",), ("plate",), ("make",), ("model",), ("categories",)],
        *[("transmission",), ("state",), ("version",)],
    ]
    assert ("givenName",) in columns_of(Instructor)
    lesson = columns_of(Lesson)
    assert lesson[lesson.index(("zone",)) + 1 :][:2] == [("local", "start"), ("local", "end")]
