"""The calendar: everything that is busy within a span, ready to draw."""

from typing import Annotated

from pydantic import Field

from rpcbackend.schema.base import (
    PERSONAL,
    BranchId,
    Instant,
    InstructorId,
    LessonId,
    LocalSpan,
    Params,
    StudentId,
    VehicleId,
    WireModel,
    Zone,
)
from rpcbackend.schema.claims import OwnerType, ResourceType
from rpcbackend.schema.lessons import LessonState, LessonType

MAX_DAYS = 62
"""Two months: the longest view that a screen draws."""


class ViewCalendar(Params):
    """Params of calendar.view."""

    from_: Annotated[Instant, Field(alias="from")]
    to: Annotated[Instant, Field(description=f"At most {MAX_DAYS} days later.")]
    branch_id: BranchId | None = None
    resource_types: Annotated[
        tuple[ResourceType, ...],
        Field(min_length=1, max_length=4, description="Whose time to show."),
    ] = (ResourceType.INSTRUCTOR,)


class CalendarResource(WireModel):
    """One row or column of the calendar."""

    type: ResourceType
    id: str
    name: Annotated[str, Field(json_schema_extra=PERSONAL)]


class CalendarLesson(WireModel):
    """What the calendar shows of a lesson."""

    id: LessonId
    state: LessonState
    type: LessonType
    student_id: StudentId
    student_name: Annotated[str, Field(json_schema_extra=PERSONAL)]
    instructor_id: InstructorId
    vehicle_id: VehicleId | None


class CalendarItem(WireModel):
    """One claim on a resource."""

    resource_type: ResourceType
    resource_id: str
    starts_at: Instant
    ends_at: Instant
    owner_type: OwnerType
    owner_id: str
    zone: Zone | None
    local: LocalSpan | None
    lesson: CalendarLesson | None


class CalendarView(WireModel):
    """What calendar.view answers."""

    from_: Annotated[Instant, Field(alias="from")]
    to: Instant
    resources: Annotated[list[CalendarResource], Field(description="By name; idle ones too.")]
    items: Annotated[list[CalendarItem], Field(description="By start.")]
