"""Slots: when a lesson could be given, and by whom."""

from typing import Annotated

from pydantic import Field

from rpcbackend.schema.base import (
    Cursor,
    Instant,
    InstructorId,
    Integer,
    LessonId,
    Params,
    StudentId,
    VehicleId,
    WireModel,
)
from rpcbackend.schema.lessons import MAX_MINUTES, Minutes

MAX_SEARCH_DAYS = 31
"""Nobody plans in quarters of an hour beyond a month."""

MAX_SLOTS = 500


class SearchSlots(Params):
    """Params of lessons.searchSlots."""

    from_: Annotated[Instant, Field(alias="from", description="No slot begins before it, or now.")]
    to: Annotated[
        Instant, Field(description=f"No slot ends after it; at most {MAX_SEARCH_DAYS} days later.")
    ]
    duration_minutes: Minutes
    lesson_id: Annotated[
        LessonId | None,
        Field(
            description="A lesson to be moved: for its student, with its own time not in the way,"
            " and in its vehicle unless vehicleIds names others."
        ),
    ] = None
    student_id: Annotated[
        StudentId | None,
        Field(description="Who has to be free, without a lessonId; a student himself, always."),
    ] = None
    instructor_ids: Annotated[
        Annotated[tuple[InstructorId, ...], Field(min_length=1, max_length=200)] | None,
        Field(description="Who may teach; left out: all that the caller sees."),
    ] = None
    vehicle_ids: Annotated[
        Annotated[tuple[VehicleId, ...], Field(min_length=1, max_length=200)] | None,
        Field(description="What may be driven, the preferred first; left out: none is needed."),
    ] = None
    step_minutes: Annotated[
        Integer,
        Field(ge=5, le=MAX_MINUTES, description="From start to start, from 7:00 local time on."),
    ] = 15
    limit: Annotated[Integer, Field(ge=1, le=MAX_SLOTS)] = 50
    cursor: Cursor | None = None


class Slot(WireModel):
    """When all who are to take part are free; lessons.book takes it as it is."""

    starts_at: Instant
    ends_at: Instant
    instructor_id: InstructorId
    vehicle_id: Annotated[
        VehicleId | None, Field(description="The first of the wanted ones that is free.")
    ]


class SlotPage(WireModel):
    """Slots by start, then by instructor."""

    items: list[Slot]
    next_cursor: Cursor | None
