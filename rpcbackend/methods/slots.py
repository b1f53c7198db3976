"""Slots: when a lesson could be given, by whom and in what."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice, takewhile

from rpcbackend.context import Context
from rpcbackend.dispatch.registry import method
from rpcbackend.domain.lessons import HORIZON, check_move, check_student
from rpcbackend.domain.slots import Found, Search, find
from rpcbackend.domain.spans import Span, check_span
from rpcbackend.errors import (
    CursorInvalidError,
    InvalidParamsError,
    InvalidTransitionError,
    LimitExceededError,
    NotFoundError,
    PrerequisiteMissingError,
)
from rpcbackend.schema.claims import ResourceType
from rpcbackend.schema.slots import MAX_SEARCH_DAYS, SearchSlots, Slot, SlotPage
from rpcbackend.security.roles import Permission
from rpcbackend.store import Work
from rpcbackend.store.cursor import read_cursor, write_cursor

AREA = "lessons"
"""A slot is where a lesson may come, so its channel is one of theirs."""

_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Party:
    """All who are to take part."""

    zones: Mapping[str, str]
    """Of the instructors, by their ids."""
    vehicle_ids: Sequence[str] | None
    student_id: str | None
    lesson_id: str | None
    """What they are free of in any case."""

    def resources(self) -> dict[str, ResourceType]:
        """Return whose time is wanted."""
        resources = dict.fromkeys(self.zones, ResourceType.INSTRUCTOR)
        resources |= dict.fromkeys(self.vehicle_ids or (), ResourceType.VEHICLE)
        return resources | ({self.student_id: ResourceType.STUDENT} if self.student_id else {})


@method(
    "lessons.searchSlots",
    permission=Permission.LESSONS_SEARCH,
    cost="heavy",
    errors=(
        NotFoundError,
        PrerequisiteMissingError,
        InvalidTransitionError,
        LimitExceededError,
        CursorInvalidError,
    ),
)
async def search_slots(ctx: Context, params: SearchSlots) -> SlotPage:
    """Return when a lesson could be booked, or moved to: all who are to take part are free then.

    Every slot can be booked for the student that is named, and none that can be is left out: from
    7:00 to 21:00 on the clock of the instructor's branch, in steps from 7:00 on. Who is not active
    has no slots. An instructor finds his own, a student those at which he is free himself, whatever
    is driven.
    """
    check_span(params.from_, params.to, max_days=MAX_SEARCH_DAYS)
    _check_named(ctx, params)
    position = read_cursor(params.cursor, int, str) if params.cursor is not None else None
    after = (int(position[0]), str(position[1])) if position else (0, "")

    async def unit(work: Work) -> SlotPage:
        party = await _party(work, params)
        # Before now nothing can be booked, nor beyond the horizon, and before the cursor everything
        # was told.
        end = min(params.to, work.now + HORIZON)
        earliest = max(params.from_.timestamp(), work.now.timestamp(), after[0])
        start = datetime.fromtimestamp(min(earliest, end.timestamp()), UTC)
        found: list[Found] = []
        while start < end and len(found) <= params.limit:
            more = await _find_on(work, params, party, Span(start, end))
            new = (one for one in more if _position(one) > after)
            found += islice(new, params.limit + 1 - len(found))
            start += _DAY
        return _page(found, timedelta(minutes=params.duration_minutes), params.limit)

    return await ctx.read(unit)


def _check_named(ctx: Context, params: SearchSlots) -> None:
    """Check that the caller may learn of whom and what he names.

    Raises:
        ForbiddenError: He may not look at vehicles, or move lessons.
        ScopeMissingError: His API key does not read students, nor books lessons for them.
        InvalidParamsError: The lesson has its student.
    """
    if params.vehicle_ids is not None:
        ctx.check(Permission.VEHICLES_READ)
    if params.lesson_id is not None:
        ctx.check(Permission.LESSONS_RESCHEDULE)
        if params.student_id is not None:
            error = {"path": "studentId", "rule": "not_with_lessonId"}
            raise InvalidParamsError(details={"errors": [error]})
    # Whether he may be taught is told to who could see or book it.
    if params.student_id is not None and ctx.principal.reach(Permission.LESSONS_BOOK) is None:
        ctx.check(Permission.STUDENTS_READ)


async def _party(work: Work, params: SearchSlots) -> _Party:
    """Look up all who are to take part."""
    student_id, vehicle_ids = params.student_id or work.sight.student_id, params.vehicle_ids
    if params.lesson_id is not None:
        lesson = await work.lessons.require(params.lesson_id)
        check_move(lesson, work.now)
        student_id = lesson.student_id
        if vehicle_ids is None and lesson.vehicle_id is not None:
            vehicle_ids = (lesson.vehicle_id,)
    if student_id:
        check_student(await work.students.require(student_id))
    return _Party(
        zones=await work.instructors.zones(params.instructor_ids),
        vehicle_ids=None if vehicle_ids is None else await work.vehicles.in_service(vehicle_ids),
        student_id=student_id or None,
        lesson_id=params.lesson_id,
    )


async def _find_on(work: Work, params: SearchSlots, party: _Party, rest: Span) -> Iterator[Found]:
    """Return the slots that begin in the first day of what is left of the span.

    Day by day: who wants few slots, and all that is held in memory, costs a day or two.
    """
    length, until = timedelta(minutes=params.duration_minutes), rest.start + _DAY
    within = Span(rest.start, min(until + length, rest.end))
    busy = await work.claims.busy(party.resources(), within.start, within.end, but=party.lesson_id)
    search = Search(
        within=within,
        length=length,
        step=timedelta(minutes=params.step_minutes),
        zones=party.zones,
        vehicle_ids=party.vehicle_ids,
        student_id=party.student_id,
        busy={name: [Span(*pair) for pair in pairs] for name, pairs in busy.items()},
    )
    return takewhile(lambda one: one[0] < until, find(search))


def _page(found: Sequence[Found], length: timedelta, limit: int) -> SlotPage:
    return SlotPage(
        items=[
            Slot(
                starts_at=start,
                ends_at=start + length,
                instructor_id=instructor_id,
                vehicle_id=vehicle_id,
            )
            for start, instructor_id, vehicle_id in found[:limit]
        ],
        next_cursor=write_cursor(*_position(found[limit - 1])) if found[limit:] else None,
    )


def _position(found: Found) -> tuple[int, str]:
    start, instructor_id, _ = found
    return int(start.timestamp()), instructor_id
