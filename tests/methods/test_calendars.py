"""What calendar.view answers."""

from typing import Any

import orjson
import pytest

from rpcbackend.schema.calendars import CalendarView
from rpcbackend.store import Store, Work
from rpcbackend.testing import CallFailedError, Client
from tests.factories import (
    School,
    an_id,
    create_student,
    make_claim,
    save_branch,
    save_instructor,
    save_vehicle,
)

DAY = {"from": "2026-11-24T00:00:00Z", "to": "2026-11-25T00:00:00Z"}


async def view(client: Client, **given: Any) -> dict[str, Any]:
    """Look at the day, and check that the answer is what the contract promises."""
    answer = await client.call("calendar.view", **DAY | given)
    assert CalendarView.model_validate_json(orjson.dumps(answer)).model_dump(mode="json") == answer
    return answer


def item(school: School, lesson: dict[str, Any], kind: str) -> dict[str, Any]:
    """Tell how a lesson at nine ought to stand in the calendar of one who takes part."""
    return {
        "resourceType": kind,
        "resourceId": lesson[f"{kind}Id"],
        "startsAt": lesson["startsAt"],
        "endsAt": lesson["endsAt"],
        "ownerType": "lesson",
        "ownerId": lesson["id"],
        "zone": "Europe/Berlin",
        "local": lesson["local"],
        "lesson": {
            "id": lesson["id"],
            "state": "booked",
            "type": "normal",
            "studentId": school.student["id"],
            "studentName": "Ada Byron",
            "instructorId": school.instructor["id"],
            "vehicleId": lesson["vehicleId"],
        },
    }


async def test_the_view_shows_whose_time_is_asked_for_and_what_takes_it(client: Client) -> None:
    school = await School(client).open()
    lesson = await school.book()

    answer = await view(client)

    assert answer == DAY | {
        "resources": [{"type": "instructor", "id": school.instructor["id"], "name": "Ines Kraft"}],
        "items": [item(school, lesson, "instructor")],
    }


async def test_every_kind_of_resource_can_be_shown(client: Client) -> None:
    school = await School(client).open()
    lesson = await school.book()

    answer = await view(client, resourceTypes=["student", "vehicle", "instructor", "room"])

    assert answer["resources"] == [
        {"type": "instructor", "id": school.instructor["id"], "name": "Ines Kraft"},
        {"type": "student", "id": school.student["id"], "name": "Ada Byron"},
        {"type": "vehicle", "id": school.vehicle["id"], "name": "B-FS 101"},
    ]
    # All start at nine, so they come by name.
    by_name = ("student", "vehicle", "instructor")
    assert answer["items"] == [item(school, lesson, kind) for kind in by_name]


async def test_the_idle_are_shown_too_and_those_who_left_are_not(client: Client) -> None:
    branch = await save_branch(client)
    await save_instructor(client, branch["id"], familyName="Gone", state="inactive")
    await save_vehicle(client, branch["id"], state="retired")
    await create_student(client, branch["id"], state="enquiry")
    idle = await save_instructor(client, branch["id"], givenName='"Zoë"', familyName="ب")
    workshop = await save_vehicle(client, branch["id"], plate="W", state="workshop")

    answer = await view(client, resourceTypes=["instructor", "vehicle", "student"])

    assert answer == DAY | {
        "resources": [
            {"type": "instructor", "id": idle["id"], "name": '"Zoë" ب'},
            {"type": "vehicle", "id": workshop["id"], "name": "W"},
        ],
        "items": [],
    }


@pytest.mark.parametrize(
    ("span", "seen"),
    [
        (("10:29", "10:30"), [0]),
        (("09:59", "10:00"), [0]),
        (("10:30", "12:00"), []),
        (("08:00", "09:00"), []),
        (("08:00", "09:00:00.001"), [0]),
        (("08:00", "09:01"), [0]),
        (("10:00", "12:01"), [0, 1]),
        (("10:30", "12:01"), [1]),
    ],
    ids=str,
)
async def test_the_view_shows_what_reaches_into_it_from_before_and_what_starts_in_it(
    client: Client, span: tuple[str, str], seen: list[int]
) -> None:
    school = await School(client).open()
    lessons = [await school.book(), await school.book(startsAt="2026-11-24T12:00:00Z")]
    start, end = (f"2026-11-24T{time}Z" for time in span)

    answer = await client.call("calendar.view", **{"from": start, "to": end})

    assert answer["items"] == [item(school, lessons[which], "instructor") for which in seen]


async def test_a_cancelled_lesson_is_gone_from_the_view(client: Client) -> None:
    lesson = await (await School(client).open()).book()
    await client.call("lessons.cancel", lessonId=lesson["id"], by="school", reasonCode="other")

    assert (await view(client))["items"] == []


async def test_the_view_shows_one_branch_when_asked_to(client: Client) -> None:
    school = await School(client).open()
    lesson = await school.book()
    north = await save_branch(client, name="Nord")
    idle = await save_instructor(client, north["id"], givenName="Ben")

    ours = await view(client, branchId=school.branch["id"])
    theirs = await view(client, branchId=north["id"])

    assert ours["items"] == [item(school, lesson, "instructor")]
    assert [one["id"] for one in ours["resources"]] == [school.instructor["id"]]
    assert theirs["items"] == []
    assert [one["id"] for one in theirs["resources"]] == [idle["id"]]
    assert await view(client, branchId=an_id("bra")) == DAY | {"resources": [], "items": []}


async def test_what_is_no_lesson_is_shown_without_one(client: Client, store: Store) -> None:
    school = await School(client).open()

    async def block(work: Work) -> None:
        await work.claims.take(
            [make_claim(resource_id=school.instructor["id"], owner_type="block", owner_id="blo_1")]
        )

    await store.write(block, actor="tests")

    assert (await view(client))["items"] == [
        {
            "resourceType": "instructor",
            "resourceId": school.instructor["id"],
            "startsAt": "2026-11-24T09:00:00Z",
            "endsAt": "2026-11-24T10:30:00Z",
            "ownerType": "block",
            "ownerId": "blo_1",
            "zone": None,
            "local": None,
            "lesson": None,
        }
    ]


@pytest.mark.parametrize(
    "to",
    ["2027-01-25T00:00:01Z", "2026-11-24T00:00:00Z", "2026-11-23T23:59:59Z"],
    ids=["over 62 days", "nothing", "backwards"],
)
async def test_a_view_of_too_long_or_no_time_is_refused(client: Client, to: str) -> None:
    with pytest.raises(CallFailedError) as failed:
        await client.call("calendar.view", **DAY | {"to": to})

    assert failed.value.symbol == "LIMIT_EXCEEDED"
    assert failed.value.details == {"field": "to", "maxDays": 62}


async def test_a_view_of_62_days_is_answered(client: Client) -> None:
    span = {"from": "2026-11-24T00:00:00Z", "to": "2027-01-25T00:00:00Z"}

    assert await view(client, **span) == span | {"resources": [], "items": []}
