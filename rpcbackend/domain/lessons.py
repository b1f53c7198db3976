"""What may be booked, moved and cancelled, and how a refusal explains itself."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from rpcbackend.domain.spans import Span, nearest_free
from rpcbackend.errors import (
    InstructorConflictError,
    InvalidTransitionError,
    OutsideHorizonError,
    PrerequisiteMissingError,
    RoomConflictError,
    StudentConflictError,
    TimeInPastError,
    TimeNotOnGridError,
    VehicleConflictError,
    VehicleUnfitError,
)
from rpcbackend.rpc_error import RpcError
from rpcbackend.schema.base import format_instant
from rpcbackend.schema.claims import Busy, Claim, OwnerType, ResourceType
from rpcbackend.schema.instructors import Instructor, InstructorState
from rpcbackend.schema.lessons import Lesson, LessonState
from rpcbackend.schema.students import Student, StudentState
from rpcbackend.schema.vehicles import Vehicle, VehicleState

CLAIMING = frozenset(
    {
        LessonState.REQUESTED,
        LessonState.BOOKED,
        LessonState.CONFIRMED,
        LessonState.IN_PROGRESS,
        LessonState.COMPLETED,
        LessonState.NO_SHOW,
    }
)
"""States in which a lesson holds its claims (domain section 2.3)."""

AHEAD = frozenset({LessonState.REQUESTED, LessonState.BOOKED, LessonState.CONFIRMED})
"""States in which a lesson can still be moved or cancelled."""

_CONFLICT: dict[ResourceType, type[RpcError]] = {
    ResourceType.INSTRUCTOR: InstructorConflictError,
    ResourceType.VEHICLE: VehicleConflictError,
    ResourceType.STUDENT: StudentConflictError,
    ResourceType.ROOM: RoomConflictError,
}

_UNFIT = {
    VehicleState.WORKSHOP: "The vehicle is in the workshop.",
    VehicleState.RETIRED: "The vehicle is retired.",
}


HORIZON = timedelta(days=3_653)
"""How far ahead a lesson may end, elapsed: ten years catch a slip in the year (rule K13)."""


def check_span(starts_at: datetime, ends_at: datetime, now: datetime) -> None:
    """Check that a lesson may be then.

    Raises:
        TimeNotOnGridError: Not on a whole minute.
        TimeInPastError: Before now.
        OutsideHorizonError: It ends too far ahead.
    """
    if starts_at.second or starts_at.microsecond:
        raise TimeNotOnGridError(details={"field": "startsAt"})
    if starts_at < now:
        raise TimeInPastError(details={"field": "startsAt", "now": format_instant(now)})
    if ends_at > now + HORIZON:
        raise OutsideHorizonError(details={"field": "startsAt", "maxDays": HORIZON.days})


def check_fit(student: Student, instructor: Instructor, vehicle: Vehicle | None) -> None:
    """Check that all three may take part in a lesson at all.

    Raises:
        PrerequisiteMissingError: The student or the instructor is not active.
        VehicleUnfitError: The vehicle is in the workshop or retired.
    """
    check_student(student)
    if not may_teach(instructor):
        raise PrerequisiteMissingError(
            "The instructor is not active.",
            details={"rule": "instructor.active", "instructorId": instructor.id},
        )
    if vehicle is not None and not may_be_driven(vehicle):
        raise VehicleUnfitError(
            _UNFIT[vehicle.state],
            details={"rule": "K9", "vehicleId": vehicle.id, "state": vehicle.state},
        )


def check_student(student: Student) -> None:
    """Check that the student may take part in a lesson at all.

    Raises:
        PrerequisiteMissingError: He is not active.
    """
    if student.state is not StudentState.ACTIVE:
        raise PrerequisiteMissingError(
            f"The student is {student.state}; make him active first.",
            details={"rule": "student.active", "studentId": student.id, "state": student.state},
        )


def may_teach(instructor: Instructor) -> bool:
    """Tell whether the instructor may take part in a lesson at all."""
    return instructor.state is InstructorState.ACTIVE


def may_be_driven(vehicle: Vehicle) -> bool:
    """Tell whether the vehicle may take part in a lesson at all."""
    return vehicle.state is VehicleState.ACTIVE


def claims_of(lesson: Lesson) -> list[Claim]:
    """List the time that a lesson takes of its instructor, vehicle and student."""
    resources = [
        (ResourceType.INSTRUCTOR, lesson.instructor_id),
        (ResourceType.VEHICLE, lesson.vehicle_id),
        (ResourceType.STUDENT, lesson.student_id),
    ]
    return [
        Claim(
            resource_type=resource_type,
            resource_id=resource_id,
            starts_at=lesson.starts_at,
            ends_at=lesson.ends_at,
            owner_type=OwnerType.LESSON,
            owner_id=lesson.id,
        )
        for resource_type, resource_id in resources
        if resource_id is not None
    ]


def refuse_overlap(
    wanted: Span,
    conflicts: Sequence[Busy],
    busy: Sequence[Span],
    window: Span | None,
    now: datetime,
    *,
    present: Span | None = None,
) -> RpcError:
    """Make the error that says who is busy, with what, and what would be free instead (rule K1).

    Args:
        wanted: The span asked for.
        conflicts: The claims in its way as far as the caller may know them, at least one.
        busy: When the same resources are busy within *window*.
        window: Where to look for alternatives.
        now: No alternative lies before it.
        present: Where the lesson is, which would be no alternative to it.
    """
    first = min(conflicts, key=lambda claim: list(ResourceType).index(claim.resource_type))
    free = nearest_free(wanted, busy, window) if window else []
    return _CONFLICT[first.resource_type](
        details={
            "rule": "K1",
            "conflicts": [claim.model_dump(mode="json") for claim in conflicts],
            "alternatives": [
                {"startsAt": format_instant(span.start), "endsAt": format_instant(span.end)}
                for span in free
                if span.start >= now and span != present
            ],
        }
    )


def event_data(lesson: Lesson) -> dict[str, Any]:
    """Return what events tell of a lesson: ids and times."""
    return {
        "lessonId": lesson.id,
        "studentId": lesson.student_id,
        "state": lesson.state,
        **place_of(lesson),
    }


def place_of(lesson: Lesson) -> dict[str, Any]:
    """Return where in the calendar a lesson is: what a move changes."""
    return {
        "branchId": lesson.branch_id,
        "instructorId": lesson.instructor_id,
        "vehicleId": lesson.vehicle_id,
        "startsAt": format_instant(lesson.starts_at),
        "endsAt": format_instant(lesson.ends_at),
    }


def check_move(lesson: Lesson, now: datetime) -> None:
    """Check that a lesson can be moved.

    Raises:
        InvalidTransitionError: It has begun, or is over or cancelled.
    """
    if not is_ahead(lesson, now):
        raise InvalidTransitionError(
            "Only a lesson that has not begun can be moved.",
            details={"from": lesson.state, "startsAt": format_instant(lesson.starts_at)},
        )


def check_cancel(lesson: Lesson, now: datetime) -> None:
    """Check that a lesson that is not cancelled yet can be.

    Raises:
        InvalidTransitionError: It has begun (use no-show or complete) or is over.
    """
    if not is_ahead(lesson, now):
        raise InvalidTransitionError(
            "Only a lesson that has not begun can be cancelled.",
            details={"from": lesson.state, "to": LessonState.CANCELLED, "allowed": []},
        )


def is_ahead(lesson: Lesson, now: datetime) -> bool:
    """Tell whether a lesson is still to come."""
    return lesson.state in AHEAD and lesson.starts_at > now
