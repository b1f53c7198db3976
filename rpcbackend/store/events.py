"""The event stream: written with its cause, numbered without a gap, read in order."""

from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from rpcbackend.schema.base import Encoded
from rpcbackend.schema.events import Event
from rpcbackend.store.sight import Sight
from rpcbackend.store.transaction import Transaction

_EVENT = """
json_object('seq', seq, 'id', id, 'type', type,
  'at', strftime('%Y-%m-%dT%H:%M:%fZ', at / 1000.0, 'unixepoch'), 'actor', actor,
  'aggregate', json_object('type', aggregate_type, 'id', aggregate_id,
                           'version', aggregate_version),
  'data', {data})
"""

_APPEND = """
INSERT INTO events (school_id, seq, id, type, at, actor,
                    aggregate_type, aggregate_id, aggregate_version, data)
VALUES (:school,
        1 + coalesce((SELECT max(seq) FROM events WHERE school_id = :school), 0),
        :id, :type, :at, :actor, :aggregate_type, :aggregate_id, :aggregate_version, :data)
RETURNING seq
"""

# Where the lesson is now, and whose, is for its new instructor's eyes.
_DATA_OF_INSTRUCTOR = """json(CASE
  WHEN data -> 'previous' ->> 'instructorId' = :seer AND data ->> 'instructorId' <> :seer
  THEN json_object('lessonId', data ->> 'lessonId', 'previous', data -> 'previous')
  ELSE data END)"""

# The end of the stream comes with it, so that a server is asked once.
_AFTER = f"""
SELECT head.seq AS head_seq, page.seq, page.json
FROM (SELECT coalesce(max(seq), 0) AS seq FROM events WHERE school_id = :school) AS head
LEFT JOIN (
  SELECT seq, {_EVENT} AS json FROM events
  WHERE school_id = :school AND seq > :after AND seq <= :until
    AND (:types IS NULL OR type IN (SELECT value FROM json_each(:types)))
    AND {{seen}}
  ORDER BY seq LIMIT :limit
) AS page ON true
ORDER BY page.seq
"""  # noqa: S608 (only our own column list)

# One's own events name oneself; that a colleague's vehicle was repaired is nobody's own.
# Who gave a lesson away has to learn that it is no longer his.
_OF_INSTRUCTOR = """(aggregate_id = :seer OR data ->> 'instructorId' = :seer
  OR data -> 'previous' ->> 'instructorId' = :seer)"""
_OF_STUDENT = "(aggregate_id = :seer OR data ->> 'studentId' = :seer)"

# By area and not by type: what an area will tell one day is hidden from its first day on, and so is
# an area that nobody has thought of yet.
_OF_AREAS = "substr(type, 1, instr(type, '.') - 1) IN (SELECT value FROM json_each(:areas))"

LOOKED_AT = 10_000
"""Events that one look goes through, in some 10 ms, for those who may see few of them."""


class Events:
    """The stream of one school."""

    def __init__(self, tx: Transaction, sight: Sight) -> None:
        self._tx, self._sight = tx, sight
        self.appended_seq = 0
        """The number of the last event that this unit left, 0 for none."""

    async def append(
        self,
        *,
        id: str,  # noqa: A002 (the column's name)
        type: str,  # noqa: A002 (the column's name)
        at_ms: int,
        actor: str,
        aggregate: tuple[str, str, int],
        data: Mapping[str, Any],
    ) -> None:
        """Write the next event.

        Args:
            id: Of the event itself.
            type: Such as `lessons.booked`.
            at_ms: Milliseconds since the epoch.
            actor: Who did it.
            aggregate: Type, id and version of the record it is about.
            data: Ids and times, never names.
        """
        aggregate_type, aggregate_id, aggregate_version = aggregate
        row = await self._tx.one(
            _APPEND,
            id=id,
            type=type,
            at=at_ms,
            actor=actor,
            aggregate_type=aggregate_type,
            aggregate_id=aggregate_id,
            aggregate_version=aggregate_version,
            data=orjson.dumps(data).decode(),
        )
        assert row is not None  # noqa: S101 (what was inserted is returned)
        self.appended_seq = row[0]

    async def head_seq(self) -> int:
        """Return the number of the last event, 0 before the first."""
        row = await self._tx.one(
            "SELECT coalesce(max(seq), 0) FROM events WHERE school_id = :school"
        )
        return int(row[0]) if row else 0

    async def page_after(
        self, after_seq: int, types: Sequence[str], limit: int
    ) -> tuple[int, list[Encoded[Event]]]:
        """Return the next events to be seen and how far in the stream the caller has come.

        There may be more even when there are fewer than *limit*, or none: one look is bounded.
        """
        until = after_seq + LOOKED_AT
        rows = await self._tx.all(
            _AFTER.format(
                seen=self._seen(),
                data=_DATA_OF_INSTRUCTOR if self._sight.instructor_id else "json(data)",
            ),
            after=after_seq,
            until=until,
            types=orjson.dumps(types).decode() if types else None,
            limit=limit,
            seer=self._sight.person_id,
            areas=orjson.dumps(sorted(self._sight.areas or ())).decode(),
        )
        head_seq = int(rows[0]["head_seq"])
        page = [row for row in rows if row["seq"] is not None]
        came_to = int(page[-1]["seq"]) if len(page) == limit else min(head_seq, until)
        return max(after_seq, came_to), [Encoded(row["json"].encode()) for row in page]

    def _seen(self) -> str:
        own = self._sight.where(instructor=_OF_INSTRUCTOR, student=_OF_STUDENT)
        return own if self._sight.areas is None else f"{_OF_AREAS} AND {own}"
