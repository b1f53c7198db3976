"""The filter of rows: what it hides, and what it costs."""

from collections.abc import Coroutine
from typing import Any

import pytest

from rpcbackend.errors import InUseError, NotFoundError
from rpcbackend.schema.calendars import ViewCalendar
from rpcbackend.schema.lessons import ListLessons
from rpcbackend.schema.students import ListStudents
from rpcbackend.store import EVERYTHING, Sight, Store, Work, sight_of
from rpcbackend.store.changes import Changes
from rpcbackend.store.sight import NOTHING
from rpcbackend.store.transaction import Dialect, Mark
from tests.factories import NINE, add_all, an_id, at, make_lesson, make_student

INSTRUCTOR, STUDENT = sight_of(an_id("ins")), sight_of(an_id("stu"))
OTHERS = sight_of(an_id("ins", 2))
LESSONS = frozenset({"lessons"})


# The sight itself


def test_everybody_sees_by_what_he_is() -> None:
    assert sight_of(an_id("ins")) == Sight(instructor_id=an_id("ins"))
    assert sight_of(an_id("stu")) == Sight(student_id=an_id("stu"))
    assert sight_of(an_id("stu"), LESSONS).areas == LESSONS
    assert sight_of(None) == NOTHING


@pytest.mark.parametrize(
    ("sight", "is_whole", "person_id", "where"),
    [
        (EVERYTHING, True, None, "true"),
        (Sight(areas=LESSONS), True, None, "true"),
        (INSTRUCTOR, False, an_id("ins"), "i"),
        (STUDENT, False, an_id("stu"), "s"),
        (NOTHING, False, None, "false"),
    ],
)
def test_a_sight_is_a_condition_on_rows(
    sight: Sight, is_whole: bool, person_id: str | None, where: str
) -> None:
    assert sight.is_whole == is_whole
    assert sight.person_id == person_id
    assert sight.where(instructor="i", student="s") == where


# What is hidden from the caller, and not from the rules


async def test_who_is_still_booked_is_in_use_though_the_lesson_cannot_be_named(
    store: Store,
) -> None:
    async def check(work: Work) -> None:
        await work.lessons.require_none_to_come("student_id", an_id("stu"), at(NINE))

    await add_all(store)
    await store.write(lambda work: work.lessons.put(make_lesson()), actor="tests")

    named = []
    for sight in (EVERYTHING, INSTRUCTOR, OTHERS, NOTHING):
        with pytest.raises(InUseError) as refused:
            await store.read(check, sight=sight)
        assert refused.value.details is not None
        named.append(refused.value.details["referrers"])

    assert named == [[an_id("les")], [an_id("les")], [], []]


async def test_namesakes_and_counts_are_those_that_can_be_seen(store: Store) -> None:
    async def unit(work: Work) -> None:
        for number in (2, 3):
            await work.students.put(make_student(id=an_id("stu", number)))
        await work.lessons.put(make_lesson(student_id=an_id("stu", 2)))

    async def look(work: Work) -> tuple[int, list[str]]:
        namesakes = await work.students.namesakes(make_student())
        return await work.students.count(), [one.id for one in namesakes]

    await add_all(store)
    await store.write(unit, actor="tests")

    assert await store.read(look) == (3, [an_id("stu", 2), an_id("stu", 3)])
    assert await store.read(look, sight=INSTRUCTOR) == (1, [an_id("stu", 2)])
    assert await store.read(look, sight=STUDENT) == (1, [])
    assert await store.read(look, sight=NOTHING) == (0, [])


async def test_an_instructor_is_found_by_whom_he_may_be_seen(store: Store) -> None:
    async def email(work: Work) -> str | None:
        await work.instructors.require(an_id("ins"))
        return (await work.instructors.require(an_id("ins"))).email

    async def give_address(work: Work) -> None:
        instructor = await work.instructors.require(an_id("ins"))
        await work.instructors.put(instructor.model_copy(update={"email": "ines@fs.example"}))

    await add_all(store)
    await store.write(give_address, actor="tests")

    assert await store.read(email, sight=INSTRUCTOR) == "ines@fs.example"
    assert await store.read(email, sight=STUDENT) is None
    for sight in (OTHERS, NOTHING):
        with pytest.raises(NotFoundError):
            await store.read(email, sight=sight)


# What it costs


class Explained:
    """A transaction that notes how each statement finds its rows."""

    access_changed = False
    mark: Mark | None = None
    changes: Changes | None = None
    dialect: Dialect = "sqlite"

    def __init__(self, work: Work) -> None:
        self._tx, self.school = work.tx, work.tx.school
        self.touched: set[str] = set()
        self.plan: list[str] = []

    async def one(self, sql: str, /, **params: Any) -> Any:
        """Return the first row."""
        await self._explain(sql, params)
        return await self._tx.one(sql, **params)

    async def all(self, sql: str, /, **params: Any) -> Any:
        """Return every row."""
        await self._explain(sql, params)
        return await self._tx.all(sql, **params)

    async def run(self, sql: str, /, **params: Any) -> int:
        """Run a change."""
        return await self._tx.run(sql, **params)

    async def offer(self, sql: str, /, **params: Any) -> bool:
        """Run an insert."""
        return await self._tx.offer(sql, **params)

    async def later(self, sql: str, /, **params: Any) -> None:
        """Run a change."""
        await self._tx.later(sql, **params)

    async def together(self, *units: Coroutine[Any, Any, Any]) -> list[Any]:
        """Run some units."""
        return await self._tx.together(*units)

    async def _explain(self, sql: str, params: dict[str, Any]) -> None:
        rows = await self._tx.all(f"EXPLAIN QUERY PLAN {sql}", **params)
        self.plan += [row["detail"] for row in rows]


async def plan_of(store: Store, sight: Sight, look: Any) -> list[str]:
    """Return the steps over tables of what *look* does with the repositories."""

    async def unit(work: Work) -> list[str]:
        explained = Explained(work)
        seen = Work(explained, now_ms=0, ids=work._ids, actor="x", sight=sight)  # noqa: SLF001 (a work like this one)
        await look(seen)
        return [step for step in explained.plan if " USING " in step or step.startswith("SCAN ")]

    return await store.read(unit)


LISTS: dict[str, Any] = {
    "lessons": lambda work: work.lessons.list(ListLessons()),
    "students": lambda work: work.students.list(ListStudents()),
    "lesson": lambda work: work.lessons.is_seen(an_id("les")),
}


@pytest.mark.sqlite
@pytest.mark.parametrize(
    ("what", "sight", "index"),
    [
        ("lessons", EVERYTHING, "lessons_by_start"),
        ("lessons", INSTRUCTOR, "lessons_by_instructor"),
        ("lessons", STUDENT, "lessons_by_student"),
        ("students", EVERYTHING, "students_by_name"),
        ("students", INSTRUCTOR, "students_by_name"),
        ("students", STUDENT, "PRIMARY KEY"),
        ("lesson", STUDENT, "PRIMARY KEY"),
    ],
)
async def test_a_list_is_walked_by_its_index_whoever_looks(
    store: Store, what: str, sight: Sight, index: str
) -> None:
    plan = await plan_of(store, sight, LISTS[what])

    assert plan[0].startswith(f"SEARCH {'students' if what == 'students' else 'lessons'} ")
    assert index in plan[0]
    assert "SORT" not in "".join(plan)


@pytest.mark.sqlite
async def test_whom_an_instructor_teaches_is_one_seek_for_each_student(store: Store) -> None:
    plan = await plan_of(store, INSTRUCTOR, LISTS["students"])

    (step,) = [step for step in plan if step.startswith("SEARCH lessons ")]
    assert step.endswith(
        "USING COVERING INDEX lessons_by_pair (school_id=? AND instructor_id=? AND student_id=?)"
    )


@pytest.mark.sqlite
@pytest.mark.parametrize("sight", [EVERYTHING, INSTRUCTOR, STUDENT])
async def test_the_calendar_never_reads_all_claims(store: Store, sight: Sight) -> None:
    wanted = ViewCalendar.model_validate(
        {"from": NINE, "to": "2026-11-25T09:00:00Z", "resourceTypes": ["instructor", "student"]}
    )

    plan = await plan_of(store, sight, lambda work: work.calendars.view(wanted))

    claims = [step for step in plan if "claim" in step or "before" in step]
    assert claims != []
    assert [step for step in claims if not step.startswith("SEARCH ")] == []
    assert all("resource_id=?" in step for step in claims)
