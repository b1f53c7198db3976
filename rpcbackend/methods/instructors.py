"""Instructors: list and save."""

from rpcbackend.context import Context
from rpcbackend.dispatch.kept import Kept
from rpcbackend.dispatch.registry import method
from rpcbackend.domain.versions import next_version
from rpcbackend.errors import InUseError, NotFoundError, VersionConflictError
from rpcbackend.schema.base import Encoded
from rpcbackend.schema.instructors import (
    Instructor,
    InstructorPage,
    InstructorState,
    ListInstructors,
    SaveInstructor,
)
from rpcbackend.security.roles import Permission
from rpcbackend.store import Work


@method("instructors.list", permission=Permission.INSTRUCTORS_READ, kept=Kept("instructors"))
async def list_all(ctx: Context, params: ListInstructors) -> Encoded[InstructorPage]:
    """Return the instructors that fit, by name."""
    return await ctx.read(lambda work: work.instructors.list(params))


@method(
    "instructors.save",
    permission=Permission.INSTRUCTORS_WRITE,
    kind="command",
    errors=(NotFoundError, VersionConflictError, InUseError),
    events=("instructors.saved", "instructors.deactivated"),
)
async def save(ctx: Context, params: SaveInstructor) -> Instructor:
    """Add an instructor, or replace the one with the given id.

    Nobody is made inactive who still has lessons to give.
    """

    async def unit(work: Work) -> Instructor:
        await work.branches.require(params.branch_id)
        old = await work.instructors.require(params.instructor_id) if params.instructor_id else None
        instructor = Instructor(
            id=old.id if old else work.new_id("ins"),
            branch_id=params.branch_id,
            given_name=params.given_name,
            family_name=params.family_name,
            email=params.email,
            phone=params.phone,
            categories=params.categories,
            engagement=params.engagement,
            state=params.state,
            version=next_version(old, params.expected_version),
        )
        was_active = old is None or old.state is InstructorState.ACTIVE
        leaves = was_active and instructor.state is InstructorState.INACTIVE
        if leaves and old is not None:
            await work.lessons.require_none_to_come("instructor_id", old.id, work.now)
        await work.instructors.put(instructor)
        await work.record(
            "instructors.deactivated" if leaves else "instructors.saved",
            ("instructor", instructor.id, instructor.version),
            {"instructorId": instructor.id, "state": instructor.state},
        )
        return instructor

    return await ctx.write(unit)
