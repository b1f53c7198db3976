"""Lessons: one student, one instructor, perhaps a vehicle, for a while."""

from enum import StrEnum
from typing import Annotated

from pydantic import Field

from rpcbackend.schema.base import (
    PERSONAL,
    BranchId,
    Cursor,
    Instant,
    InstructorId,
    Integer,
    LessonId,
    Limit,
    LocalSpan,
    Name,
    Params,
    StudentId,
    VehicleId,
    Version,
    WireModel,
    Zone,
)
from rpcbackend.schema.claims import Claim

MIN_MINUTES, MAX_MINUTES = 5, 600
"""No lesson is shorter than a wait at the lights; ten hours is a day's legal work in Germany."""

Minutes = Annotated[Integer, Field(ge=MIN_MINUTES, le=MAX_MINUTES)]


class LessonType(StrEnum):
    """What is practised."""

    NORMAL = "normal"
    COUNTRY = "country"
    MOTORWAY = "motorway"
    NIGHT = "night"
    EXAM_PREPARATION = "exam_preparation"


class LessonState(StrEnum):
    """Where a lesson stands; the last three hold no claim on anybody's time."""

    REQUESTED = "requested"
    BOOKED = "booked"
    CONFIRMED = "confirmed"
    IN_PROGRESS = "in_progress"
    COMPLETED = "completed"
    NO_SHOW = "no_show"
    DECLINED = "declined"
    EXPIRED = "expired"
    CANCELLED = "cancelled"


class CancelledBy(StrEnum):
    """On whose side the reason for a cancellation lies."""

    STUDENT = "student"
    INSTRUCTOR = "instructor"
    SCHOOL = "school"


class CancelCode(StrEnum):
    """Why a lesson was cancelled."""

    ILLNESS = "illness"
    WEATHER = "weather"
    VEHICLE = "vehicle"
    PERSONAL = "personal"
    MISTAKE = "mistake"
    OTHER = "other"


class Lesson(WireModel):
    """One lesson."""

    id: LessonId
    branch_id: BranchId
    student_id: StudentId
    instructor_id: InstructorId
    vehicle_id: VehicleId | None
    type: LessonType
    state: LessonState
    starts_at: Instant
    ends_at: Instant
    zone: Zone
    local: Annotated[LocalSpan, Field(description="The same span on the branch's wall clock.")]
    pickup: Annotated[Name | None, Field(json_schema_extra=PERSONAL)]
    dropoff: Annotated[Name | None, Field(json_schema_extra=PERSONAL)]
    cancelled_by: CancelledBy | None
    cancel_code: CancelCode | None
    cancelled_at: Instant | None
    version: Version


class BookLesson(Params):
    """Params of lessons.book."""

    student_id: StudentId
    instructor_id: InstructorId
    vehicle_id: VehicleId | None = None
    starts_at: Annotated[Instant, Field(description="On a whole minute, not in the past.")]
    duration_minutes: Minutes
    type: LessonType = LessonType.NORMAL
    pickup: Annotated[Name | None, Field(json_schema_extra=PERSONAL)] = None
    dropoff: Annotated[Name | None, Field(json_schema_extra=PERSONAL)] = None


class LessonView(WireModel):
    """A lesson and the time it claims of others."""

    lesson: Lesson
    claims: list[Claim]


class GetLesson(Params):
    """Params of lessons.get."""

    lesson_id: LessonId


class ListLessons(Params):
    """Params of lessons.list: the filters narrow each other."""

    from_: Annotated[
        Instant | None, Field(alias="from", description="Lessons that end after this.")
    ] = None
    to: Annotated[Instant | None, Field(description="Lessons that start before this.")] = None
    student_id: StudentId | None = None
    instructor_id: InstructorId | None = None
    vehicle_id: VehicleId | None = None
    branch_id: BranchId | None = None
    state: LessonState | None = None
    limit: Limit = 50
    cursor: Cursor | None = None


class LessonPage(WireModel):
    """Lessons by start."""

    items: list[Lesson]
    next_cursor: Cursor | None


class RescheduleLesson(Params):
    """Params of lessons.reschedule: what is left out stays as it is."""

    lesson_id: LessonId
    expected_version: Version | None = None
    starts_at: Annotated[
        Instant | None, Field(description="On a whole minute, not in the past.")
    ] = None
    duration_minutes: Minutes | None = None
    instructor_id: InstructorId | None = None
    vehicle_id: Annotated[VehicleId | None, Field(description="null takes the vehicle away.")] = (
        None
    )


class CancelLesson(Params):
    """Params of lessons.cancel."""

    lesson_id: LessonId
    by: CancelledBy
    reason_code: CancelCode
    expected_version: Version | None = None


class CancelledLesson(WireModel):
    """What lessons.cancel answers."""

    lesson: Lesson
