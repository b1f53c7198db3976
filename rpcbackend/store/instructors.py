"""The instructors as rows."""

from rpcbackend.schema.base import Encoded
from rpcbackend.schema.instructors import Instructor, InstructorPage, ListInstructors
from rpcbackend.store.table import Table, page_of
from rpcbackend.store.transaction import Transaction

MOST = 1_000
"""A list without pages: the largest school of the design has 150."""

_TABLE = Table(Instructor, "instructors", noun="instructor")


class Instructors:
    """The instructors of one school."""

    def __init__(self, tx: Transaction) -> None:
        self._tx = tx

    async def require(self, instructor_id: str) -> Instructor:
        """Return the instructor; see `Table.require`."""
        return await _TABLE.require(self._tx, instructor_id)

    async def put(self, instructor: Instructor) -> None:
        """Add the instructor, or replace the one with his id."""
        await _TABLE.put(self._tx, instructor)

    async def list(self, wanted: ListInstructors) -> Encoded[InstructorPage]:
        """Return those who fit, by name."""
        rows = await _TABLE.list_encoded(
            self._tx,
            where="(:branch IS NULL OR branch_id = :branch) AND (:state IS NULL OR state = :state)",
            order="family_name, given_name, id",
            limit=MOST,
            branch=wanted.branch_id,
            state=wanted.state,
        )
        return Encoded(page_of(rows, has_cursor=False))
