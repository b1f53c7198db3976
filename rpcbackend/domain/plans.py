"""How a lesson is to be: what a booking asks for, and what a move leaves as it is."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from rpcbackend.schema.lessons import BookLesson, Lesson, LessonType, RescheduleLesson


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """A lesson as somebody wants it to be."""

    branch_id: str | None
    """None is that of the instructor."""
    student_id: str
    instructor_id: str
    vehicle_id: str | None
    starts_at: datetime
    ends_at: datetime
    type: LessonType
    pickup: str | None
    dropoff: str | None


def planned(wanted: BookLesson) -> Plan:
    """Return the plan of a booking."""
    return Plan(
        branch_id=None,
        student_id=wanted.student_id,
        instructor_id=wanted.instructor_id,
        vehicle_id=wanted.vehicle_id,
        starts_at=wanted.starts_at,
        ends_at=wanted.starts_at + timedelta(minutes=wanted.duration_minutes),
        type=wanted.type,
        pickup=wanted.pickup,
        dropoff=wanted.dropoff,
    )


def moved(old: Lesson, change: RescheduleLesson) -> Plan:
    """Return the plan of a lesson that is changed: what is left out stays as it is."""
    starts_at = change.starts_at or old.starts_at
    length = old.ends_at - old.starts_at
    if change.duration_minutes is not None:
        length = timedelta(minutes=change.duration_minutes)
    has_vehicle = "vehicle_id" in change.model_fields_set
    instructor_id = change.instructor_id or old.instructor_id
    return Plan(
        # An instructor may have gone to another branch meanwhile, and taken no lesson with him.
        branch_id=old.branch_id if instructor_id == old.instructor_id else None,
        student_id=old.student_id,
        instructor_id=instructor_id,
        vehicle_id=change.vehicle_id if has_vehicle else old.vehicle_id,
        starts_at=starts_at,
        ends_at=starts_at + length,
        type=old.type,
        pickup=old.pickup,
        dropoff=old.dropoff,
    )


def names_change(change: RescheduleLesson) -> bool:
    """Tell whether there is anything that is to be another."""
    return "vehicle_id" in change.model_fields_set or any(
        each is not None
        for each in (change.starts_at, change.duration_minutes, change.instructor_id)
    )


def takes_same(plan: Plan, old: Lesson) -> bool:
    """Tell whether the lesson takes the time of whom it has taken it so far."""
    return (plan.instructor_id, plan.vehicle_id) == (old.instructor_id, old.vehicle_id)


def stays(plan: Plan, old: Lesson) -> bool:
    """Tell whether the plan is how the lesson is already."""
    same_time = (plan.starts_at, plan.ends_at) == (old.starts_at, old.ends_at)
    return same_time and takes_same(plan, old)
