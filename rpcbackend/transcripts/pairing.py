"""Two transcripts side by side: which rows are the same one, and where their messages differ."""

from collections import defaultdict, deque
from collections.abc import Callable, Hashable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import orjson

from rpcbackend.transcripts.differences import Comparison
from rpcbackend.transcripts.rows import Row, Table, without_id


@dataclass(frozen=True, slots=True)
class Pair:
    """A row of each; one of them may be missing."""

    first: Row | None
    second: Row | None

    @property
    def row(self) -> Row:
        """The one that is shown."""
        found = self.first or self.second
        assert found is not None  # noqa: S101 (a pair of nothing is not made)
        return found


@dataclass(slots=True)
class Changes:
    """The paths at which a pair differs and may not."""

    asked: list[str] = field(default_factory=list)
    told: list[str] = field(default_factory=list)

    def __bool__(self) -> bool:
        return bool(self.asked or self.told)


def pair_up(first: list[Row], second: list[Row]) -> list[Pair]:
    """Pair the rows of two transcripts, by the time of the first.

    The n-th of those that ask the same on a connection belong together; of what is left over, the
    n-th of a channel: ids in it may be others.
    """
    partners: dict[int, Row] = {}
    rest = _match(
        first, second, lambda row: (row.kind, row.conn, row.channel, row.content), partners
    )
    left = [row for row in first if id(row) not in partners]
    rest = _match(left, rest, lambda row: (row.kind, row.conn, row.channel), partners)
    pairs = [Pair(row, partners.get(id(row))) for row in first]
    pairs += [Pair(None, row) for row in rest]
    return sorted(pairs, key=lambda pair: pair.row.t)


def _match(
    first: Iterable[Row],
    second: Iterable[Row],
    key: Callable[[Row], Hashable],
    partners: dict[int, Row],
) -> list[Row]:
    """Note the partner of each by its key, and return those of the second that are nobody's."""
    waiting: defaultdict[Hashable, deque[Row]] = defaultdict(deque)
    for row in second:
        waiting[key(row)].append(row)
    for row in first:
        if queue := waiting[key(row)]:
            partners[id(row)] = queue.popleft()
    free = {id(row) for queue in waiting.values() for row in queue}
    return [row for row in second if id(row) in free]


def changes_of(
    pairs: Iterable[Pair], first: Table, second: Table, comparison: Comparison
) -> Iterator[Changes]:
    """Compare the messages of each pair, in their order: names become known on the way."""
    for pair in pairs:
        if pair.first is None or pair.second is None:
            yield Changes(asked=[""])
            continue
        asked = _read(first, pair.first.asked), _read(second, pair.second.asked)
        told = _read(first, pair.first.told), _read(second, pair.second.told)
        # What may differ is known by the method of an event, and not by its type.
        channel = asked[0]["method"] if pair.first.kind == "event" else pair.first.channel
        yield Changes(_paths(comparison, channel, *asked), _paths(comparison, channel, *told))


_MISSING = object()


def _read(table: Table, place: int | None) -> Any:
    return _MISSING if place is None else without_id(orjson.loads(table.messages[place]))


def _paths(comparison: Comparison, channel: str, old: Any, new: Any) -> list[str]:
    if old is _MISSING or new is _MISSING:
        return [] if old is new else [""]
    return [path for path, _, _ in comparison.compare_all(channel, old, new)]
