"""What lessons.searchSlots answers, and that lessons.book agrees (rule K14)."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import product
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from rpcbackend.app import Application
from rpcbackend.schema.base import format_instant
from rpcbackend.schema.limits import Limits
from rpcbackend.schema.users import Role
from rpcbackend.store.claims import Claims
from rpcbackend.store.cursor import write_cursor
from rpcbackend.surroundings import Surroundings
from rpcbackend.testing import CallFailedError, Client, FrozenClock, running_app
from tests.callers import add_api_key, add_caller, connect_as
from tests.factories import (
    School,
    an_id,
    at,
    create_student,
    save_branch,
    save_instructor,
    save_vehicle,
)
from tests.methods.pages import all_pages, page_sizes

MORNING: dict[str, Any] = {
    "from": "2026-11-24T08:00:00Z",
    "to": "2026-11-24T12:00:00Z",
    "durationMinutes": 90,
}


async def search(client: Client, **given: Any) -> list[dict[str, Any]]:
    """Search the morning and return all slots."""
    answer = await client.call("lessons.searchSlots", **MORNING | {"stepMinutes": 30} | given)
    assert answer["nextCursor"] is None
    items: list[dict[str, Any]] = answer["items"]
    return items


def starts_of(slots: list[dict[str, Any]]) -> list[str]:
    return [slot["startsAt"][11:16] for slot in slots]


async def test_slots_are_told_by_start_and_then_by_instructor(client: Client) -> None:
    school = await School(client).open()
    other = await save_instructor(client, school.branch["id"])
    await school.book()

    slots = await search(client, vehicleIds=[school.vehicle["id"]])

    first, second = sorted([school.instructor["id"], other["id"]])
    assert slots == [
        {
            "startsAt": "2026-11-24T10:30:00Z",
            "endsAt": "2026-11-24T12:00:00Z",
            "instructorId": instructor,
            "vehicleId": school.vehicle["id"],
        }
        for instructor in (first, second)
    ]


async def test_without_a_vehicle_and_a_student_only_the_instructor_has_to_be_free(
    client: Client,
) -> None:
    school = await School(client).open()
    other = await save_instructor(client, school.branch["id"])
    await school.book()

    slots = await search(client, instructorIds=[other["id"]])

    assert starts_of(slots) == ["08:00", "08:30", "09:00", "09:30", "10:00", "10:30"]
    assert {slot["vehicleId"] for slot in slots} == {None}
    assert starts_of(await search(client, instructorIds=[school.instructor["id"]])) == ["10:30"]
    busy = await search(client, instructorIds=[other["id"]], studentId=school.student["id"])
    assert starts_of(busy) == ["10:30"]


async def test_the_first_wanted_vehicle_that_is_free_and_in_service_is_named(
    client: Client,
) -> None:
    school = await School(client).open()
    branch, instructor = school.branch["id"], await save_instructor(client, school.branch["id"])
    second = await save_vehicle(client, branch, plate="B-FS 102")
    broken = await save_vehicle(client, branch, plate="B-FS 103", state="workshop")
    await school.book(durationMinutes=30)
    wanted = [broken["id"], school.vehicle["id"], second["id"]]

    slots = await search(
        client, instructorIds=[instructor["id"]], vehicleIds=wanted, durationMinutes=60
    )

    assert {slot["startsAt"][11:16]: slot["vehicleId"] for slot in slots} == {
        "08:00": school.vehicle["id"],
        "08:30": second["id"],
        "09:00": second["id"],
        **dict.fromkeys(["09:30", "10:00", "10:30", "11:00"], school.vehicle["id"]),
    }
    assert await search(client, vehicleIds=[broken["id"]]) == []


async def test_who_left_has_no_slots(client: Client) -> None:
    school = await School(client).open()
    gone = await save_instructor(client, school.branch["id"], state="inactive")

    slots = await search(client)

    assert {slot["instructorId"] for slot in slots} == {school.instructor["id"]}
    assert await search(client, instructorIds=[gone["id"]]) == []


async def test_nothing_is_found_before_now_or_outside_of_the_day_s_hours(
    client: Client, clock: FrozenClock
) -> None:
    await School(client).open()
    clock.advance(90)
    days = {"from": "2026-11-22T00:00:00Z", "to": "2026-11-24T07:30:00Z", "stepMinutes": 60}

    slots = await search(client, **days)

    assert slots[0]["startsAt"] == "2026-11-23T09:00:00Z"
    assert [slot["startsAt"] for slot in slots[-2:]] == [
        "2026-11-23T18:00:00Z",
        "2026-11-24T06:00:00Z",
    ]
    assert await search(client, **days | {"to": "2026-11-23T08:01:00Z"}) == []


@pytest.mark.parametrize(
    ("given", "symbol", "details"),
    [
        ({"to": MORNING["from"]}, "LIMIT_EXCEEDED", {"field": "to", "maxDays": 31}),
        ({"to": "2026-12-25T08:00:01Z"}, "LIMIT_EXCEEDED", {"field": "to", "maxDays": 31}),
        ({"cursor": "x"}, "CURSOR_INVALID", None),
        ({"cursor": write_cursor("a", 1)}, "CURSOR_INVALID", None),
        *(
            (given, "NOT_FOUND", {"entity": entity, "id": an_id(entity[:3])})
            for given, entity in (
                ({"studentId": an_id("stu")}, "student"),
                ({"instructorIds": [an_id("ins")]}, "instructor"),
                ({"vehicleIds": [an_id("veh")]}, "vehicle"),
            )
        ),
    ],
    ids=str,
)
async def test_a_search_for_what_there_cannot_be_is_refused(
    client: Client, given: dict[str, Any], symbol: str, details: dict[str, Any] | None
) -> None:
    await School(client).open()

    with pytest.raises(CallFailedError) as failed:
        await search(client, **given)

    assert (failed.value.symbol, failed.value.details) == (symbol, details)


async def test_a_search_for_a_student_who_is_not_active_says_so_as_a_booking_would(
    client: Client,
) -> None:
    school = await School(client).open()
    await client.call("students.transition", studentId=school.student["id"], to="paused")

    with pytest.raises(CallFailedError) as failed:
        await search(client, studentId=school.student["id"])

    assert failed.value.symbol == "PREREQUISITE_MISSING"


async def test_a_student_finds_times_at_which_he_is_free_himself(
    app: Application, client: Client
) -> None:
    school = await School(client).open()
    other = await save_instructor(client, school.branch["id"])
    await school.book()
    student = await connect_as(app, 1, Role.STUDENT, linked_person_id=school.student["id"])

    slots = await search(student, instructorIds=[other["id"]])

    assert starts_of(slots) == ["10:30"]


async def test_a_cursor_far_in_the_future_finds_nothing_more(client: Client) -> None:
    await School(client).open()

    assert await search(client, cursor=write_cursor(2**53 - 1, "ins")) == []


# For a lesson that is to be moved


async def test_slots_for_a_lesson_are_for_its_student_and_vehicle_and_its_own_time_is_free(
    client: Client,
) -> None:
    school = await School(client).open()
    lesson = await school.book()
    await school.book(startsAt="2026-11-24T10:30:00Z", durationMinutes=30)
    other = await save_instructor(client, school.branch["id"])
    second = await save_vehicle(client, school.branch["id"], plate="B-FS 102")
    place = {"lessonId": lesson["id"], "instructorIds": [other["id"]], "durationMinutes": 60}

    slots = await search(client, **place)
    in_second = await search(client, **place, vehicleIds=[second["id"]])

    assert starts_of(slots) == ["08:00", "08:30", "09:00", "09:30", "11:00"]
    assert {slot["vehicleId"] for slot in slots} == {school.vehicle["id"]}
    assert [slot | {"vehicleId": None} for slot in in_second] == [
        slot | {"vehicleId": None} for slot in slots
    ]
    for slot in slots:
        moved = {key: slot[key] for key in ("startsAt", "instructorId", "vehicleId")}
        await client.call(
            "lessons.reschedule",
            lessonId=lesson["id"],
            durationMinutes=60,
            _meta={"dryRun": True},
            **moved,
        )


@pytest.mark.parametrize(
    ("state", "given", "symbol"),
    [
        ("booked", {"lessonId": an_id("les")}, "NOT_FOUND"),
        ("cancelled", {}, "INVALID_TRANSITION"),
        ("booked", {"studentId": an_id("stu")}, "INVALID_PARAMS"),
    ],
    ids=str,
)
async def test_a_search_for_a_lesson_that_cannot_be_moved_is_refused(
    client: Client, state: str, given: dict[str, Any], symbol: str
) -> None:
    lesson = await (await School(client).open()).book()
    if state == "cancelled":
        await client.call("lessons.cancel", lessonId=lesson["id"], by="school", reasonCode="other")

    with pytest.raises(CallFailedError) as failed:
        await search(client, **{"lessonId": lesson["id"]} | given)

    assert failed.value.symbol == symbol


# Who may name what


async def test_a_student_names_neither_vehicles_nor_lessons(
    app: Application, client: Client
) -> None:
    """Whether a vehicle is there, and when it is driven, is not told to him."""
    school = await School(client).open()
    lesson = await school.book()
    student = await connect_as(app, 1, Role.STUDENT, linked_person_id=school.student["id"])

    for named in (
        {"vehicleIds": [school.vehicle["id"]]},
        {"vehicleIds": [an_id("veh")]},
        {"lessonId": lesson["id"]},
    ):
        with pytest.raises(CallFailedError) as failed:
            await search(student, **named)
        assert failed.value.symbol == "FORBIDDEN"


async def test_an_instructor_searches_for_his_own_lessons_alone(
    app: Application, client: Client
) -> None:
    school = await School(client).open()
    other = await save_instructor(client, school.branch["id"])
    own = await school.book()
    others = await school.book(instructorId=other["id"], startsAt="2026-11-25T09:00:00Z")
    teacher = await connect_as(app, 1, Role.INSTRUCTOR, linked_person_id=school.instructor["id"])

    assert starts_of(await search(teacher, lessonId=own["id"]))[:1] == ["08:00"]
    with pytest.raises(CallFailedError) as failed:
        await search(teacher, lessonId=others["id"])
    assert failed.value.symbol == "NOT_FOUND"


@pytest.mark.parametrize(
    ("scopes", "symbol"),
    [
        (["lessons:read"], "SCOPE_MISSING"),
        (["lessons:read", "students:read"], "PREREQUISITE_MISSING"),
        (["lessons:read", "lessons:book"], "PREREQUISITE_MISSING"),
    ],
    ids=str,
)
async def test_a_key_learns_whether_a_student_may_be_taught_if_it_reads_or_books_him(
    app: Application, client: Client, scopes: list[str], symbol: str
) -> None:
    school = await School(client).open()
    await client.call("students.transition", studentId=school.student["id"], to="paused")
    await add_caller(app.store, 1, Role.OFFICE)
    token = await add_api_key(app.store, 1, *scopes)

    with pytest.raises(CallFailedError) as failed:
        await search(client, studentId=school.student["id"], _meta={"token": token})

    assert failed.value.symbol == symbol


# What it costs, and how far it goes


async def test_a_search_looks_no_further_than_the_page_it_fills(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked_at: list[timedelta] = []
    busy = Claims.busy

    async def look(claims: Claims, resources: Any, *span: datetime, **more: Any) -> Any:
        looked_at.append(span[1] - span[0])
        return await busy(claims, resources, *span, **more)

    monkeypatch.setattr(Claims, "busy", look)
    await School(client).open()
    month = MORNING | {"to": "2026-12-25T08:00:00Z"}

    page = await client.call("lessons.searchSlots", **month, limit=1)

    assert len(page["items"]) == 1
    assert looked_at == [timedelta(days=1, minutes=MORNING["durationMinutes"])]


async def test_nothing_is_found_that_ends_beyond_the_horizon(
    client: Client, clock: FrozenClock
) -> None:
    school = await School(client).open()
    clock.set_wall(-3_653 * 24 * 3_600)
    days = {"from": "2026-11-22T00:00:00Z", "to": "2026-11-24T00:00:00Z", "stepMinutes": 60}

    slots = await search(client, **days)

    assert slots[-1]["endsAt"] == "2026-11-23T07:30:00Z"
    for starts_at, is_taken in ((slots[-1]["startsAt"], True), ("2026-11-23T07:00:00Z", False)):
        booking = school.booking(startsAt=starts_at, vehicleId=None)
        assert ("result" in await client.start("lessons.book", booking)) == is_taken
    assert (
        await search(client, **{"from": "2999-12-01T00:00:00Z", "to": "2999-12-31T23:59:00Z"}) == []
    )


async def test_a_search_is_a_heavy_call(clock: FrozenClock) -> None:
    limits = Limits(heavy_per_second=1)
    async with running_app(surroundings=Surroundings(clock=clock), limits=limits) as app:
        await School(Client(app)).open()
        owner = await connect_as(app, 1, Role.OWNER)
        await search(owner)
        await search(owner)

        with pytest.raises(CallFailedError) as limited:
            await search(owner)

    assert limited.value.symbol == "RATE_LIMITED"


# K14


@dataclass(frozen=True, slots=True)
class Booking:
    """One that stands in the way, by the numbers of the few."""

    instructor: int
    vehicle: int
    student: int
    quarter: int
    minutes: int


BOOKINGS = some.lists(
    some.builds(
        Booking,
        some.integers(0, 1),
        some.integers(0, 1),
        some.integers(0, 1),
        some.integers(0, 80),
        some.sampled_from([5, 45, 90, 300]),
    ),
    max_size=12,
)
DAWN = at("2026-11-24T03:00:00Z")


class Few:
    """Three instructors in two time zones, one of them gone; two vehicles and two students."""

    def __init__(self, client: Client) -> None:
        self.client = client

    async def open(self, bookings: list[Booking]) -> None:
        """Engage them, and book what can be booked."""
        client = self.client
        berlin = (await save_branch(client))["id"]
        london = (await save_branch(client, zone="Europe/London"))["id"]
        self.instructors = [
            (await save_instructor(client, branch))["id"] for branch in (berlin, london, berlin)
        ]
        self.vehicles = [(await save_vehicle(client, london, plate=p))["id"] for p in "AB"]
        self.students = [(await create_student(client, london))["id"] for _ in range(2)]
        for one in bookings:
            await self.books(
                studentId=self.students[one.student],
                instructorId=self.instructors[one.instructor],
                vehicleId=self.vehicles[one.vehicle],
                startsAt=format_instant(DAWN + timedelta(minutes=15 * one.quarter)),
                durationMinutes=one.minutes,
            )
        await save_instructor(client, berlin, instructorId=self.instructors[2], state="inactive")

    async def books(self, **params: Any) -> bool:
        """Tell whether lessons.book takes it."""
        return "result" in await self.client.start("lessons.book", params)

    async def first_to_book(self, vehicles: list[str | None], **params: Any) -> list[str | None]:
        """Return the first vehicle with which lessons.book would take it, if any."""
        for vehicle in vehicles:
            if await self.books(vehicleId=vehicle, _meta={"dryRun": True}, **params):
                return [vehicle]
        return []


@settings(max_examples=25)
@given(
    bookings=BOOKINGS,
    minutes=some.sampled_from([45, 90, 600]),
    step=some.sampled_from([40, 60]),
    vehicles=some.none() | some.permutations([0, 1]) | some.just([1]),
    limit=some.integers(1, 30),
)
async def test_what_is_found_is_exactly_what_can_be_booked_in_pages_that_repeat_nothing(
    bookings: list[Booking], minutes: int, step: int, vehicles: list[int] | None, limit: int
) -> None:
    """Rule K14, both ways: every start of the grid is tried with lessons.book."""
    limits = Limits(heavy_per_second=1_000)
    async with running_app(surroundings=Surroundings(clock=FrozenClock()), limits=limits) as app:
        few = Few(Client(app))
        await few.open(bookings)
        wanted = None if vehicles is None else [few.vehicles[one] for one in vehicles]
        common = {"studentId": few.students[0], "durationMinutes": minutes}
        # Each branch opens at seven on its own clock, and closes fourteen hours later.
        opens = dict(zip(few.instructors, (6, 7, 6), strict=True))
        expected = []
        for number, instructor in product(range((840 - minutes) // step + 1), few.instructors):
            minute = opens[instructor] * 60 + number * step
            starts_at = format_instant(at("2026-11-24T00:00:00Z") + timedelta(minutes=minute))
            booking = common | {"instructorId": instructor, "startsAt": starts_at}
            expected += [
                (starts_at, instructor, vehicle)
                for vehicle in await few.first_to_book(wanted or [None], **booking)
            ]

        found, sizes = await all_pages(
            few.client,
            "lessons.searchSlots",
            limit,
            **{"from": "2026-11-24T00:00:00Z", "to": "2026-11-25T00:00:00Z"} | common,
            stepMinutes=step,
            vehicleIds=wanted,
        )

        keys = ("startsAt", "instructorId", "vehicleId")
        assert [tuple(slot[key] for key in keys) for slot in found] == sorted(expected)
        assert sizes == page_sizes(len(expected), limit)
