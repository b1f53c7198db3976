"""Slots: when a lesson could be given, by whom and in what."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from itertools import dropwhile, islice

from rpcbackend.context import Context
from rpcbackend.dispatch.registry import method
from rpcbackend.domain.lessons import check_student, may_be_driven, may_teach
from rpcbackend.domain.slots import Found, Search, find
from rpcbackend.domain.spans import Span, check_span
from rpcbackend.errors import (
    CursorInvalidError,
    LimitExceededError,
    NotFoundError,
    PrerequisiteMissingError,
)
from rpcbackend.schema.branches import BranchPage
from rpcbackend.schema.claims import ResourceType
from rpcbackend.schema.instructors import Instructor, InstructorPage, ListInstructors
from rpcbackend.schema.slots import MAX_SEARCH_DAYS, SearchSlots, Slot, SlotPage
from rpcbackend.security.roles import Permission
from rpcbackend.store import Work
from rpcbackend.store.cursor import read_cursor, write_cursor

AREA = "lessons"
"""A slot is where a lesson may come, so its channel is one of theirs."""


@method(
    "lessons.searchSlots",
    permission=Permission.LESSONS_READ,
    errors=(NotFoundError, PrerequisiteMissingError, LimitExceededError, CursorInvalidError),
)
async def search_slots(ctx: Context, params: SearchSlots) -> SlotPage:
    """Return when a lesson could be booked: all who are to take part are free then.

    Every slot can be booked for the student that is named, and none that can be is left out: from
    7:00 to 21:00 on the clock of the instructor's branch, in steps from 7:00 on. Who is not active
    has no slots. An instructor finds his own, a student those at which he is free himself.
    """
    check_span(params.from_, params.to, max_days=MAX_SEARCH_DAYS)
    position = read_cursor(params.cursor, int, str) if params.cursor is not None else None
    after = (int(position[0]), str(position[1])) if position else (0, "")

    async def unit(work: Work) -> SlotPage:
        # Before now nothing can be booked, and before the cursor everything was told.
        earliest = max(params.from_.timestamp(), work.now.timestamp(), after[0])
        start = datetime.fromtimestamp(min(earliest, params.to.timestamp()), UTC)
        search = await _search(work, params, Span(start, params.to))
        told = dropwhile(lambda found: _position(found) <= after, find(search))
        return _page(list(islice(told, params.limit + 1)), search.length, params.limit)

    return await ctx.read(unit)


async def _search(work: Work, params: SearchSlots, within: Span) -> Search:
    """Look up all who are to take part, and when they are busy."""
    student_id = params.student_id or work.sight.student_id
    if student_id:
        check_student(await work.students.require(student_id))
    branches = BranchPage.model_validate_json((await work.branches.list()).json).items
    zones = {branch.id: branch.zone for branch in branches}
    teachers = await _teachers(work, params.instructor_ids)
    vehicle_ids = await _drivable(work, params.vehicle_ids)
    resources = dict.fromkeys((each.id for each in teachers), ResourceType.INSTRUCTOR)
    resources |= dict.fromkeys(vehicle_ids or (), ResourceType.VEHICLE)
    resources |= {student_id: ResourceType.STUDENT} if student_id else {}
    busy = await work.claims.busy(resources, within.start, within.end)
    return Search(
        within=within,
        length=timedelta(minutes=params.duration_minutes),
        step=timedelta(minutes=params.step_minutes),
        zones={each.id: zones[each.branch_id] for each in teachers},
        vehicle_ids=vehicle_ids,
        student_id=student_id or None,
        busy={name: [Span(*pair) for pair in pairs] for name, pairs in busy.items()},
    )


async def _teachers(work: Work, wanted: Iterable[str] | None) -> list[Instructor]:
    if wanted is None:
        page = await work.instructors.list(ListInstructors())
        known = InstructorPage.model_validate_json(page.json).items
    else:
        known = [await work.instructors.require(each) for each in dict.fromkeys(wanted)]
    return [each for each in known if may_teach(each)]


async def _drivable(work: Work, wanted: Iterable[str] | None) -> list[str] | None:
    if wanted is None:
        return None
    known = [await work.vehicles.require(each) for each in dict.fromkeys(wanted)]
    return [each.id for each in known if may_be_driven(each)]


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
