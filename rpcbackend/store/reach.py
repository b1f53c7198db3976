"""Rows of a damaged table: all that can be read around the pages that cannot.

A table is read from both ends. What lies between two pages that fail is looked for by its keys: as
other indexes name them, or by guessing keys in the middle, and again in the middle of what is left.
"""

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rpcbackend.store import driver
from rpcbackend.store.halving import Key, between

GUESSES = 300
"""Keys that are tried in one table: a page of good rows is found if it is not much smaller than
this part of what is missing."""

Take = Callable[[Sequence[Any]], None]
"""Takes a row: the key's columns first."""


class Source:
    """A damaged database, opened as often as it takes.

    Raises:
        Error: Not even its list of tables can be read.
        WrongKeyError: The key does not open it.
    """

    def __init__(self, path: Path, key: bytes | None) -> None:
        self._path, self._key = path, key
        self._connection: Any = None
        self.rows("SELECT count(*) FROM sqlite_schema")

    def rows(self, sql: str, params: Sequence[Any] = ()) -> list[Any]:
        """Return all rows of a statement, or raise what it fails with."""
        return list(self.each(sql, params))

    def each(self, sql: str, params: Sequence[Any] = ()) -> Iterator[Any]:
        """Give rows until there are no more, or raise in their midst."""
        if self._connection is None:
            self._connection = driver.open_still(self._path, self._key)
            # What is no UTF-8 any more is refused row by row, where it would be written.
            self._connection.text_factory = _lenient
        try:
            with closing(self._connection.execute(sql, params)) as cursor:
                yield from cursor
        except Exception:
            if self._key is not None:
                # SQLCipher serves nothing more on a connection that met a page it cannot prove.
                self.close()
            raise

    def close(self) -> None:
        """Let go of the file."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None


def _lenient(raw: bytes) -> str:
    return raw.decode("utf-8", "surrogateescape")


@dataclass(frozen=True, slots=True)
class Gap:
    """Keys between which rows may be lost; an end is None where the table begins or ends."""

    after: Key | None
    before: Key | None

    @property
    def lost(self) -> int | None:
        """Return how many rows a gap between numbers had at most, None where nobody knows."""
        if self.after is None or self.before is None or self.after[:-1] != self.before[:-1]:
            return None
        last, first = self.after[-1], self.before[-1]
        return first - last - 1 if isinstance(last, int) else None

    def holds(self, key: Key) -> bool:
        """Tell whether a key lies in it."""
        return (self.after is None or self.after < key) and (
            self.before is None or key < self.before
        )


@dataclass(slots=True)
class Reach:
    """Reads one table of a source.

    Args:
        source: The damaged database.
        table: Its name.
        key: The columns of its primary key.
        others: The rest of its columns.
        indexes: Other indexes, which hold the key too.
    """

    source: Source
    table: str
    key: Sequence[str]
    others: Sequence[str]
    indexes: Sequence[str]
    gaps: list[Gap] = field(default_factory=list)
    """What could not be read."""
    unread: set[Key] = field(default_factory=set)
    """Keys of rows that are known to be lost."""
    _guesses: int = GUESSES
    _guessed: set[Key] = field(default_factory=set)
    """Keys that no row was found to have."""

    def read(self, take: Take) -> None:
        """Give every row that can be read, each once, in no order."""
        gap = self._between(Gap(None, None), take)
        if gap is not None:
            named, are_all = self._named(gap)
            self.unread |= named
            seen: set[Key] = set()

            def once(row: Sequence[Any]) -> None:
                if (key := tuple(row[: len(self.key)])) not in seen:
                    seen.add(key)
                    self.unread.discard(key)
                    self._guessed.discard(key)
                    take(row)

            for known in sorted(named, key=repr):
                self._read_one(known, once)
            if not are_all:
                self._guess(gap, once)
                self.gaps = self._join()

    def _between(self, gap: Gap, take: Take) -> Gap | None:
        """Read into a gap from both of its ends; return what is left of it, if anything."""
        last, is_whole = self._walk(gap, take, downwards=False)
        if is_whole:
            return None
        first, _ = self._walk(Gap(last or gap.after, gap.before), take, downwards=True)
        return Gap(last or gap.after, first or gap.before)

    def _walk(self, gap: Gap, take: Take, *, downwards: bool) -> tuple[Key | None, bool]:
        """Read until a fault; return the last key, and whether there was none."""
        last: Key | None = None
        try:
            for row in self._select(gap, downwards=downwards):
                take(row)
                last = row[: len(self.key)]
        except Exception as error:
            if not driver.is_damage(error):
                raise
            # The driver reads ahead: the fault came a row later than it was told.
            rest = (
                Gap(gap.after, last or gap.before)
                if downwards
                else Gap(last or gap.after, gap.before)
            )
            return self._take_one(rest, take, downwards=downwards) or last, False
        return last, True

    def _take_one(self, gap: Gap, take: Take, *, downwards: bool) -> Key | None:
        try:
            for row in self._select(gap, downwards=downwards, limit=1):
                take(row)
                return row[: len(self.key)]
        except Exception as error:
            if not driver.is_damage(error):
                raise
        return None

    def _select(self, gap: Gap, *, downwards: bool, limit: int = -1) -> Iterator[tuple[Any, ...]]:
        order = ", ".join(f"{name} DESC" if downwards else name for name in self.key)
        columns = ", ".join([*self.key, *self.others])
        where, params = self._within(gap)
        sql = f"SELECT {columns} FROM {self.table} {where} ORDER BY {order} LIMIT {limit}"  # noqa: S608 (names from our own schema)
        return (tuple(row) for row in self.source.each(sql, params))

    def _within(self, gap: Gap) -> tuple[str, list[Any]]:
        names, marks = ", ".join(self.key), ", ".join("?" for _ in self.key)
        ends = [(">", gap.after), ("<", gap.before)]
        given = [(sign, end) for sign, end in ends if end is not None]
        conditions = " AND ".join(f"({names}) {sign} ({marks})" for sign, _ in given)
        params = [value for _, end in given for value in end]
        return (f"WHERE {conditions}" if given else ""), params

    def _named(self, gap: Gap) -> tuple[set[Key], bool]:
        """Return the keys in a gap as other indexes name them, and whether one names them all."""
        names, found = ", ".join(self.key), set()
        for index in self.indexes:
            sql = f"SELECT {names} FROM {self.table} INDEXED BY {index}"  # noqa: S608 (names from our own schema)
            try:
                for row in self.source.each(sql):
                    if gap.holds(key := tuple(row)):
                        found.add(key)
            except Exception as error:
                # The damaged list of tables may know no such index: then the statement fails.
                if not (driver.is_damage(error) or driver.is_value_error(error)):
                    raise
            else:
                return found, True
        return found, False

    def _read_one(self, key: Key, take: Take) -> None:
        names, marks = ", ".join(self.key), ", ".join("?" for _ in self.key)
        columns = ", ".join([*self.key, *self.others])
        # A row beside a lost page is found from its other side alone.
        for sign, order in (("<=", "DESC"), (">=", "ASC")):
            by = ", ".join(f"{name} {order}" for name in self.key)
            where = f"({names}) {sign} ({marks})"
            sql = f"SELECT {columns} FROM {self.table} WHERE {where} ORDER BY {by} LIMIT 1"  # noqa: S608 (names from our own schema)
            try:
                for row in self.source.each(sql, key):
                    if tuple(row)[: len(key)] == key:
                        return take(tuple(row))
            except Exception as error:
                if not driver.is_damage(error):
                    raise
        return None

    def _guess(self, gap: Gap, take: Take) -> None:
        waiting = deque([gap])
        while waiting:
            gap = waiting.popleft()
            middle = between(gap.after, gap.before) if gap.after and gap.before else None
            if middle is None or not self._guesses:
                self.gaps.append(gap)
                continue
            self._guesses -= 1
            self._guessed.add(middle)
            self._read_one(middle, take)
            for part in (Gap(gap.after, middle), Gap(middle, gap.before)):
                left = self._between(part, take)
                if left is not None:
                    waiting.append(left)

    def _join(self) -> list[Gap]:
        """Return the gaps, with those as one that only a guess keeps apart."""
        joined: list[Gap] = []
        for gap in sorted(self.gaps, key=lambda gap: gap.after or ()):
            if joined and joined[-1].before == gap.after and gap.after in self._guessed:
                joined.append(Gap(joined.pop().after, gap.before))
            else:
                joined.append(gap)
        return [gap for gap in joined if gap.lost != 0]
