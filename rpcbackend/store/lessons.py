"""The lessons as rows."""

from datetime import datetime
from typing import Any

from rpcbackend.errors import InUseError
from rpcbackend.schema.base import Encoded
from rpcbackend.schema.lessons import MAX_MINUTES, Lesson, LessonPage, ListLessons
from rpcbackend.store.cursor import read_cursor, write_cursor
from rpcbackend.store.seen import Seen
from rpcbackend.store.sight import Sight
from rpcbackend.store.table import Table, end_to_column, page_of, to_column
from rpcbackend.store.transaction import Transaction


def _more_columns(lesson: Lesson) -> dict[str, Any]:
    return {"local_start": lesson.local.start, "local_end": lesson.local.end}


_TABLE = Table(
    Lesson,
    "lessons",
    noun="lesson",
    expressions={"local": "json_object('start', local_start, 'end', local_end)"},
    more_columns=_more_columns,
)

ROW_JSON = _TABLE.json
"""The SQL of a row as the wire has it."""

_SEEN = Seen(_TABLE, instructor="instructor_id = :seer", student="student_id = :seer")

# One condition a filter, added only when it is used: each has its index, which a condition that is
# there but switched off would hide from the planner.
_FILTERS = {
    "student": "student_id = :student",
    "instructor": "instructor_id = :instructor",
    "vehicle": "vehicle_id = :vehicle",
    "branch": "branch_id = :branch",
    "state": "state = :state",
    "to": "starts_at < :to",
    # A lesson is never longer than MAX_MINUTES, so the index on starts bounds this one too.
    "ends_after": f"ends_at > :ends_after AND starts_at > :ends_after - {MAX_MINUTES * 60}",
    "after": "(starts_at, id) > (:after, :after_id)",
}

_TO_COME = """
SELECT id, {is_seen} AS is_seen FROM lessons
WHERE school_id = :school AND {column} = :id AND starts_at >= :now
  AND state IN ('requested', 'booked', 'confirmed')
ORDER BY starts_at LIMIT :most
"""

MAX_NAMED = 20
"""Lessons that an error names; more would not be read."""


class Lessons:
    """The lessons of one school: an instructor sees those he gives, a student those he takes."""

    def __init__(self, tx: Transaction, sight: Sight) -> None:
        self._tx, self._sight = tx, sight

    async def require(self, lesson_id: str) -> Lesson:
        """Return the lesson; see `Seen.require_encoded`."""
        return await _SEEN.require(self._tx, self._sight, lesson_id)

    async def is_seen(self, lesson_id: str) -> bool:
        """Tell whether there is such a lesson to be seen."""
        rows = await _SEEN.list_encoded(
            self._tx, self._sight, where="id = :id", order="id", limit=1, id=lesson_id
        )
        return bool(rows)

    async def add(self, lesson: Lesson) -> None:
        """Add a lesson whose id was made for it."""
        await _TABLE.add(self._tx, lesson)

    async def put(self, lesson: Lesson) -> None:
        """Add the lesson, or replace the one with its id."""
        await _TABLE.put(self._tx, lesson)

    async def list(self, wanted: ListLessons) -> Encoded[LessonPage]:
        """Return a page of those that fit, by start.

        Raises:
            CursorInvalidError: The cursor is not one of this list.
        """
        after, after_id = (
            read_cursor(wanted.cursor, int, str) if wanted.cursor is not None else (None, None)
        )
        params = {
            "student": wanted.student_id,
            "instructor": wanted.instructor_id,
            "vehicle": wanted.vehicle_id,
            "branch": wanted.branch_id,
            "state": wanted.state,
            "to": end_to_column(wanted.to),
            "ends_after": to_column(wanted.from_),
            "after": after,
        }
        used = {name: value for name, value in params.items() if value is not None}
        rows = await _SEEN.list_encoded(
            self._tx,
            self._sight,
            where=" AND ".join(_FILTERS[name] for name in used) or "true",
            order="starts_at, id",
            limit=wanted.limit + 1,
            after_id=after_id,
            **used,
        )
        page, rest = rows[: wanted.limit], rows[wanted.limit :]
        last = page[-1] if rest else None
        cursor = write_cursor(last["starts_at"], last["id"]) if last else None
        return Encoded(page_of(page, next_cursor=cursor))

    async def require_none_to_come(self, column: str, entity_id: str, now: datetime) -> None:
        """Check that somebody or something is not booked from now on.

        Args:
            column: `student_id`, `instructor_id` or `vehicle_id`.
            entity_id: Whose lessons.
            now: Lessons that started before do not count.

        Raises:
            InUseError: There are such lessons, seen or not; details name the first few seen ones.
        """
        rows = await self._tx.all(
            _TO_COME.format(column=column, is_seen=_SEEN.where(self._sight)),
            id=entity_id,
            now=to_column(now),
            most=MAX_NAMED,
            seer=self._sight.person_id,
        )
        if rows:
            raise InUseError(
                "There are lessons to come; move or cancel them first.",
                details={"referrers": [row["id"] for row in rows if row["is_seen"]]},
            )
