"""What may be booked and cancelled, and how a refusal explains itself."""

from collections.abc import Sequence
from datetime import datetime, time

from rpcbackend.domain.spans import Span, nearest_free
from rpcbackend.domain.zones import local_hours
from rpcbackend.errors import (
    InstructorConflictError,
    InvalidTransitionError,
    PrerequisiteMissingError,
    RoomConflictError,
    RpcError,
    StudentConflictError,
    TimeInPastError,
    TimeNotOnGridError,
    VehicleConflictError,
    VehicleUnfitError,
)
from rpcbackend.schema.base import format_instant
from rpcbackend.schema.claims import Busy, Claim, OwnerType, ResourceType
from rpcbackend.schema.instructors import Instructor, InstructorState
from rpcbackend.schema.lessons import Lesson, LessonState
from rpcbackend.schema.students import Student, StudentState
from rpcbackend.schema.vehicles import Vehicle, VehicleState

DAY_OPENS, DAY_CLOSES = time(7), time(21)
"""Alternatives are looked for in these local hours: nobody wants to be offered a lesson at 3 am."""

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

CANCELLABLE = frozenset({LessonState.REQUESTED, LessonState.BOOKED, LessonState.CONFIRMED})

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


def check_start(starts_at: datetime, now: datetime) -> None:
    """Check that a lesson may start then.

    Raises:
        TimeNotOnGridError: Not on a whole minute.
        TimeInPastError: Before now.
    """
    if starts_at.second or starts_at.microsecond:
        raise TimeNotOnGridError(details={"field": "startsAt"})
    if starts_at < now:
        raise TimeInPastError(details={"field": "startsAt", "now": format_instant(now)})


def check_fit(student: Student, instructor: Instructor, vehicle: Vehicle | None) -> None:
    """Check that all three may take part in a lesson at all.

    Raises:
        PrerequisiteMissingError: The student or the instructor is not active.
        VehicleUnfitError: The vehicle is in the workshop or retired.
    """
    if student.state is not StudentState.ACTIVE:
        raise PrerequisiteMissingError(
            f"The student is {student.state}; make him active first.",
            details={"rule": "student.active", "studentId": student.id, "state": student.state},
        )
    if instructor.state is not InstructorState.ACTIVE:
        raise PrerequisiteMissingError(
            "The instructor is not active.",
            details={"rule": "instructor.active", "instructorId": instructor.id},
        )
    if vehicle is not None and vehicle.state is not VehicleState.ACTIVE:
        raise VehicleUnfitError(
            _UNFIT[vehicle.state],
            details={"rule": "K9", "vehicleId": vehicle.id, "state": vehicle.state},
        )


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


def search_window(wanted: Span, zone: str, now: datetime) -> Span | None:
    """Return the part of the wanted local day in which an alternative may lie, if any is left."""
    opens, closes = local_hours(wanted.start, zone, DAY_OPENS, DAY_CLOSES)
    # Whole minutes only: `now` is seldom on the grid.
    earliest = max(opens, now.replace(second=0, microsecond=0))
    return Span(earliest, closes) if earliest < closes else None


def refuse_overlap(
    wanted: Span,
    conflicts: Sequence[Busy],
    busy: Sequence[Claim],
    window: Span | None,
    now: datetime,
) -> RpcError:
    """Make the error that says who is busy, with what, and what would be free instead (rule K1).

    Args:
        wanted: The span asked for.
        conflicts: The claims in its way as far as the caller may know them, at least one.
        busy: All claims of the same resources within *window*.
        window: Where to look for alternatives.
        now: No alternative lies before it.
    """
    first = min(conflicts, key=lambda claim: list(ResourceType).index(claim.resource_type))
    free = nearest_free(wanted, [span_of(claim) for claim in busy], window) if window else []
    return _CONFLICT[first.resource_type](
        details={
            "rule": "K1",
            "conflicts": [claim.model_dump(mode="json") for claim in conflicts],
            "alternatives": [
                {"startsAt": format_instant(span.start), "endsAt": format_instant(span.end)}
                for span in free
                if span.start >= now
            ],
        }
    )


def span_of(claim: Claim) -> Span:
    """Return when the claim holds."""
    return Span(claim.starts_at, claim.ends_at)


def check_cancel(lesson: Lesson, now: datetime) -> None:
    """Check that a lesson that is not cancelled yet can be.

    Raises:
        InvalidTransitionError: It has begun (use no-show or complete) or is over.
    """
    if lesson.state not in CANCELLABLE or lesson.starts_at <= now:
        raise InvalidTransitionError(
            "Only a lesson that has not begun can be cancelled.",
            details={"from": lesson.state, "to": LessonState.CANCELLED, "allowed": []},
        )
