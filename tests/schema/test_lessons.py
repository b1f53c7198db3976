"""The wire models of lessons."""

import pytest
from hypothesis import given

from rpcbackend.schema.lessons import (
    MAX_MINUTES,
    MIN_MINUTES,
    BookLesson,
    CancelledLesson,
    CancelLesson,
    GetLesson,
    Lesson,
    LessonPage,
    LessonView,
    ListLessons,
)
from tests.entities import lessons
from tests.factories import NINE, an_id, make_claim, make_lesson
from tests.schema.fits import broken, written

BOOK = {
    "studentId": an_id("stu"),
    "instructorId": an_id("ins"),
    "startsAt": NINE,
    "durationMinutes": 90,
}


@given(lesson=lessons())
def test_a_lesson_is_read_back_as_it_was_written(lesson: Lesson) -> None:
    assert Lesson.model_validate_json(lesson.model_dump_json()) == lesson


def test_a_booking_is_normal_and_without_a_vehicle_unless_told_otherwise() -> None:
    assert written(BookLesson.model_validate(BOOK)) == BOOK | {
        "vehicleId": None,
        "type": "normal",
        "pickup": None,
        "dropoff": None,
    }
    assert broken(BookLesson, {}) == sorted(BOOK)


@pytest.mark.parametrize(
    ("given", "paths"),
    [
        ({"durationMinutes": MIN_MINUTES}, []),
        ({"durationMinutes": MAX_MINUTES}, []),
        ({"durationMinutes": MIN_MINUTES - 1}, ["durationMinutes"]),
        ({"durationMinutes": MAX_MINUTES + 1}, ["durationMinutes"]),
        ({"durationMinutes": "90"}, ["durationMinutes"]),
        ({"startsAt": "2026-11-24T09:00"}, ["startsAt"]),
        ({"vehicleId": an_id("stu")}, ["vehicleId"]),
        ({"type": "theory"}, ["type"]),
        ({"dropoff": "\x00"}, ["dropoff"]),
    ],
    ids=str,
)
def test_what_does_not_fit_is_refused_by_its_path(
    given: dict[str, object], paths: list[str]
) -> None:
    assert broken(BookLesson, BOOK | given) == paths


def test_a_list_is_asked_for_with_from_and_to() -> None:
    assert written(ListLessons.model_validate({"from": NINE, "to": NINE})) == {
        "from": NINE,
        "to": NINE,
        "studentId": None,
        "instructorId": None,
        "vehicleId": None,
        "branchId": None,
        "state": None,
        "limit": 50,
        "cursor": None,
    }
    assert broken(ListLessons, {"from_": NINE}) == ["from_"]


def test_a_cancellation_says_on_whose_side_and_why() -> None:
    assert broken(CancelLesson, {"by": "weather", "reasonCode": "rain"}) == [
        "by",
        "lessonId",
        "reasonCode",
    ]
    assert broken(GetLesson, {"lessonId": "les_1"}) == ["lessonId"]


def test_answers_carry_whole_lessons() -> None:
    lesson, claim = written(make_lesson()), written(make_claim())

    assert written(LessonView(lesson=make_lesson(), claims=[make_claim()])) == {
        "lesson": lesson,
        "claims": [claim],
    }
    assert written(CancelledLesson(lesson=make_lesson())) == {"lesson": lesson}
    assert written(LessonPage(items=[make_lesson()], next_cursor=None)) == {
        "items": [lesson],
        "nextCursor": None,
    }
