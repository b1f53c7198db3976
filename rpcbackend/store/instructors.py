"""The instructors as rows."""

from rpcbackend.schema.base import Encoded
from rpcbackend.schema.instructors import Instructor, InstructorPage, ListInstructors
from rpcbackend.store.seen import Seen
from rpcbackend.store.sight import Sight
from rpcbackend.store.table import Table, page_of
from rpcbackend.store.transaction import Transaction

MOST = 1_000
"""A list without pages: the largest school of the design has 150."""

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
