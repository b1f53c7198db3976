"""The instructors as rows."""

from collections.abc import Sequence

import orjson

from rpcbackend.errors import NotFoundError
from rpcbackend.schema.base import Encoded
from rpcbackend.schema.instructors import (
    Instructor,
    InstructorPage,
    InstructorState,
    ListInstructors,
)
from rpcbackend.store.seen import Seen
from rpcbackend.store.sight import Sight
from rpcbackend.store.table import Table, page_of
from rpcbackend.store.transaction import Transaction

MOST = 1_000
"""A list without pages: the largest school of the design has 150."""

_ZONES = """
SELECT id, state, zone
FROM (SELECT * FROM instructors WHERE school_id = :school AND {seen}) AS seen
JOIN (SELECT id AS branch_id, zone FROM branches WHERE school_id = :school) AS branch
  USING (branch_id)
WHERE :wanted IS NULL OR id IN (SELECT value FROM json_each(:wanted))
"""

_TABLE = Table(Instructor, "instructors", noun="instructor")

_SEEN = Seen(_TABLE, instructor="id = :seer", student="false")

# Students learn who teaches here, and ring the office.
_SEEN_BY_STUDENTS = Seen(
    Table(
        Instructor,
        "instructors",
        noun="instructor",
        expressions={"email": "NULL", "phone": "NULL"},
    ),
    instructor="false",
    student="state = 'active'",
)


class Instructors:
    """The instructors of one school: one of them sees himself, a student the active ones."""

    def __init__(self, tx: Transaction, sight: Sight) -> None:
        self._tx, self._sight = tx, sight
        self._seen = _SEEN_BY_STUDENTS if sight.student_id else _SEEN

    async def require(self, instructor_id: str) -> Instructor:
        """Return the instructor; see `Seen.require_encoded`."""
        return await self._seen.require(self._tx, self._sight, instructor_id)

    async def put(self, instructor: Instructor) -> None:
        """Add the instructor, or replace the one with his id."""
        await _TABLE.put(self._tx, instructor)

    async def zones(self, wanted: Sequence[str] | None) -> dict[str, str]:
        """Return the time zones of those who teach, by their ids.

        Args:
            wanted: Of whom; None is all who can be seen.

        Raises:
            NotFoundError: One who is wanted is not there, or cannot be seen.
        """
        rows = await self._tx.all(
            _ZONES.format(seen=self._seen.where(self._sight)),
            wanted=None if wanted is None else orjson.dumps(wanted).decode(),
            seer=self._sight.person_id,
        )
        zones = {row["id"]: row["zone"] for row in rows}
        if (
            missing := next((each for each in wanted or () if each not in zones), None)
        ) is not None:
            raise NotFoundError.of("instructor", missing)
        return {row["id"]: row["zone"] for row in rows if row["state"] == InstructorState.ACTIVE}

    async def list(self, wanted: ListInstructors) -> Encoded[InstructorPage]:
        """Return those who fit, by name."""
        rows = await self._seen.list_encoded(
            self._tx,
            self._sight,
            where="(:branch IS NULL OR branch_id = :branch) AND (:state IS NULL OR state = :state)",
            order="family_name, given_name, id",
            limit=MOST,
            branch=wanted.branch_id,
            state=wanted.state,
        )
        return Encoded(page_of(rows, has_cursor=False))
