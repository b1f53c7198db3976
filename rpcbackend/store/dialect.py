"""Read our SQL as PostgreSQL: a statement is written once, in words that SQLite runs as they are.

What differs stands here and in the functions of `sql/postgres/0001_initial.sql`, nowhere else:

- `:name` becomes `$1`. A parameter that is asked for `IS NULL` is known when the statement is made,
  so the planner sees only the conditions that hold; one in a sum is a whole number.
- JSON is put together as text, byte for byte as SQLite writes it: hashes of it stay the same. Only
  the outermost is cast to json, which parses it.
- A few functions have other names, and hints for SQLite's planner fall away.

Knows no connection.
"""

import re
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Self

_TOKEN = re.compile(
    r"""'(?:[^']|'')*' | "[^"]*" | --[^\n]*
    | ::? [a-z_][a-z_0-9]* | [A-Za-z_]\w* | \d+(?:\.\d+)? | \s+ | .""",
    re.VERBOSE | re.DOTALL,
)
_ASKED = re.compile(r":([a-z_][a-z_0-9]*)\s+IS\s+(?:NOT\s+)?NULL\b")
_PHRASES = (
    (re.compile(r"\s+INDEXED BY \w+"), ""),
    # In SQLite it only says in which order to look.
    (re.compile(r"\bCROSS JOIN(?=\s+\w+\s+AS\s+\w+\s+ON\b)"), "JOIN"),
)
_SIGNS = frozenset("+-*/%")

MOST_STATEMENTS = 2_000
"""Statements that are remembered: some 300, each with the few ways that its parameters are NULL."""


@dataclass(frozen=True, slots=True)
class Statement:
    """A statement for PostgreSQL."""

    sql: str
    names: tuple[str, ...]
    """Of its parameters, from `$1` on."""


class _Json(str):
    """An expression of the type json that we have put together.

    Args:
        text: The same as text.
        may_be_null: Whether it may be NULL, and not only hold null.
    """

    __slots__ = ("may_be_null", "text")

    def __new__(cls, text: str, *, may_be_null: bool = False) -> Self:
        """Make it."""
        made = super().__new__(cls, f"({text})::json")
        made.text, made.may_be_null = text, may_be_null
        return made

    text: str
    may_be_null: bool


def asked(sql: str) -> frozenset[str]:
    """Return the parameters that a statement asks for `IS NULL`."""
    return frozenset(_ASKED.findall(sql))


@lru_cache(MOST_STATEMENTS)
def read(sql: str, nothing: Collection[str] = frozenset()) -> Statement:
    """Return a statement as PostgreSQL wants it.

    Args:
        sql: As SQLite wants it.
        nothing: Which of the parameters that it asks for are NULL.
    """
    for phrase, plain in _PHRASES:
        sql = phrase.sub(plain, sql)
    known = {name: name in nothing for name in asked(sql)}
    sql = _ASKED.sub(lambda found: _answer(found, is_null=known[found[1]]), sql)
    numbers: dict[str, int] = {}
    tokens = [_plain(token, numbers, nothing) for token in _mark_numbers(_TOKEN.findall(sql))]
    return Statement(_rewrite(tokens), tuple(numbers))


def _answer(found: re.Match[str], *, is_null: bool) -> str:
    has_not = "NOT" in found[0].upper().split()
    return "true" if is_null != has_not else "false"


def _mark_numbers(tokens: list[str]) -> Iterator[str]:
    """Mark the parameters in sums: between two of them PostgreSQL cannot tell which is meant."""
    words = [(place, token) for place, token in enumerate(tokens) if not token.isspace()]
    summed = {
        place
        for number, (place, token) in enumerate(words)
        if token.startswith(":")
        and any(
            each in _SIGNS
            for _, each in (*words[max(number - 1, 0) : number], *words[number + 1 : number + 2])
        )
    }
    for place, token in enumerate(tokens):
        yield f"{token}::bigint" if place in summed else token


def _plain(token: str, numbers: dict[str, int], nothing: Collection[str]) -> str:
    if not token.startswith(":") or token.startswith("::"):
        return token
    name, cast, kind = token[1:].partition("::")
    if name in nothing:
        return f"NULL{cast}{kind}"
    return f"${numbers.setdefault(name, len(numbers) + 1)}{cast}{kind}"


def _rewrite(tokens: list[str]) -> str:
    out, place = [], 0
    while place < len(tokens):
        rule = _FUNCTIONS.get(tokens[place].lower())
        if rule is not None and tokens[place + 1 : place + 2] == ["("]:
            arguments, place = _arguments(tokens, place + 2)
            out.append(rule([_argument(each) for each in arguments]))
        else:
            out.append(tokens[place])
            place += 1
    return "".join(out)


def _argument(tokens: list[str]) -> str:
    """Return an argument; JSON of ours, if it is nothing else, is still known as that."""
    words = [place for place, token in enumerate(tokens) if not token.isspace()]
    rule = _FUNCTIONS.get(tokens[words[0]].lower()) if words else None
    if rule is not None and len(words) > 1 and tokens[words[0] + 1] == "(":
        arguments, end = _arguments(tokens, words[0] + 2)
        if end > words[-1]:
            return rule([_argument(each) for each in arguments])
    return _rewrite(tokens).strip()


def _arguments(tokens: list[str], place: int) -> tuple[list[list[str]], int]:
    """Return what stands between parentheses, from *place* on, and the place behind them."""
    arguments: list[list[str]] = [[]]
    depth = 1
    while True:
        sign = tokens[place]
        place += 1
        depth += (sign == "(") - (sign == ")")
        if not depth:
            return arguments, place
        if sign == "," and depth == 1:
            arguments.append([])
        else:
            arguments[-1].append(sign)


def _json_object(arguments: list[str]) -> str:
    # Keys are our own literals.
    keys = [key.strip("'") for key in arguments[::2]]
    members = zip((f'"{key}":' for key in keys), arguments[1::2], strict=True)
    return _joined("{", list(members), "}")


def _json_array(arguments: list[str]) -> str:
    return _joined("[", [("", value) for value in arguments], "]")


def _joined(opening: str, members: list[tuple[str, str]], closing: str) -> str:
    parts = [
        f"'{',' if number else opening}{key}' || {_json_text(value)}"
        for number, (key, value) in enumerate(members)
    ]
    return _Json(f"{' || '.join(parts)} || '{closing}'")


def _json_text(value: str) -> str:
    if value == "NULL":
        return "'null'"
    if isinstance(value, _Json):
        return f"coalesce({value.text}, 'null')" if value.may_be_null else value.text
    return f"json_text({value}::text)" if value.startswith("'") else f"json_text({value})"


def _json_group_array(arguments: list[str]) -> str:
    (value,) = arguments
    return _Json(f"'[' || coalesce(string_agg({_json_text(value)}, ','), '') || ']'")


def _iif(arguments: list[str]) -> str:
    condition, yes, no = arguments
    if yes == "NULL" and isinstance(no, _Json):
        return _Json(f"CASE WHEN {condition} THEN NULL ELSE {no.text} END", may_be_null=True)
    return f"CASE WHEN {condition} THEN {yes} ELSE {no} END"


def _cast(arguments: list[str]) -> str:
    value, _, kind = arguments[0].rpartition(" AS ")
    return f"as_bytes({value})" if kind == "BLOB" else f"CAST({value} AS {_TYPES.get(kind, kind)})"


_TYPES = {"INTEGER": "bigint", "TEXT": "text"}


def _one_or(several: str, one: str) -> Callable[[list[str]], str]:
    """Tell the function of several values from the one over rows that SQLite calls the same."""
    return lambda given: f"{one if len(given) == 1 else several}({', '.join(given)})"


def _named(name: str) -> Callable[[list[str]], str]:
    return lambda given: f"{name}({', '.join(given)})"


def _instant(arguments: list[str]) -> str:
    form, at, _ = arguments
    return f"instant({at}, {form})"


_FUNCTIONS: dict[str, Callable[[list[str]], str]] = {
    "cast": _cast,
    "iif": _iif,
    "instr": _named("strpos"),
    "json": lambda given: f"CAST({given[0]} AS json)",
    "json_array": _json_array,
    "json_each": _named("each_of"),
    "json_group_array": _json_group_array,
    "json_object": _json_object,
    "max": _one_or("greatest", "max"),
    "min": _one_or("least", "min"),
    "strftime": _instant,
}
