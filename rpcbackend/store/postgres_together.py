"""Several statements that go to a PostgreSQL server as one, and what comes back taken apart.

Rows come from joins that always hold, `LEFT JOIN LATERAL (…) ON true`; changes are in `WITH`. Knows
no connection.
"""

import re
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass
from enum import Enum, auto
from functools import lru_cache
from typing import Any

from rpcbackend.store.dialect import MOST_STATEMENTS
from rpcbackend.store.transaction import Row

_NUMBERED = re.compile(r"\$(\d+)")
_CHANGES = re.compile(r"\s*(INSERT|UPDATE|DELETE)\b")
_MARK = "is_there"


class Wanted(Enum):
    """What a statement is run for."""

    ROW = auto()
    """The first, or None."""
    ROWS = auto()
    """All of them: such a statement goes alone."""
    COUNT = auto()
    """How many it changes."""


@dataclass(frozen=True, slots=True)
class Request:
    """One statement, as PostgreSQL wants it."""

    sql: str
    values: tuple[Any, ...]
    wanted: Wanted = Wanted.ROW


@dataclass(frozen=True, slots=True)
class Bundle:
    """What somebody waits for; whoever drives him sends in what came back."""

    requests: Sequence[Request]

    def __await__(self) -> Generator["Bundle", list[Any], list[Any]]:
        """Wait for an answer to each."""
        return (yield self)


class Part:
    """The row of one statement, out of one that several share."""

    __slots__ = ("_names", "_values")

    def __init__(self, names: list[str], values: tuple[Any, ...]) -> None:
        self._names, self._values = names, values

    def __getitem__(self, key: str | int) -> Any:
        """Return a column by name or position."""
        return self._values[key if isinstance(key, int) else self._names.index(key)]

    def __iter__(self) -> Iterator[Any]:
        """Go through the values."""
        return iter(self._values)

    def keys(self) -> list[str]:
        """List the column names."""
        return self._names


def combine(requests: Sequence[Request]) -> tuple[str, list[Any]]:
    """Return one statement for all, and its values.

    All of them see what was there before it, and none what another one changes.
    """
    sql = _combine(tuple((each.sql, len(each.values), each.wanted) for each in requests))
    return sql, [value for each in requests for value in each.values]


@lru_cache(MOST_STATEMENTS)
def _combine(forms: tuple[tuple[str, int, Wanted], ...]) -> str:
    changes, joins, taken = [], [], 0
    for place, (sql, count, wanted) in enumerate(forms):
        text = _number_from(sql, taken)
        taken += count
        if wanted is Wanted.COUNT:
            changes.append(f"w{place} AS ({text} RETURNING 1\n)")
            joins.append(f"SELECT true AS {_MARK}, count(*) AS changed FROM w{place}")  # noqa: S608 (our own statements)
            continue
        if _CHANGES.match(text):
            changes.append(f"w{place} AS ({text}\n)")
            text = f"SELECT * FROM w{place}"  # noqa: S608 (as above)
        joins.append(f"SELECT true AS {_MARK}, row.* FROM ({text}\n) AS row LIMIT 1")  # noqa: S608 (as above)
    laterals = "".join(
        f" LEFT JOIN LATERAL ({join}) AS s{place} ON true" for place, join in enumerate(joins)
    )
    every = ", ".join(f"s{place}.*" for place in range(len(joins)))
    beginning = f"WITH {', '.join(changes)} " if changes else ""
    return f"{beginning}SELECT {every} FROM (SELECT 1) AS here{laterals}"  # noqa: S608 (as above)


def _number_from(sql: str, taken: int) -> str:
    """Let the parameters of a statement come behind those of others."""
    return _NUMBERED.sub(lambda found: f"${int(found[1]) + taken}", sql)


def take_apart(record: Row, requests: Sequence[Request]) -> list[Any]:
    """Return the answer to each: its row or None, or its count."""
    names, values = list(record.keys()), tuple(record)
    starts = [place for place, name in enumerate(names) if name == _MARK]
    ends = [*starts[1:], len(names)]
    answers: list[Any] = []
    for request, start, end in zip(requests, starts, ends, strict=True):
        if request.wanted is Wanted.COUNT:
            answers.append(values[start + 1])
        elif values[start] is None:
            answers.append(None)
        else:
            answers.append(Part(names[start + 1 : end], values[start + 1 : end]))
    return answers
