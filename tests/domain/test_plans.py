"""How a lesson is to be: what is left out of a move stays as it is."""

from dataclasses import asdict
from datetime import timedelta
from typing import Any

import pytest

from rpcbackend.domain.plans import moved, names_change, planned, stays, takes_same
from rpcbackend.schema.lessons import BookLesson, LessonType, RescheduleLesson
from tests.factories import NINE, an_id, at, make_lesson

OLD = make_lesson(type=LessonType.NIGHT, pickup="Bahnhof", dropoff="Schule")


def test_a_booking_is_planned_as_it_is_wanted_in_the_branch_of_its_instructor() -> None:
    wanted = BookLesson(
        studentId=an_id("stu"), instructorId=an_id("ins"), startsAt=at(NINE), durationMinutes=90
    )

    assert asdict(planned(wanted)) == {
        "branch_id": None,
        "student_id": an_id("stu"),
        "instructor_id": an_id("ins"),
        "vehicle_id": None,
        "starts_at": at(NINE),
        "ends_at": at("2026-11-24T10:30:00Z"),
        "type": LessonType.NORMAL,
        "pickup": None,
        "dropoff": None,
    }


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({}, {}),
        (
            {"startsAt": "2026-11-25T07:00:00Z"},
            {"starts_at": at("2026-11-25T07:00:00Z"), "ends_at": at("2026-11-25T08:30:00Z")},
        ),
        ({"durationMinutes": 45}, {"ends_at": at("2026-11-24T09:45:00Z")}),
        ({"instructorId": an_id("ins", 2)}, {"instructor_id": an_id("ins", 2), "branch_id": None}),
        ({"instructorId": an_id("ins")}, {}),
        ({"vehicleId": an_id("veh", 2)}, {"vehicle_id": an_id("veh", 2)}),
        ({"vehicleId": None}, {"vehicle_id": None}),
        ({"startsAt": None, "durationMinutes": None, "instructorId": None}, {}),
    ],
    ids=str,
)
def test_what_a_change_leaves_out_stays_as_it_is(
    change: dict[str, Any], expected: dict[str, Any]
) -> None:
    plan = moved(OLD, RescheduleLesson(lessonId=OLD.id, **change))

    assert (
        asdict(plan)
        == {
            "branch_id": OLD.branch_id,
            "student_id": OLD.student_id,
            "instructor_id": OLD.instructor_id,
            "vehicle_id": OLD.vehicle_id,
            "starts_at": OLD.starts_at,
            "ends_at": OLD.starts_at + timedelta(minutes=90),
            "type": LessonType.NIGHT,
            "pickup": "Bahnhof",
            "dropoff": "Schule",
        }
        | expected
    )
    assert stays(plan, OLD) == (not expected)
    assert takes_same(plan, OLD) == (not {"instructor_id", "vehicle_id"} & expected.keys())


@pytest.mark.parametrize(
    ("change", "is_one"),
    [
        ({}, False),
        ({"startsAt": None, "durationMinutes": None, "instructorId": None}, False),
        ({"expectedVersion": 1}, False),
        ({"vehicleId": None}, True),
        ({"startsAt": NINE}, True),
        ({"durationMinutes": 90}, True),
        ({"instructorId": an_id("ins")}, True),
    ],
    ids=str,
)
def test_a_change_names_what_is_to_be_another(change: dict[str, Any], is_one: bool) -> None:
    assert names_change(RescheduleLesson(lessonId=OLD.id, **change)) is is_one
