"""The wire models of the calendar."""

import pytest

from rpcbackend.schema.calendars import CalendarView, ViewCalendar
from tests.factories import NINE, an_id
from tests.schema.fits import broken, written

SPAN = {"from": NINE, "to": "2026-11-25T09:00:00Z"}


def test_a_view_is_of_instructors_unless_told_otherwise() -> None:
    assert written(ViewCalendar.model_validate(SPAN)) == SPAN | {
        "branchId": None,
        "resourceTypes": ["instructor"],
    }


@pytest.mark.parametrize(
    ("given", "path"),
    [
        ({"resourceTypes": []}, "resourceTypes"),
        ({"resourceTypes": ["pupil", "room"]}, "resourceTypes.0"),
        ({"resourceTypes": ["room"] * 5}, "resourceTypes"),
        ({"to": None}, "to"),
        ({"branchId": an_id("stu")}, "branchId"),
    ],
    ids=str,
)
def test_what_does_not_fit_is_refused_by_its_path(given: dict[str, object], path: str) -> None:
    assert broken(ViewCalendar, SPAN | given) == [path]


def test_a_view_is_read_back_as_it_was_written() -> None:
    claim = {
        "resourceType": "instructor",
        "resourceId": an_id("ins"),
        "startsAt": NINE,
        "endsAt": "2026-11-24T10:30:00Z",
        "ownerType": "lesson",
        "ownerId": an_id("les"),
    }
    lesson = {
        "zone": "Europe/Berlin",
        "local": {"start": "2026-11-24T10:00", "end": "2026-11-24T11:30"},
        "lesson": {
            "id": an_id("les"),
            "state": "booked",
            "type": "normal",
            "studentId": an_id("stu"),
            "studentName": "Ada Byron",
            "instructorId": an_id("ins"),
            "vehicleId": None,
        },
    }
    view = SPAN | {
        "resources": [{"type": "instructor", "id": an_id("ins"), "name": "Ines Kraft"}],
        "items": [
            claim | lesson,
            claim | {"ownerType": "block", "zone": None, "local": None, "lesson": None},
        ],
    }

    assert written(CalendarView.model_validate(view)) == view
