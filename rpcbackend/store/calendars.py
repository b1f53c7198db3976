"""The calendar as one statement: SQLite writes the JSON of a whole view."""

import orjson

from rpcbackend.schema.base import Encoded, format_instant
from rpcbackend.schema.calendars import CalendarView, ViewCalendar
from rpcbackend.store.json_sql import instant
from rpcbackend.store.sight import Sight
from rpcbackend.store.table import end_to_column, to_column
from rpcbackend.store.transaction import Transaction

_PERSON = "given_name || ' ' || family_name"

# Who sees which rows and columns of the calendar, over `:seer`: himself, and an instructor all that
# can be driven, though of that only his own lessons.
_SEEN = {
    "instructors": {"instructor": "id = :seer", "student": "false"},
    "vehicles": {"instructor": "true", "student": "false"},
    "students": {"instructor": "false", "student": "id = :seer"},
    "claims": {
        "instructor": "(claim.resource_id = :seer OR lesson.instructor_id = :seer)",
        "student": "claim.resource_id = :seer",
    },
}

# For each resource a seek for the claim that may reach into the span from before, and a scan of
# those that start in it. Apart: of a scan that begins at an instant which is yet to be looked up,
# PostgreSQL expects a third of all claims, and reads them all. Materialized: it would look that up
# again for every claim.
_VIEW = f"""
WITH resources (type, id, name) AS (
  SELECT 'instructor', id, {_PERSON} FROM instructors
  WHERE school_id = :school AND state = 'active' AND {{instructors}}
    AND 'instructor' IN (SELECT value FROM json_each(:types))
    AND (:branch IS NULL OR branch_id = :branch)
  UNION ALL
  SELECT 'vehicle', id, plate FROM vehicles
  WHERE school_id = :school AND state <> 'retired' AND {{vehicles}}
    AND 'vehicle' IN (SELECT value FROM json_each(:types))
    AND (:branch IS NULL OR branch_id = :branch)
  UNION ALL
  SELECT 'student', id, {_PERSON} FROM students
  WHERE school_id = :school AND state = 'active' AND {{students}}
    AND 'student' IN (SELECT value FROM json_each(:types))
    AND (:branch IS NULL OR branch_id = :branch)
),
spans (type, id, name, reach) AS MATERIALIZED (
  SELECT type, id, name, (
    SELECT max(starts_at) FROM resource_claims AS before
    WHERE before.school_id = :school AND before.resource_type = resources.type
      AND before.resource_id = resources.id AND before.starts_at < :since)
  FROM resources
),
claims AS (
  SELECT spans.name, claim.* FROM spans
  CROSS JOIN resource_claims AS claim
    ON claim.school_id = :school AND claim.resource_type = spans.type
   AND claim.resource_id = spans.id AND claim.starts_at >= :since AND claim.starts_at < :until
  UNION ALL
  SELECT spans.name, claim.* FROM spans
  CROSS JOIN resource_claims AS claim
    ON claim.school_id = :school AND claim.resource_type = spans.type
   AND claim.resource_id = spans.id AND claim.starts_at = spans.reach AND claim.ends_at > :since
),
items AS (
  SELECT claim.resource_type, claim.resource_id, claim.starts_at, claim.ends_at,
    claim.owner_type, claim.owner_id, claim.name, lesson.zone, lesson.local_start, lesson.local_end,
    lesson.id AS lesson_id, lesson.state, lesson.type, lesson.student_id,
    student.given_name || ' ' || student.family_name AS student_name,
    lesson.instructor_id, lesson.vehicle_id
  FROM claims AS claim
  LEFT JOIN lessons AS lesson
    ON claim.owner_type = 'lesson' AND lesson.school_id = :school AND lesson.id = claim.owner_id
  LEFT JOIN students AS student
    ON student.school_id = :school AND student.id = lesson.student_id
  WHERE {{claims}}
)
SELECT
  (SELECT coalesce(json_group_array(json_object('type', type, 'id', id, 'name', name)), '[]')
   FROM (SELECT * FROM resources ORDER BY type, name, id) AS sorted) AS resources,
  (SELECT coalesce(json_group_array(json_object(
    'resourceType', resource_type, 'resourceId', resource_id,
    'startsAt', {instant("starts_at")}, 'endsAt', {instant("ends_at")},
    'ownerType', owner_type, 'ownerId', owner_id, 'zone', zone,
    'local', iif(lesson_id IS NULL, NULL,
      json_object('start', local_start, 'end', local_end)),
    'lesson', iif(lesson_id IS NULL, NULL, json_object(
      'id', lesson_id, 'state', state, 'type', type,
      'studentId', student_id, 'studentName', student_name,
      'instructorId', instructor_id, 'vehicleId', vehicle_id)))), '[]')
   FROM (SELECT * FROM items ORDER BY starts_at, name) AS sorted) AS items
"""  # noqa: S608 (our own columns)


class Calendars:
    """The busy time of one school, as screens draw it."""

    def __init__(self, tx: Transaction, sight: Sight) -> None:
        self._tx, self._sight = tx, sight

    async def view(self, wanted: ViewCalendar) -> Encoded[CalendarView]:
        """Return every claim to be seen within the span on resources that fit."""
        seen = {name: self._sight.where(**who) for name, who in _SEEN.items()}
        row = await self._tx.one(
            _VIEW.format(**seen),
            seer=self._sight.person_id,
            since=to_column(wanted.from_),
            until=end_to_column(wanted.to),
            branch=wanted.branch_id,
            types=orjson.dumps(wanted.resource_types).decode(),
        )
        resources, items = (row["resources"], row["items"]) if row else ("[]", "[]")
        return Encoded(
            f'{{"from":"{format_instant(wanted.from_)}","to":"{format_instant(wanted.to)}",'
            f'"resources":{resources},"items":{items}}}'.encode()
        )
