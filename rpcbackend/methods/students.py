"""Students: look up, enrol, change, and follow through their time at the school."""

from collections.abc import Collection

from rpcbackend.context import Context
from rpcbackend.dispatch.kept import Kept
from rpcbackend.dispatch.registry import method
from rpcbackend.domain.students import LEAVING, check_first_state, check_transition
from rpcbackend.domain.versions import next_version
from rpcbackend.errors import (
    CursorInvalidError,
    ForbiddenError,
    InUseError,
    InvalidTransitionError,
    NotFoundError,
    VersionConflictError,
)
from rpcbackend.notices.students import follow_change
from rpcbackend.schema.base import Encoded
from rpcbackend.schema.students import (
    CreatedStudent,
    CreateStudent,
    GetStudent,
    ListStudents,
    Student,
    StudentPage,
    TransitionStudent,
    UpdateStudent,
)
from rpcbackend.security.roles import Permission
from rpcbackend.store import Sight, Work


@method(
    "students.get",
    permission=Permission.STUDENTS_READ,
    errors=(NotFoundError,),
    # An instructor sees those whom he ever gave a lesson.
    kept=Kept("student:{student_id}", seen_by=("lessons",)),
)
async def get(ctx: Context, params: GetStudent) -> Encoded[Student]:
    """Return one student, archived ones included."""
    return await ctx.read(lambda work: work.students.require_encoded(params.student_id))


@method(
    "students.list",
    permission=Permission.STUDENTS_READ,
    errors=(CursorInvalidError,),
    kept=Kept("students", seen_by=("lessons",)),
)
async def list_page(ctx: Context, params: ListStudents) -> Encoded[StudentPage]:
    """Return a page of the students that fit, by family name."""
    return await ctx.read(lambda work: work.students.list(params))


@method(
    "students.create",
    permission=Permission.STUDENTS_WRITE,
    kind="command",
    errors=(NotFoundError, InvalidTransitionError),
    events=("students.created", "students.enquiry_created"),
)
async def create(ctx: Context, params: CreateStudent) -> CreatedStudent:
    """Enrol a student, or note an enquiry; says who else has this name and birth date."""
    check_first_state(params.state)

    async def unit(work: Work) -> CreatedStudent:
        await work.branches.require(params.branch_id)
        student = Student(
            id=work.new_id("stu"),
            branch_id=params.branch_id,
            given_name=params.given_name,
            family_name=params.family_name,
            born_on=params.born_on,
            email=params.email,
            phone=params.phone,
            language=params.language,
            state=params.state,
            created_at=work.now.replace(microsecond=0),
            version=1,
        )
        duplicates = await work.students.namesakes(student)
        await work.students.add(student)
        event = "students.enquiry_created" if student.state == "enquiry" else "students.created"
        await _record(work, event, student)
        return CreatedStudent(student=student, duplicates=duplicates)

    return await ctx.write(unit)


@method(
    "students.update",
    permission=Permission.STUDENTS_UPDATE,
    kind="command",
    errors=(NotFoundError, ForbiddenError, VersionConflictError),
    events=("students.updated", "messages.queued", "messages.cancelled"),
)
async def update(ctx: Context, params: UpdateStudent) -> Student:
    """Change what is given of a student and leave the rest.

    A student himself changes how he is reached, and nothing else. What waits for him goes to his
    new address, the other way if he has none there any more, and at the hours of his new branch.
    """
    changes = params.model_dump(
        include=params.model_fields_set - {"student_id", "expected_version"}, by_alias=False
    )
    # Only how to reach somebody can be taken away; the rest a student must have.
    kept = {name: new for name, new in changes.items() if new is not None or name in _REACHED_BY}

    async def unit(work: Work) -> Student:
        old = await work.students.require(params.student_id)
        if not work.sight.is_whole:
            _check_own(work.sight, old, kept)
        if "branch_id" in kept:
            await work.branches.require(kept["branch_id"])
        version = next_version(old, params.expected_version)
        student = old.model_copy(update={**kept, "version": version})
        await work.students.put(student)
        await _record(work, "students.updated", student)
        await follow_change(work, old, student)
        return student

    return await ctx.write(unit)


@method(
    "students.transition",
    permission=Permission.STUDENTS_WRITE,
    kind="command",
    errors=(NotFoundError, VersionConflictError, InvalidTransitionError, InUseError),
    events=(
        "students.activated",
        "students.archived",
        "students.enquiry_reopened",
        "students.graduated",
        "students.lost",
        "students.paused",
        "students.withdrawn",
        "messages.cancelled",
    ),
)
async def transition(ctx: Context, params: TransitionStudent) -> Student:
    """Move a student to another state; nobody leaves who still has lessons to come."""

    async def unit(work: Work) -> Student:
        old = await work.students.require(params.student_id)
        version = next_version(old, params.expected_version)
        check_transition(old.state, params.to)
        if params.to in LEAVING:
            await work.lessons.require_none_to_come("student_id", old.id, work.now)
        student = old.model_copy(update={"state": params.to, "version": version})
        await work.students.put(student)
        await _record(work, f"students.{_HAPPENED.get(params.to, params.to)}", student)
        await follow_change(work, old, student)
        return student

    return await ctx.write(unit)


def _check_own(sight: Sight, student: Student, changes: Collection[str]) -> None:
    if sight.student_id != student.id or not _REACHED_BY.issuperset(changes):
        raise ForbiddenError(
            "Only the student's own mail address, phone and language; ask the office."
        )


async def _record(work: Work, event: str, student: Student) -> None:
    await work.record(
        event,
        ("student", student.id, student.version),
        {"studentId": student.id, "state": student.state},
    )


_REACHED_BY = frozenset({"email", "phone", "language"})
_HAPPENED = {"active": "activated", "enquiry": "enquiry_reopened"}
