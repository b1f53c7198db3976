"""When students are reminded of their lessons, as rows: one for each lesson that was decided on."""

from datetime import datetime, timedelta

from rpcbackend.schema.branches import MAX_REMINDER_MINUTES
from rpcbackend.store.table import to_column
from rpcbackend.store.transaction import Transaction

_PUT = """
INSERT INTO reminders (school_id, lesson_id, due_at) VALUES (:school, :lesson, :due_at)
ON CONFLICT (school_id, lesson_id) DO UPDATE SET due_at = excluded.due_at
"""

# A row whose lesson, or somebody of it, is gone (a damaged file was salvaged) stops no other one.
_DUE = """
SELECT lesson_id FROM reminders
WHERE school_id = :school AND due_at <= :now AND EXISTS (
  SELECT 1 FROM lessons
    JOIN students
      ON students.school_id = lessons.school_id AND students.id = lessons.student_id
    JOIN instructors
      ON instructors.school_id = lessons.school_id AND instructors.id = lessons.instructor_id
  WHERE lessons.school_id = reminders.school_id AND lessons.id = reminders.lesson_id)
ORDER BY due_at, lesson_id LIMIT :limit
"""

# Of lessons that were booked before there were reminders, or before the habits of a branch changed.
_MISSING = """
SELECT id FROM lessons
WHERE school_id = :school AND starts_at > :now AND starts_at <= :until
  AND state IN ('requested', 'booked', 'confirmed')
  AND NOT EXISTS (
    SELECT 1 FROM reminders
    WHERE reminders.school_id = lessons.school_id AND reminders.lesson_id = lessons.id)
  AND EXISTS (
    SELECT 1 FROM students JOIN branches
      ON branches.school_id = students.school_id AND branches.id = students.branch_id
    WHERE students.school_id = lessons.school_id AND students.id = lessons.student_id
      AND branches.reminder_minutes > 0)
ORDER BY starts_at, id LIMIT :limit
"""

_FORGET = """
DELETE FROM reminders
WHERE school_id = :school AND due_at IS NOT NULL AND lesson_id IN (
  SELECT lessons.id FROM lessons JOIN students
    ON students.school_id = lessons.school_id AND students.id = lessons.student_id
  WHERE lessons.school_id = :school AND students.branch_id = :branch AND lessons.starts_at > :now)
"""

_FORGET_OF_STUDENT = """
DELETE FROM reminders
WHERE school_id = :school AND due_at IS NOT NULL AND lesson_id IN (
  SELECT id FROM lessons
  WHERE school_id = :school AND student_id = :student AND starts_at > :now)
"""

_FORGET_OLD = """
DELETE FROM reminders
WHERE school_id = :school AND lesson_id IN (
  SELECT lesson_id FROM reminders AS old LEFT JOIN lessons
    ON lessons.school_id = old.school_id AND lessons.id = old.lesson_id
  WHERE old.school_id = :school AND (lessons.id IS NULL OR lessons.starts_at <= :before)
  LIMIT :limit)
"""

KEPT = timedelta(days=30)
"""How long after a lesson it is known that its student was reminded."""

FORGOTTEN_AT_ONCE = 100
"""Rows that one transaction removes: nobody waits for it."""


class Reminders:
    """The reminders of one school."""

    def __init__(self, tx: Transaction) -> None:
        self._tx = tx

    async def put(self, lesson_id: str, due_at: datetime | None) -> None:
        """Note when to remind of a lesson; None is not any more."""
        await self._tx.run(_PUT, lesson=lesson_id, due_at=to_column(due_at))

    async def remove(self, lesson_id: str) -> None:
        """Forget a lesson that is off."""
        await self._tx.run(
            "DELETE FROM reminders WHERE school_id = :school AND lesson_id = :lesson",
            lesson=lesson_id,
        )

    async def due(self, now: datetime, limit: int) -> list[str]:
        """Return the lessons to remind of now, the longest due first."""
        rows = await self._tx.all(_DUE, now=to_column(now), limit=limit)
        return [row["lesson_id"] for row in rows]

    async def missing(self, now: datetime, limit: int) -> list[str]:
        """Return lessons to come, the next first, of which nobody has decided when to remind."""
        until = now + timedelta(minutes=MAX_REMINDER_MINUTES + 24 * 60)
        rows = await self._tx.all(_MISSING, now=to_column(now), until=to_column(until), limit=limit)
        return [row["id"] for row in rows]

    async def forget(self, branch_id: str, now: datetime) -> None:
        """Let it be decided anew when to remind the students of a branch, where it is not done."""
        await self._tx.run(_FORGET, branch=branch_id, now=to_column(now))

    async def forget_student(self, student_id: str, now: datetime) -> None:
        """Let it be decided anew when to remind a student, where it is not done."""
        await self._tx.run(_FORGET_OF_STUDENT, student=student_id, now=to_column(now))

    async def forget_old(self, now: datetime) -> int:
        """Remove some of lessons that are gone or long over, and return how many."""
        return await self._tx.run(
            _FORGET_OLD, before=to_column(now - KEPT), limit=FORGOTTEN_AT_ONCE
        )
