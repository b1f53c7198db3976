"""The students as rows."""

import unicodedata
from typing import Any

import orjson

from rpcbackend.schema.base import Encoded
from rpcbackend.schema.students import ListStudents, Student, StudentPage
from rpcbackend.store.cursor import read_cursor, write_cursor
from rpcbackend.store.seen import Seen
from rpcbackend.store.sight import Sight
from rpcbackend.store.table import Table, page_of
from rpcbackend.store.transaction import Transaction

MAX_DUPLICATES = 5
"""More of the same name and birthday would not help anybody to decide."""


def fold(text: str) -> str:
    """Write a text so that a search finds it: lower case, no accents, ß as ss."""
    # Decomposed first: signs such as a bold A become letters only then, and letters have a case.
    decomposed = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", text).casefold())
    return "".join(char for char in decomposed if not unicodedata.combining(char))


def _more_columns(student: Student) -> dict[str, Any]:
    return {"search_text": fold(f"{student.given_name} {student.family_name}")}


_TABLE = Table(Student, "students", noun="student", more_columns=_more_columns)

_TAUGHT = """
EXISTS (
  SELECT 1 FROM lessons
  WHERE lessons.school_id = :school AND lessons.instructor_id = :seer
    AND lessons.student_id = students.id
)
"""
_SEEN = Seen(_TABLE, instructor=_TAUGHT, student="id = :seer")

_COUNT = "SELECT count(*) FROM students WHERE school_id = :school AND {seen}"

_FITS = """
(:state IS NULL OR state = :state) AND (:branch IS NULL OR branch_id = :branch)
AND NOT EXISTS (SELECT 1 FROM json_each(:words) WHERE instr(search_text, value) = 0)
AND (:family IS NULL OR (family_name, given_name, id) > (:family, :given, :id))
"""


class Students:
    """The students of one school: an instructor sees those whom he ever gave a lesson."""

    def __init__(self, tx: Transaction, sight: Sight) -> None:
        self._tx, self._sight = tx, sight

    async def require_encoded(self, student_id: str) -> Encoded[Student]:
        """Return the student as wire JSON; see `Seen.require_encoded`."""
        return await _SEEN.require_encoded(self._tx, self._sight, student_id)

    async def require(self, student_id: str) -> Student:
        """Return the student; see `Seen.require_encoded`."""
        return await _SEEN.require(self._tx, self._sight, student_id)

    async def add(self, student: Student) -> None:
        """Add a student whose id was made for it."""
        await _TABLE.add(self._tx, student)

    async def put(self, student: Student) -> None:
        """Add the student, or replace the one with his id."""
        await _TABLE.put(self._tx, student)

    async def namesakes(self, student: Student) -> list[Student]:
        """Return others with the same birth date and, accents and case aside, the same name."""
        rows = await _SEEN.list_encoded(
            self._tx,
            self._sight,
            where="born_on = :born_on AND search_text = :search_text AND id <> :id",
            order="id",
            limit=MAX_DUPLICATES,
            born_on=student.born_on.isoformat(),
            id=student.id,
            **_more_columns(student),
        )
        return [Student.model_validate_json(row["json"]) for row in rows]

    async def list(self, wanted: ListStudents) -> Encoded[StudentPage]:
        """Return a page of those who fit, by name.

        Raises:
            CursorInvalidError: The cursor is not one of this list.
        """
        family = given = student_id = None
        if wanted.cursor is not None:
            family, given, student_id = read_cursor(wanted.cursor, str, str, str)
        rows = await _SEEN.list_encoded(
            self._tx,
            self._sight,
            where=_FITS,
            order="family_name, given_name, id",
            limit=wanted.limit + 1,
            state=wanted.state,
            branch=wanted.branch_id,
            words=_words(wanted.text),
            family=family,
            given=given,
            id=student_id,
        )
        page, rest = rows[: wanted.limit], rows[wanted.limit :]
        last = page[-1] if rest else None
        cursor = write_cursor(last["family_name"], last["given_name"], last["id"]) if last else None
        return Encoded(page_of(page, next_cursor=cursor))

    async def count(self) -> int:
        """Return how many there are."""
        row = await self._tx.one(
            _COUNT.format(seen=_SEEN.where(self._sight)),
            seer=self._sight.person_id,
        )
        return int(row[0]) if row else 0


def _words(text: str | None) -> str:
    return orjson.dumps(fold(text or "").split()).decode()
