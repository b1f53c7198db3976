"""Rows as lines of CSV (RFC 4180) that no spreadsheet takes for formulas; knows no file."""

import re
from collections.abc import Iterable
from typing import Any

import orjson

from rpcbackend.schema.base import WireModel
from rpcbackend.store.json_sql import plain_type

BYTE_ORDER_MARK = "\ufeff"
"""Without it Excel reads UTF-8 as something else."""

# What a spreadsheet may take for a formula, white space before it included, and the wide forms that
# some locales know (OWASP, "CSV Injection"): at the beginning, and after what separates cells in
# some locale, where quotes are no help. What is guarded already is guarded once more, so that to
# take one apostrophe off at each such place always gives back what it was.
_FORMULA = r"['\"]*(?:[^\S\t\r\n]['\"]*)*[=+\-@＝＋－＠\0]"  # noqa: RUF001 (they are meant)
_FIRST = re.compile(rf"'*[\t\r\n]|{_FORMULA}")
_LATER = re.compile(rf"[;,\t|\r\n](?={_FORMULA})")

Column = tuple[str, ...]
"""The name of a field, or of one and of a field of the object in it."""


def columns_of(model: type[WireModel]) -> list[Column]:
    """Return the columns of a record: an object in it has one for each of its fields."""
    columns: list[Column] = []
    for field in model.model_fields.values():
        name, plain = field.alias or "", plain_type(field.annotation)
        if isinstance(plain, type) and issubclass(plain, WireModel):
            columns += [(name, *column) for column in columns_of(plain)]
        else:
            columns.append((name,))
    return columns


def header_line(columns: Iterable[Column]) -> str:
    """Return the first line: the names of the columns, `local.start` for an object's field."""
    return _line(".".join(column) for column in columns)


def row_line(columns: Iterable[Column], row: dict[str, Any]) -> str:
    """Return the line of a record as its JSON has it.

    Every text stands in quotes, which hold it together where a comma separates. Where something
    else does, it may fall apart, but into no formula. Numbers and flags stay as they are, and null
    is empty. A list of words is one text of them.
    """
    return _line(_value(row, column) for column in columns)


def _line(values: Iterable[Any]) -> str:
    return ",".join(map(_cell, values)) + "\r\n"


def _value(row: Any, column: Column) -> Any:
    for name in column:
        row = None if row is None else row[name]
    return row


def _cell(value: Any) -> str:
    # Most cells are texts.
    if isinstance(value, str):
        return '"' + guard(value).replace('"', '""') + '"'
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, int | float) else _cell(_text_of(value))


def _text_of(value: Any) -> str:
    if value and isinstance(value, list) and all(isinstance(one, str) for one in value):
        return " ".join(value)
    return orjson.dumps(value).decode()


def guard(text: str) -> str:
    """Put an apostrophe before all that a spreadsheet might run; other text stays as it is."""
    if _LATER.search(text):
        text = _LATER.sub(r"\g<0>'", text)
    return f"'{text}" if _FIRST.match(text) else text
