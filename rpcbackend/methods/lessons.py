"""Lessons: book, look up, move, cancel."""

from collections.abc import Collection
from dataclasses import replace
from typing import Any

from rpcbackend.context import Context
from rpcbackend.dispatch.kept import Kept
from rpcbackend.dispatch.registry import method
from rpcbackend.domain import lessons, plans, slots
from rpcbackend.domain.spans import Span
from rpcbackend.domain.versions import next_version
from rpcbackend.domain.zones import local_span
from rpcbackend.errors import (
    CursorInvalidError,
    ForbiddenError,
    InstructorConflictError,
    InvalidParamsError,
    InvalidTransitionError,
    NotFoundError,
    OutsideHorizonError,
    PrerequisiteMissingError,
    StudentConflictError,
    TimeInPastError,
    TimeNotOnGridError,
    VehicleConflictError,
    VehicleUnfitError,
    VersionConflictError,
)
from rpcbackend.notices.lessons import Party, tell_booked, tell_cancelled, tell_moved
from rpcbackend.schema.base import Encoded
from rpcbackend.schema.claims import Claim, OwnerType
from rpcbackend.schema.lessons import (
    BookLesson,
    CancelledBy,
    CancelledLesson,
    CancelLesson,
    GetLesson,
    Lesson,
    LessonPage,
    LessonState,
    LessonView,
    ListLessons,
    RescheduleLesson,
)
from rpcbackend.schema.vehicles import Vehicle
from rpcbackend.security.roles import Permission
from rpcbackend.store import Sight, Work

_CANNOT_BE = (
    OutsideHorizonError,
    TimeInPastError,
    TimeNotOnGridError,
    InstructorConflictError,
    VehicleConflictError,
    StudentConflictError,
    PrerequisiteMissingError,
    VehicleUnfitError,
)
"""Why no lesson can be at a place and time, for whoever books one or moves it."""


@method(
    "lessons.book",
    permission=Permission.LESSONS_BOOK,
    kind="command",
    errors=(
        NotFoundError,
        *_CANNOT_BE,
    ),
    events=("lessons.booked",),
)
async def book(ctx: Context, params: BookLesson) -> LessonView:
    """Book a lesson and claim the time of all who take part, or refuse and say why.

    A refusal for a taken time names what is in the way, as far as the caller may know it, and the
    nearest free times of that day. An instructor books himself alone. The student is reminded.
    """

    async def unit(work: Work) -> LessonView:
        if not work.sight.is_whole and params.instructor_id != work.sight.instructor_id:
            raise NotFoundError.of("instructor", params.instructor_id)
        party = await _plan(work, plans.planned(params), work.new_id("les"))
        lesson = party.lesson
        claims = await _claim(work, lesson)
        await work.together(
            work.lessons.add(lesson),
            _record(work, "lessons.booked", lesson),
            tell_booked(work, party),
        )
        return LessonView(lesson=lesson, claims=claims)

    return await ctx.write(unit)


@method(
    "lessons.reschedule",
    permission=Permission.LESSONS_RESCHEDULE,
    kind="command",
    errors=(
        NotFoundError,
        VersionConflictError,
        InvalidTransitionError,
        *_CANNOT_BE,
    ),
    events=("lessons.rescheduled", "messages.queued", "messages.cancelled"),
)
async def reschedule(ctx: Context, params: RescheduleLesson) -> LessonView:
    """Move a lesson that has not begun to another time, instructor or vehicle, or say why not.

    It stays the same lesson. Its old time is never in its own way, and is kept when it is refused.
    An instructor moves his own lessons and keeps them. One that is there already is only answered.
    The student is told, and reminded of the new time alone.
    """
    if not plans.names_change(params):
        raise InvalidParamsError(details={"errors": [{"path": "startsAt", "rule": "missing"}]})

    async def unit(work: Work) -> LessonView:
        old = await work.lessons.require(params.lesson_id)
        plan = plans.moved(old, params)
        if not work.sight.is_whole and plan.instructor_id != old.instructor_id:
            raise NotFoundError.of("instructor", plan.instructor_id)
        version = next_version(old, params.expected_version)
        lessons.check_move(old, work.now)
        if plans.stays(plan, old):
            return await _view(work, old)
        party = await _plan(work, plan, old.id)
        lesson = party.lesson.model_copy(update={"state": old.state, "version": version})
        await work.claims.release(OwnerType.LESSON, old.id)
        present = Span(old.starts_at, old.ends_at) if plans.takes_same(plan, old) else None
        claims = await _claim(work, lesson, present)
        await work.lessons.put(lesson)
        await _record(work, "lessons.rescheduled", lesson, previous=lessons.place_of(old))
        await tell_moved(work, old, replace(party, lesson=lesson))
        return LessonView(lesson=lesson, claims=claims)

    return await ctx.write(unit)


@method(
    "lessons.get",
    permission=Permission.LESSONS_READ,
    errors=(NotFoundError,),
    kept=Kept("lesson:{lesson_id}"),
)
async def get(ctx: Context, params: GetLesson) -> LessonView:
    """Return a lesson and the time it claims."""

    async def unit(work: Work) -> LessonView:
        return await _view(work, await work.lessons.require(params.lesson_id))

    return await ctx.read(unit)


async def _view(work: Work, lesson: Lesson) -> LessonView:
    claims = await work.claims.of_owner(OwnerType.LESSON, lesson.id)
    return LessonView(lesson=lesson, claims=claims)


@method(
    "lessons.list",
    permission=Permission.LESSONS_READ,
    errors=(CursorInvalidError,),
    kept=Kept("lessons"),
)
async def list_page(ctx: Context, params: ListLessons) -> Encoded[LessonPage]:
    """Return a page of the lessons that fit, by start."""
    return await ctx.read(lambda work: work.lessons.list(params))


@method(
    "lessons.cancel",
    permission=Permission.LESSONS_CANCEL,
    kind="command",
    errors=(NotFoundError, ForbiddenError, VersionConflictError, InvalidTransitionError),
    events=("lessons.cancelled", "messages.queued", "messages.cancelled"),
)
async def cancel(ctx: Context, params: CancelLesson) -> CancelledLesson:
    """Cancel a lesson that has not begun and give its time back.

    Cancelling twice answers what the first time answered. A student cancels only on his own side,
    an instructor on his or the student's. A student on whose side it is not is told.
    """

    async def unit(work: Work) -> CancelledLesson:
        old = await work.lessons.require(params.lesson_id)
        if params.by not in _sides_of(work.sight):
            raise ForbiddenError("A lesson is cancelled on one's own side, or by the office.")
        if old.state is LessonState.CANCELLED:
            return CancelledLesson(lesson=old)
        version = next_version(old, params.expected_version)
        lessons.check_cancel(old, work.now)
        lesson = old.model_copy(
            update={
                "state": LessonState.CANCELLED,
                "cancelled_by": params.by,
                "cancel_code": params.reason_code,
                "cancelled_at": work.now.replace(microsecond=0),
                "version": version,
            }
        )
        await work.lessons.put(lesson)
        await work.claims.release(OwnerType.LESSON, lesson.id)
        await _record(work, "lessons.cancelled", lesson)
        await tell_cancelled(work, lesson)
        return CancelledLesson(lesson=lesson)

    return await ctx.write(unit)


def _sides_of(sight: Sight) -> Collection[CancelledBy]:
    if sight.is_whole:
        return tuple(CancelledBy)
    if sight.instructor_id:
        return (CancelledBy.INSTRUCTOR, CancelledBy.STUDENT)
    return (CancelledBy.STUDENT,)


async def _plan(work: Work, plan: plans.Plan, lesson_id: str) -> Party:
    """Make the lesson as it would be, once all who take part are found and fit."""
    lessons.check_span(plan.starts_at, plan.ends_at, work.now)
    student, instructor, vehicle = await work.together(
        work.students.require(plan.student_id),
        work.instructors.require(plan.instructor_id),
        _vehicle(work, plan.vehicle_id),
    )
    lessons.check_fit(student, instructor, vehicle)
    branch = await work.branches.require(plan.branch_id or instructor.branch_id)
    lesson = Lesson(
        id=lesson_id,
        branch_id=branch.id,
        student_id=student.id,
        instructor_id=instructor.id,
        vehicle_id=plan.vehicle_id,
        type=plan.type,
        state=LessonState.BOOKED,
        starts_at=plan.starts_at,
        ends_at=plan.ends_at,
        zone=branch.zone,
        local=local_span(plan.starts_at, plan.ends_at, branch.zone),
        pickup=plan.pickup,
        dropoff=plan.dropoff,
        cancelled_by=None,
        cancel_code=None,
        cancelled_at=None,
        version=1,
    )
    return Party(lesson, student, instructor, branch)


async def _vehicle(work: Work, vehicle_id: str | None) -> Vehicle | None:
    return await work.vehicles.require(vehicle_id) if vehicle_id else None


async def _claim(work: Work, lesson: Lesson, present: Span | None = None) -> list[Claim]:
    """Claim the time of all who take part, or refuse and say why; *present* is no alternative."""
    claims = lessons.claims_of(lesson)
    conflicts = await work.claims.take_if_free(claims)
    if not conflicts:
        return claims
    wanted = Span(lesson.starts_at, lesson.ends_at)
    window = slots.search_window(wanted, lesson.zone, work.now)
    resources = {claim.resource_id: claim.resource_type for claim in claims}
    busy = await work.claims.busy(resources, window.start, window.end) if window else {}
    spans = [Span(*pair) for pairs in busy.values() for pair in pairs]
    raise lessons.refuse_overlap(wanted, conflicts, spans, window, work.now, present=present)


async def _record(work: Work, event: str, lesson: Lesson, **more: Any) -> None:
    aggregate = ("lesson", lesson.id, lesson.version)
    await work.record(event, aggregate, lessons.event_data(lesson) | more)
