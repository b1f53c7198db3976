"""Where in a calendar there is room."""

from datetime import date, timedelta
from typing import Any

import pytest

from rpcbackend.demo.free_time import Free, first_free
from rpcbackend.domain.spans import Span
from tests.factories import at

SUNDAY, MONDAY = date(2026, 11, 22), date(2026, 11, 23)


def _claim(resource_id: str, start: str, end: str) -> dict[str, str]:
    return {
        "resourceId": resource_id,
        "startsAt": f"2026-11-23T{start}:00Z",
        "endsAt": f"2026-11-23T{end}:00Z",
    }


def _free(hours: tuple[str, str], instructor: str, vehicle: str) -> Free:
    start, end = (at(f"2026-11-23T{hour}:00Z") for hour in hours)
    return Free(Span(start, end), instructor, instructor.title(), vehicle)


@pytest.mark.parametrize(
    ("claims", "expected"),
    [
        ([], _free(("09:00", "10:30"), "ines", "golf")),
        ([_claim("ines", "08:00", "09:00")], _free(("09:00", "10:30"), "ines", "golf")),
        ([_claim("ines", "09:00", "09:45")], _free(("09:00", "10:30"), "jan", "golf")),
        ([_claim("golf", "09:00", "09:45")], _free(("09:00", "10:30"), "ines", "mini")),
        ([_claim("zoe", "09:15", "10:00")], _free(("10:00", "11:30"), "ines", "golf")),
        ([_claim("zoe", "00:00", "23:00")], None),
    ],
    ids=["all free", "just before", "instructor", "vehicle", "student", "all day"],
)
def test_the_first_good_hour_is_found_at_which_all_are_free(
    claims: list[dict[str, str]], expected: Free | None
) -> None:
    view: dict[str, Any] = {
        "resources": [
            {"type": "instructor", "id": "ines", "name": "Ines"},
            {"type": "instructor", "id": "jan", "name": "Jan"},
            {"type": "vehicle", "id": "golf", "name": "MU-FS 101"},
        ],
        "items": claims,
    }

    found = first_free(
        view,
        student_id="zoe",
        vehicle_ids=["golf", "mini"],
        days=[SUNDAY, MONDAY],
        length=timedelta(minutes=90),
    )

    assert found == expected
