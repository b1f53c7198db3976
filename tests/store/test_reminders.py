"""When students are reminded, as rows."""

from datetime import timedelta
from typing import Any

from rpcbackend.schema.lessons import LessonState
from rpcbackend.store import Store, Work
from rpcbackend.store.reminders import KEPT
from tests.factories import NINE, add_all, an_id, at, make_branch, make_lesson, make_student

START = at(NINE)
NOW = START - timedelta(hours=25)
DAY = timedelta(days=1)


async def fill(store: Store, *lessons: dict[str, Any]) -> None:
    """Add lessons from number 1 on."""
    await add_all(store)

    async def unit(work: Work) -> None:
        await work.branches.put(make_branch(id=an_id("bra", 2), reminder_minutes=0))
        other = make_student(id=an_id("stu", 2), branch_id=an_id("bra", 2))
        await work.students.put(other)
        for number, given in enumerate(lessons, start=1):
            await work.lessons.add(make_lesson(id=an_id("les", number), **given))

    await store.write(unit, actor="tests")


def les(*numbers: int) -> list[str]:
    return [an_id("les", number) for number in numbers]


async def test_what_is_due_comes_the_longest_due_first_and_what_is_done_does_not(
    store: Store,
) -> None:
    await fill(
        store,
        {},
        {"starts_at": START + DAY},
        {"starts_at": START + 2 * DAY},
        {"starts_at": START + 3 * DAY},
    )

    async def unit(work: Work) -> list[list[str]]:
        for number, minutes in ((1, 2), (2, 1), (3, -1)):
            await work.reminders.put(an_id("les", number), NOW - timedelta(minutes=minutes))
        await work.reminders.put(an_id("les", 4), NOW)
        await work.reminders.put(an_id("les", 4), None)
        before = await work.reminders.due(NOW, 10)
        await work.reminders.remove(an_id("les", 1))
        return [before, await work.reminders.due(NOW, 10), await work.reminders.due(NOW, 0)]

    assert await store.write(unit, actor="tests") == [les(1, 2), les(2), []]


async def test_missing_are_lessons_to_come_of_whom_a_branch_reminds(store: Store) -> None:
    later = {"starts_at": START + 15 * DAY}
    await fill(
        store,
        {"starts_at": START + DAY},
        {},
        {"state": LessonState.CANCELLED, "cancelled_at": NOW},
        {"student_id": an_id("stu", 2)},
        {"starts_at": NOW},
        later,
        {"starts_at": START + 2 * DAY},
    )

    async def unit(work: Work) -> list[list[str]]:
        await work.reminders.put(an_id("les", 7), None)
        return [await work.reminders.missing(NOW, limit) for limit in (10, 1)]

    assert await store.write(unit, actor="tests") == [les(2, 1), les(2)]


async def test_what_is_not_done_is_forgotten_of_one_branch(store: Store) -> None:
    await fill(store, {}, {"student_id": an_id("stu", 2)}, {}, {"starts_at": NOW})

    async def unit(work: Work) -> list[str]:
        for number in (1, 2, 4):
            await work.reminders.put(an_id("les", number), NOW)
        await work.reminders.put(an_id("les", 3), None)
        await work.reminders.forget(an_id("bra"), NOW)
        rows = await work.tx.all("SELECT lesson_id FROM reminders WHERE school_id = :school")
        return sorted(row["lesson_id"] for row in rows)

    assert await store.write(unit, actor="tests") == les(2, 3, 4)


async def test_what_is_over_for_long_is_removed(store: Store) -> None:
    await fill(store, {}, {"starts_at": START + DAY})

    async def unit(work: Work) -> list[int]:
        for number in (1, 2):
            await work.reminders.put(an_id("les", number), None)
        times = (START + KEPT - DAY, START + KEPT, START + KEPT, START + KEPT + DAY)
        return [await work.reminders.forget_old(time) for time in times]

    assert await store.write(unit, actor="tests") == [0, 1, 0, 1]


async def test_a_student_s_reminders_are_decided_anew_where_they_are_not_done(
    store: Store,
) -> None:
    other = {"student_id": an_id("stu", 2)}
    await fill(
        store,
        {},
        {"starts_at": START + DAY},
        {"starts_at": START + 2 * DAY, **other},
        {"starts_at": START - 2 * DAY},
    )

    async def unit(work: Work) -> list[str]:
        for number in range(1, 5):
            await work.reminders.put(an_id("les", number), NOW)
        await work.reminders.put(an_id("les", 2), None)
        await work.reminders.forget_student(an_id("stu"), NOW)
        return await work.reminders.missing(NOW, 10)

    assert await store.write(unit, actor="tests") == les(1)
