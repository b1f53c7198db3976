"""For any school and anybody: what is seen is exactly what a second, plain rule allows (A3)."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from rpcbackend.schema.base import format_instant
from rpcbackend.schema.claims import Claim, ResourceType
from rpcbackend.schema.instructors import Instructor, InstructorState
from rpcbackend.schema.lessons import Lesson, LessonState
from rpcbackend.schema.students import Student, StudentState
from rpcbackend.schema.users import Role
from rpcbackend.security.roles import Permission
from rpcbackend.standing import sight_by
from rpcbackend.store import Work
from rpcbackend.surroundings import Surroundings
from rpcbackend.testing import CallFailedError, Client, FrozenClock, running_app
from tests.callers import connect_as
from tests.factories import (
    NINE,
    an_id,
    at,
    make_branch,
    make_claim,
    make_instructor,
    make_lesson,
    make_student,
    make_vehicle,
)

STATES = (LessonState.BOOKED, LessonState.COMPLETED, LessonState.CANCELLED)
ACCOUNTS = ("users.created", "sessions.revoked", "apikeys.created", "auth.login_failed")
NUMBERS = some.integers(1, 3)


@dataclass
class School:
    """A small school as it was drawn."""

    instructors: list[Instructor]
    students: list[Student]
    lessons: list[Lesson]
    events: list[tuple[str, str, dict[str, Any]]]
    """Type, aggregate id and data."""

    @property
    def claims(self) -> list[Claim]:
        """Everybody's busy time."""
        return [
            make_claim(
                resource_type=kind,
                resource_id=resource_id,
                starts_at=lesson.starts_at,
                ends_at=lesson.ends_at,
                owner_id=lesson.id,
            )
            for lesson in self.lessons
            if lesson.state is not LessonState.CANCELLED
            for kind, resource_id in (
                (ResourceType.INSTRUCTOR, lesson.instructor_id),
                (ResourceType.STUDENT, lesson.student_id),
                (ResourceType.VEHICLE, lesson.vehicle_id),
            )
            if resource_id is not None
        ]

    async def store(self, work: Work) -> None:
        """Put all of it into the store: a unit of work."""
        await work.branches.put(make_branch())
        await work.vehicles.put(make_vehicle())
        for instructor in self.instructors:
            await work.instructors.put(instructor)
        for student in self.students:
            await work.students.put(student)
        for lesson in self.lessons:
            await work.lessons.put(lesson)
        await work.claims.take(self.claims)
        for event_type, aggregate_id, data in self.events:
            await work.record(event_type, ("x", aggregate_id, 1), data)


def _lesson(number: int, drawn: tuple[int, int, bool, LessonState]) -> Lesson:
    instructor, student, has_vehicle, state = drawn
    starts_at = at(NINE) + timedelta(hours=2 * number)
    return make_lesson(
        id=an_id("les", number),
        instructor_id=an_id("ins", instructor),
        student_id=an_id("stu", student),
        vehicle_id=an_id("veh") if has_vehicle else None,
        starts_at=starts_at,
        state=state,
        cancelled_at=starts_at if state is LessonState.CANCELLED else None,
    )


@some.composite
def schools(draw: some.DrawFn) -> School:
    """Draw three instructors, three students, and what they have to do with each other."""
    active, present = some.sampled_from(InstructorState), some.sampled_from(StudentState)
    lesson = some.tuples(NUMBERS, NUMBERS, some.booleans(), some.sampled_from(STATES))
    event = some.tuples(
        some.sampled_from(["lessons.booked", "students.updated", "vehicles.saved", *ACCOUNTS]),
        some.sampled_from([an_id(kind, n) for kind in ("ins", "stu", "usr") for n in (1, 2)]),
        some.fixed_dictionaries(
            {},
            optional={
                "instructorId": NUMBERS.map(lambda n: an_id("ins", n)),
                "studentId": NUMBERS.map(lambda n: an_id("stu", n)),
                "linkedPersonId": NUMBERS.map(lambda n: an_id("ins", n)),
            },
        ),
    )
    return School(
        instructors=[
            make_instructor(id=an_id("ins", n), state=draw(active), email=f"ins{n}@example.org")
            for n in (1, 2, 3)
        ],
        students=[
            make_student(id=an_id("stu", n), state=draw(present), family_name=f"Byron{n}")
            for n in (1, 2, 3)
        ],
        lessons=[_lesson(n, one) for n, one in enumerate(draw(some.lists(lesson, max_size=6)))],
        events=draw(some.lists(event, max_size=8)),
    )


@dataclass
class Allowed:
    """The second rule: what somebody may see of a school, row by row."""

    school: School
    role: Role
    person_id: str | None

    @property
    def all_rows(self) -> bool:
        """Whether nobody's rows are hidden from him."""
        return self.role not in (Role.INSTRUCTOR, Role.STUDENT)

    def lesson(self, lesson: Lesson) -> bool:
        """Whether he gives or takes it."""
        return self.all_rows or self.person_id in (lesson.instructor_id, lesson.student_id)

    def student(self, student: Student) -> bool:
        """Whether it is he, or somebody whom he teaches."""
        taught = {lesson.student_id for lesson in self.school.lessons if self.lesson(lesson)}
        if self.person_id is not None and self.person_id.startswith("ins_"):
            return student.id in taught
        return self.all_rows or student.id == self.person_id

    def instructor(self, instructor: Instructor) -> bool:
        """Whether it is he, or somebody by whom a student may be taught."""
        if self.person_id is not None and self.person_id.startswith("stu_"):
            return instructor.state is InstructorState.ACTIVE
        return self.all_rows or instructor.id == self.person_id

    def claim(self, claim: Claim) -> bool:
        """Whether it takes his own time, or a vehicle for him."""
        if self.all_rows or claim.resource_id == self.person_id:
            return True
        is_instructor = self.person_id is not None and self.person_id.startswith("ins_")
        return (
            is_instructor
            and claim.resource_type is ResourceType.VEHICLE
            and any(
                lesson.id == claim.owner_id and lesson.instructor_id == self.person_id
                for lesson in self.school.lessons
            )
        )

    def event(self, event: tuple[str, str, dict[str, Any]]) -> bool:
        """Whether it names him; what is about users is the owner's alone.

        Students are told nothing of vehicles.
        """
        event_type, aggregate_id, data = event
        if event_type in ACCOUNTS and self.role is not Role.OWNER:
            return False
        if event_type == "vehicles.saved" and self.role is Role.STUDENT:
            return False
        named = (aggregate_id, data.get("instructorId"), data.get("studentId"))
        return self.all_rows or (self.person_id is not None and self.person_id in named)


UNFIT = [(Role.INSTRUCTOR, an_id("stu")), (Role.STUDENT, an_id("ins"))]
"""Linked to somebody who does not fit the role: as good as to nobody."""

CALLERS = some.one_of(
    some.tuples(some.just(Role.INSTRUCTOR), NUMBERS.map(lambda n: an_id("ins", n))),
    some.tuples(some.just(Role.STUDENT), NUMBERS.map(lambda n: an_id("stu", n))),
    some.tuples(some.sampled_from([Role.OWNER, Role.OFFICE, Role.ACCOUNTANT]), some.none()),
    some.tuples(some.sampled_from([Role.INSTRUCTOR, Role.STUDENT]), some.none()),
    some.sampled_from(UNFIT),
)


@settings(max_examples=60)
@given(
    school=schools(),
    who=CALLERS,
    wanted=some.fixed_dictionaries(
        {},
        optional={
            "studentId": NUMBERS.map(lambda n: an_id("stu", n)),
            "instructorId": NUMBERS.map(lambda n: an_id("ins", n)),
            "vehicleId": some.just(an_id("veh")),
            "state": some.sampled_from(STATES),
        },
    ),
    limit=some.integers(1, 4),
)
async def test_everybody_sees_exactly_what_he_may(
    school: School, who: tuple[Role, str | None], wanted: dict[str, Any], limit: int
) -> None:
    role, person_id = who
    allowed = Allowed(school, role, None if who in UNFIT else person_id)
    async with running_app(surroundings=Surroundings(clock=FrozenClock())) as app:
        await app.open_store()
        await app.store.write(school.store, actor="tests")
        client = await connect_as(app, 1, role, linked_person_id=person_id)

        await check_lessons(client, allowed, wanted, limit)
        await check_people(client, allowed, limit)
        await check_calendar(client, allowed)

        principal = await app.access.identify(app.store, client.server, None)
        sight = sight_by(principal, Permission.EVENTS_READ)
        head, page = await app.store.read(
            lambda work: work.events.page_after(0, (), 100), sight=sight
        )

    seen = [orjson.loads(event.json)["seq"] for event in page]
    assert head == len(school.events)
    assert seen == [n for n, event in enumerate(school.events, start=1) if allowed.event(event)]


async def all_ids(client: Client, channel: str, **params: Any) -> list[str]:
    """Follow the pages to their end."""
    ids: list[str] = []
    cursor = None
    while True:
        page = await client.call(channel, **params, cursor=cursor)
        ids += [item["id"] for item in page["items"]]
        cursor = page["nextCursor"]
        if cursor is None:
            return ids


async def finds(client: Client, channel: str, **params: Any) -> bool:
    """Tell whether what is looked up is there."""
    try:
        await client.call(channel, **params)
    except CallFailedError as failed:
        if failed.symbol == "NOT_FOUND":
            return False
        raise
    return True


async def check_lessons(
    client: Client, allowed: Allowed, wanted: dict[str, Any], limit: int
) -> None:
    """Compare lists, narrowed or not, and look-ups."""
    lessons = allowed.school.lessons
    seen = [lesson for lesson in lessons if allowed.lesson(lesson)]

    def fits(lesson: Lesson) -> bool:
        as_sent = lesson.model_dump(mode="json")
        return all(as_sent[name] == value for name, value in wanted.items())

    assert await all_ids(client, "lessons.list", limit=limit) == [one.id for one in seen]
    assert await all_ids(client, "lessons.list", limit=limit, **wanted) == [
        one.id for one in seen if fits(one)
    ]
    assert [one for one in lessons if await finds(client, "lessons.get", lessonId=one.id)] == seen


async def check_people(client: Client, allowed: Allowed, limit: int) -> None:
    """Compare lists, searches and look-ups of students and instructors."""
    students = [one for one in allowed.school.students if allowed.student(one)]
    ids = [one.id for one in students]

    assert sorted(await all_ids(client, "students.list", limit=limit)) == ids
    assert sorted(await all_ids(client, "students.list", text="byron")) == ids
    assert await all_ids(client, "students.list", text="byron2") == [
        one.id for one in students if one.family_name == "Byron2"
    ]
    assert [
        one.id
        for one in allowed.school.students
        if await finds(client, "students.get", studentId=one.id)
    ] == ids

    listed = await client.call("instructors.list")
    assert listed["items"] == [
        one.model_dump(mode="json") | ({"email": None} if allowed.role is Role.STUDENT else {})
        for one in allowed.school.instructors
        if allowed.instructor(one)
    ]


async def check_calendar(client: Client, allowed: Allowed) -> None:
    """Compare the view of everything."""
    school = allowed.school
    view = await client.call(
        "calendar.view",
        **{"from": "2026-11-20T00:00:00Z", "to": "2026-12-20T00:00:00Z"},
        resourceTypes=["instructor", "student", "vehicle"],
    )

    is_shown: dict[ResourceType, Callable[[str], bool]] = {
        ResourceType.INSTRUCTOR: lambda id_: any(
            one.id == id_ and one.state is InstructorState.ACTIVE for one in school.instructors
        ),
        ResourceType.STUDENT: lambda id_: any(
            one.id == id_ and one.state is StudentState.ACTIVE for one in school.students
        ),
        ResourceType.VEHICLE: lambda _: True,
    }
    expected = {
        (claim.resource_id, format_instant(claim.starts_at), claim.owner_id)
        for claim in school.claims
        if allowed.claim(claim) and is_shown[claim.resource_type](claim.resource_id)
    }
    assert {
        (item["resourceId"], item["startsAt"], item["ownerId"]) for item in view["items"]
    } == expected
    named = {item["lesson"]["studentId"] for item in view["items"]}
    assert named <= {one.id for one in school.students if allowed.student(one)}
    shown = {(one["type"], one["id"]) for one in view["resources"]}
    people = {id_ for kind, id_ in shown if kind != "vehicle"}
    assert allowed.all_rows or people <= {allowed.person_id}
    if allowed.role is Role.STUDENT:
        assert {kind for kind, _ in shown} <= {"student"}


@pytest.mark.parametrize("role", [Role.INSTRUCTOR, Role.STUDENT])
def test_the_second_rule_hides_something(role: Role) -> None:
    """A reference that allows everything would prove nothing."""
    lesson = _lesson(1, (1, 1, False, LessonState.BOOKED))
    school = School([make_instructor(id=an_id("ins", 2))], [make_student()], [lesson], [])

    assert not Allowed(school, role, None).lesson(lesson)
    assert not Allowed(school, role, None).claim(school.claims[0])
