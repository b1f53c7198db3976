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

# For each resource one seek for the claim that may reach into the span from before, then a scan of
# the claims that start in it.
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
items AS (
  SELECT json_object(
    'resourceType', claim.resource_type, 'resourceId', claim.resource_id,
    'startsAt', {instant("claim.starts_at")}, 'endsAt', {instant("claim.ends_at")},
    'ownerType', claim.owner_type, 'ownerId', claim.owner_id,
    'zone', lesson.zone,
    'local', iif(lesson.id IS NULL, NULL,
      json_object('start', lesson.local_start, 'end', lesson.local_end)),
    'lesson', iif(lesson.id IS NULL, NULL, json_object(
      'id', lesson.id, 'state', lesson.state, 'type', lesson.type,
      'studentId', lesson.student_id,
      'studentName', student.given_name || ' ' || student.family_name,
      'instructorId', lesson.instructor_id, 'vehicleId', lesson.vehicle_id))
  ) AS json, claim.starts_at AS starts_at, resources.name AS name
  FROM resources
  CROSS JOIN resource_claims AS claim
    ON claim.school_id = :school AND claim.resource_type = resources.type
   AND claim.resource_id = resources.id AND claim.starts_at < :until
   AND claim.starts_at >= coalesce((
     SELECT max(starts_at) FROM resource_claims AS before
     WHERE before.school_id = :school AND before.resource_type = resources.type
       AND before.resource_id = resources.id AND before.starts_at <= :since), :since)
   AND claim.ends_at > :since
  LEFT JOIN lessons AS lesson
    ON claim.owner_type = 'lesson' AND lesson.school_id = :school AND lesson.id = claim.owner_id
  LEFT JOIN students AS student
    ON student.school_id = :school AND student.id = lesson.student_id
  WHERE {{claims}}
)
SELECT
  (SELECT coalesce(json_group_array(json_object('type', type, 'id', id, 'name', name)), '[]')
   FROM (SELECT * FROM resources ORDER BY type, name, id) AS sorted) AS resources,
  (SELECT coalesce(json_group_array(json(json)), '[]')
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
