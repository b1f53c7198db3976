"""The lessons as rows."""

from datetime import timedelta
from typing import Any

import pytest

from rpcbackend.errors import CursorInvalidError, InUseError, NotFoundError
from rpcbackend.schema.lessons import Lesson, LessonPage, LessonState, ListLessons
from rpcbackend.store import Store, Work
from rpcbackend.store.cursor import write_cursor
from rpcbackend.store.driver import IntegrityError
from rpcbackend.store.lessons import MAX_NAMED
from tests.factories import NINE, add_all, an_id, at, make_lesson


def lesson(number: int, **given: Any) -> Lesson:
    """Make the lesson of an hour's slot."""
    fields = {
        "id": an_id("les", number),
        "starts_at": at(NINE) + timedelta(hours=number),
        "ends_at": at(NINE) + timedelta(hours=number + 1),
    }
    return make_lesson(**fields | given)


async def put(store: Store, *lessons: Lesson) -> None:
    async def unit(work: Work) -> None:
        for one in lessons:
            await work.lessons.put(one)

    await add_all(store)
    await store.write(unit, actor="tests")


async def listed(store: Store, **wanted: object) -> LessonPage:
    encoded = await store.read(lambda work: work.lessons.list(ListLessons.model_validate(wanted)))
    return LessonPage.model_validate_json(encoded.json)


async def test_lessons_come_by_start_and_then_by_id_page_by_page(store: Store) -> None:
    same = lesson(3, starts_at=lesson(1).starts_at, vehicle_id=None)
    await put(store, lesson(2), same, lesson(1))

    first = await listed(store, limit=2)
    second = await listed(store, limit=2, cursor=first.next_cursor)

    position = (int(same.starts_at.timestamp()), same.id)
    assert first == LessonPage(items=[lesson(1), same], next_cursor=write_cursor(*position))
    assert second == LessonPage(items=[lesson(2)], next_cursor=None)


@pytest.mark.parametrize(
    ("wanted", "numbers"),
    [
        ({}, [1, 2, 3]),
        ({"from": "2026-11-24T11:00:00Z"}, [2, 3]),
        ({"to": "2026-11-24T11:00:00Z"}, [1]),
        ({"from": "2026-11-24T11:30:00Z", "to": "2026-11-24T11:31:00Z"}, [2]),
        ({"studentId": an_id("stu")}, [1, 2, 3]),
        ({"instructorId": an_id("ins", 9)}, []),
        ({"vehicleId": an_id("veh")}, [1, 3]),
        ({"branchId": an_id("bra"), "state": "booked"}, [1, 2]),
        ({"state": "completed", "vehicleId": an_id("veh")}, [3]),
    ],
    ids=str,
)
async def test_every_filter_narrows_the_list(
    store: Store, wanted: dict[str, Any], numbers: list[int]
) -> None:
    lessons = {
        1: lesson(1),
        2: lesson(2, vehicle_id=None),
        3: lesson(3, state=LessonState.COMPLETED),
    }
    await put(store, *lessons.values())

    page = await listed(store, **wanted)

    assert page.items == [lessons[number] for number in numbers]


async def test_a_cursor_of_another_kind_is_refused(store: Store) -> None:
    with pytest.raises(CursorInvalidError):
        await listed(store, cursor=write_cursor("a", "b", "c"))


async def test_a_lesson_is_required_by_its_id(store: Store) -> None:
    await put(store, lesson(1))

    assert await store.read(lambda work: work.lessons.require(an_id("les", 1))) == lesson(1)
    with pytest.raises(NotFoundError):
        await store.read(lambda work: work.lessons.require(an_id("les", 2)))


@pytest.mark.parametrize("column", ["student_id", "instructor_id", "vehicle_id"])
async def test_who_is_booked_from_now_on_is_in_use_and_the_first_lessons_are_named(
    store: Store, column: str
) -> None:
    await put(store, *[lesson(number) for number in range(MAX_NAMED + 2)])
    now = lesson(1).starts_at
    entity_id: str = getattr(lesson(1), column)

    with pytest.raises(InUseError) as refused:
        await store.read(lambda work: work.lessons.require_none_to_come(column, entity_id, now))

    assert refused.value.details == {
        "referrers": [an_id("les", number) for number in range(1, MAX_NAMED + 1)]
    }


@pytest.mark.parametrize("state", LessonState)
async def test_only_lessons_that_are_still_to_be_given_count(
    store: Store, state: LessonState
) -> None:
    cancelled_at = at(NINE) if state is LessonState.CANCELLED else None
    await put(store, lesson(1, state=state, cancelled_at=cancelled_at))

    async def unit(work: Work) -> None:
        await work.lessons.require_none_to_come("student_id", an_id("stu"), at(NINE))

    if state in {"requested", "booked", "confirmed"}:
        with pytest.raises(InUseError):
            await store.read(unit)
    else:
        await store.read(unit)


async def test_the_database_refuses_a_cancelled_lesson_that_does_not_say_when(
    store: Store,
) -> None:
    with pytest.raises(IntegrityError, match=r"(?i)CHECK"):
        await put(store, lesson(1, state=LessonState.CANCELLED))
