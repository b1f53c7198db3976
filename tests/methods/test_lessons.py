"""What the lessons.* channels answer."""

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from rpcbackend.schema.base import format_instant
from rpcbackend.store import Store
from rpcbackend.store.cursor import write_cursor
from rpcbackend.surroundings import Surroundings
from rpcbackend.testing import CallFailedError, Client, FrozenClock, running_app
from tests.factories import (
    NINE,
    School,
    an_id,
    at,
    claims_in,
    create_student,
    keyed,
    save_branch,
    save_instructor,
    save_vehicle,
    told_of,
)
from tests.methods.pages import all_pages, page_sizes


async def refusal(client: Client, channel: str, **params: Any) -> CallFailedError:
    """Call a channel that must refuse, and return how."""
    with pytest.raises(CallFailedError) as failed:
        await client.call(channel, **params)
    return failed.value


# lessons.book


async def test_a_booked_lesson_is_answered_whole_with_its_claims(client: Client) -> None:
    school = await School(client).open()

    booked = await client.call(
        "lessons.book", **school.booking(type="night", pickup="Bahnhof", dropoff="Schule")
    )

    lesson_id = booked["lesson"]["id"]
    span = {"startsAt": "2026-11-24T09:00:00Z", "endsAt": "2026-11-24T10:30:00Z"}
    people = {
        "instructor": school.instructor["id"],
        "vehicle": school.vehicle["id"],
        "student": school.student["id"],
    }
    assert booked == {
        "lesson": {
            "id": lesson_id,
            "branchId": school.branch["id"],
            "studentId": people["student"],
            "instructorId": people["instructor"],
            "vehicleId": people["vehicle"],
            "type": "night",
            "state": "booked",
            **span,
            "zone": "Europe/Berlin",
            "local": {"start": "2026-11-24T10:00", "end": "2026-11-24T11:30"},
            "pickup": "Bahnhof",
            "dropoff": "Schule",
            "cancelledBy": None,
            "cancelCode": None,
            "cancelledAt": None,
            "version": 1,
        },
        "claims": [
            {
                "resourceType": kind,
                "resourceId": key,
                **span,
                "ownerType": "lesson",
                "ownerId": lesson_id,
            }
            for kind, key in people.items()
        ],
    }
    assert await client.call("lessons.get", lessonId=lesson_id) == booked


async def test_a_booking_is_told_of_by_ids_and_times(client: Client, store: Store) -> None:
    school = await School(client).open()
    before = store.head_seq

    lesson = await school.book(pickup="Bahnhof")

    aggregate = {"type": "lesson", "id": lesson["id"], "version": 1}
    data = {
        "lessonId": lesson["id"],
        "branchId": school.branch["id"],
        "studentId": school.student["id"],
        "instructorId": school.instructor["id"],
        "vehicleId": school.vehicle["id"],
        "state": "booked",
        "startsAt": "2026-11-24T09:00:00Z",
        "endsAt": "2026-11-24T10:30:00Z",
    }
    assert await told_of(store, before) == [("lessons.booked", aggregate, data)]


async def test_a_lesson_without_a_vehicle_claims_only_the_two_people(client: Client) -> None:
    school = await School(client).open()

    booked = await client.call("lessons.book", **school.booking(vehicleId=None))

    assert booked["lesson"]["vehicleId"] is None
    assert [claim["resourceType"] for claim in booked["claims"]] == ["instructor", "student"]


async def test_lessons_that_touch_do_not_conflict(client: Client, store: Store) -> None:
    school = await School(client).open()

    for start in ("2026-11-24T09:00:00Z", "2026-11-24T10:30:00Z", "2026-11-24T07:30:00Z"):
        await school.book(startsAt=start)

    assert await claims_in(store) == 9


async def test_a_taken_slot_is_refused_with_what_is_in_the_way_and_the_nearest_free_times(
    client: Client, store: Store
) -> None:
    school = await School(client).open()
    booked = await client.call("lessons.book", **school.booking())
    before = store.head_seq

    failed = await refusal(
        client, "lessons.book", **school.booking(startsAt="2026-11-24T10:00:00Z")
    )

    assert failed.code == 1301
    assert failed.data == {
        "code": "CONFLICT_INSTRUCTOR",
        "message": "The instructor is busy then.",
        "type": "business",
        "timestamp": 1_795_420_800_000,
        "retryable": False,
        "outcome": "none",
        "correlationId": failed.data["correlationId"],
        "details": {
            "rule": "K1",
            "conflicts": booked["claims"],
            "alternatives": [
                {"startsAt": "2026-11-24T07:30:00Z", "endsAt": "2026-11-24T09:00:00Z"},
                {"startsAt": "2026-11-24T10:30:00Z", "endsAt": "2026-11-24T12:00:00Z"},
            ],
        },
    }
    assert store.head_seq == before
    assert await claims_in(store) == 3


async def test_every_alternative_that_is_offered_can_be_booked(client: Client) -> None:
    school = await School(client).open()
    await school.book(startsAt="2026-11-24T08:00:00Z", durationMinutes=60)
    await school.book(startsAt="2026-11-24T10:00:00Z", durationMinutes=60)

    failed = await refusal(
        client, "lessons.book", **school.booking(startsAt="2026-11-24T10:30:00Z")
    )

    assert failed.details is not None
    assert len(failed.details["alternatives"]) == 2
    for alternative in failed.details["alternatives"]:
        lesson = await school.book(startsAt=alternative["startsAt"])
        assert lesson["endsAt"] == alternative["endsAt"]


@pytest.mark.parametrize(
    ("others", "symbol"),
    [
        ((), "CONFLICT_INSTRUCTOR"),
        (("instructor",), "CONFLICT_VEHICLE"),
        (("instructor", "vehicle"), "CONFLICT_STUDENT"),
        (("student",), "CONFLICT_INSTRUCTOR"),
        (("vehicle", "student"), "CONFLICT_INSTRUCTOR"),
        (("instructor", "student"), "CONFLICT_VEHICLE"),
    ],
    ids=["all three", "vehicle and student", "student", "two", "instructor", "vehicle"],
)
async def test_a_conflict_is_named_after_the_first_of_instructor_vehicle_and_student(
    client: Client, others: tuple[str, ...], symbol: str
) -> None:
    school = await School(client).open()
    await school.book()
    branch_id = school.branch["id"]
    another = {
        "instructor": (await save_instructor(client, branch_id))["id"],
        "vehicle": (await save_vehicle(client, branch_id, plate="B-FS 102"))["id"],
        "student": (await create_student(client, branch_id))["id"],
    }

    failed = await refusal(
        client, "lessons.book", **school.booking(**{f"{kind}Id": another[kind] for kind in others})
    )

    assert failed.symbol == symbol
    assert failed.details is not None
    assert {claim["resourceType"] for claim in failed.details["conflicts"]} == {
        "instructor",
        "vehicle",
        "student",
    } - set(others)


async def test_no_alternative_is_offered_before_now_or_at_night(
    client: Client, clock: FrozenClock
) -> None:
    school = await School(client).open()
    clock.advance(24 * 3600 + 90)
    await school.book(startsAt="2026-11-24T09:00:00Z", durationMinutes=600)

    failed = await refusal(
        client, "lessons.book", **school.booking(startsAt="2026-11-24T18:00:00Z")
    )

    assert failed.details is not None
    assert failed.details["alternatives"] == []


@pytest.mark.parametrize(
    ("starts_at", "symbol", "details"),
    [
        (
            "2026-11-23T07:59:00Z",
            "TIME_IN_PAST",
            {"field": "startsAt", "now": "2026-11-23T08:00:00Z"},
        ),
        ("2999-12-31T23:00:00Z", "OUTSIDE_HORIZON", {"field": "startsAt", "maxDays": 3_653}),
        ("2026-11-24T09:00:30Z", "TIME_NOT_ON_GRID", {"field": "startsAt"}),
        ("2026-11-24T09:00:00.5Z", "TIME_NOT_ON_GRID", {"field": "startsAt"}),
    ],
)
async def test_a_lesson_starts_on_a_whole_minute_and_not_in_the_past(
    client: Client, starts_at: str, symbol: str, details: dict[str, str]
) -> None:
    school = await School(client).open()

    failed = await refusal(client, "lessons.book", **school.booking(startsAt=starts_at))

    assert (failed.symbol, failed.details) == (symbol, details)


async def test_a_lesson_may_start_right_now(client: Client) -> None:
    school = await School(client).open()

    lesson = await school.book(startsAt="2026-11-23T08:00:00Z")

    assert lesson["local"] == {"start": "2026-11-23T09:00", "end": "2026-11-23T10:30"}


@pytest.mark.parametrize("missing", ["student", "instructor", "vehicle"])
async def test_all_who_take_part_must_be_known(client: Client, missing: str) -> None:
    school = await School(client).open()
    unknown = an_id(missing[:3])

    failed = await refusal(client, "lessons.book", **school.booking(**{f"{missing}Id": unknown}))

    assert failed.symbol == "NOT_FOUND"
    assert failed.details == {"entity": missing, "id": unknown}


async def test_a_student_who_is_not_active_is_not_taught(client: Client) -> None:
    school = await School(client).open()
    student_id = school.student["id"]
    await client.call("students.transition", studentId=student_id, to="paused")

    failed = await refusal(client, "lessons.book", **school.booking())

    assert failed.symbol == "PREREQUISITE_MISSING"
    assert failed.details == {
        "rule": "student.active",
        "studentId": student_id,
        "state": "paused",
    }


async def test_an_instructor_who_left_does_not_teach(client: Client) -> None:
    school = await School(client).open()
    instructor_id = school.instructor["id"]
    await save_instructor(client, school.branch["id"], instructorId=instructor_id, state="inactive")

    failed = await refusal(client, "lessons.book", **school.booking())

    assert failed.symbol == "PREREQUISITE_MISSING"
    assert failed.details == {"rule": "instructor.active", "instructorId": instructor_id}


@pytest.mark.parametrize("state", ["workshop", "retired"])
async def test_a_vehicle_out_of_service_is_not_driven(client: Client, state: str) -> None:
    school = await School(client).open()
    vehicle_id = school.vehicle["id"]
    await save_vehicle(client, school.branch["id"], vehicleId=vehicle_id, state=state)

    failed = await refusal(client, "lessons.book", **school.booking())

    assert failed.symbol == "VEHICLE_UNFIT"
    assert failed.details == {"rule": "K9", "vehicleId": vehicle_id, "state": state}


@pytest.mark.parametrize(
    ("given", "path"),
    [
        ({"durationMinutes": 4}, "durationMinutes"),
        ({"durationMinutes": 601}, "durationMinutes"),
        ({"durationMinutes": 90.0}, "durationMinutes"),
        ({"durationMinutes": True}, "durationMinutes"),
        ({"startsAt": "2026-11-24T10:00:00+01:00"}, "startsAt"),
        ({"startsAt": 1_795_510_800}, "startsAt"),
        ({"startsAt": "9999-12-31T23:59:00Z"}, "startsAt"),
        ({"studentId": "stu_7"}, "studentId"),
        ({"studentId": an_id("ins")}, "studentId"),
        ({"starts_at": NINE}, "starts_at"),
        ({"type": "skid"}, "type"),
        ({"pickup": ""}, "pickup"),
    ],
    ids=str,
)
async def test_params_that_do_not_fit_are_named_but_not_repeated(
    client: Client, given: dict[str, Any], path: str
) -> None:
    school = await School(client).open()

    failed = await refusal(client, "lessons.book", **school.booking(**given))

    assert failed.code == -32602
    assert failed.details is not None
    assert [error["path"] for error in failed.details["errors"]] == [path]


async def test_a_dry_run_answers_what_a_booking_would_and_leaves_nothing(
    client: Client, store: Store
) -> None:
    school = await School(client).open()
    before = store.head_seq
    meta = {"dryRun": True, "idempotencyKey": "once"}

    dry = await client.call_with_meta("lessons.book", school.booking(_meta=meta))

    assert dry["_meta"] == {"seq": before}
    assert await claims_in(store) == 0
    assert store.head_seq == before
    # Its id was never used, so the booking itself differs in nothing else.
    real = await client.call_with_meta(
        "lessons.book", school.booking(_meta={"idempotencyKey": "once"})
    )
    assert real.pop("_meta") == {"seq": before + 1}
    assert without_ids(real) == without_ids({"lesson": dry["lesson"], "claims": dry["claims"]})


def without_ids(view: dict[str, Any]) -> dict[str, Any]:
    """Leave out what every booking has of its own."""
    return {
        "lesson": view["lesson"] | {"id": None},
        "claims": [claim | {"ownerId": None} for claim in view["claims"]],
    }


async def test_a_dry_run_of_a_taken_slot_is_refused_as_the_booking_would_be(
    client: Client,
) -> None:
    school = await School(client).open()
    await school.book()

    failed = await refusal(client, "lessons.book", **school.booking(_meta={"dryRun": True}))

    assert failed.symbol == "CONFLICT_INSTRUCTOR"


async def test_an_answer_tells_the_last_event_that_it_reflects(
    client: Client, store: Store
) -> None:
    school = await School(client).open()

    booked = await client.call_with_meta("lessons.book", school.booking())
    read = await client.call_with_meta("lessons.list", {})

    assert booked["_meta"]["seq"] == read["_meta"]["seq"] == store.head_seq == 5


# lessons.get, lessons.list


async def test_get_of_an_unknown_id_is_not_found(client: Client) -> None:
    failed = await refusal(client, "lessons.get", lessonId=an_id("les"))

    assert failed.symbol == "NOT_FOUND"
    assert failed.details == {"entity": "lesson", "id": an_id("les")}


async def test_lessons_are_listed_by_start_and_narrowed_by_every_filter(client: Client) -> None:
    school = await School(client).open()
    other = await save_instructor(client, school.branch["id"])
    late = await school.book(startsAt="2026-11-25T09:00:00Z")
    early = await school.book()
    third = await school.book(
        startsAt="2026-11-24T12:00:00Z", instructorId=other["id"], vehicleId=None
    )
    cancelled = await client.call(
        "lessons.cancel", lessonId=late["id"], by="school", reasonCode="weather"
    )
    late = cancelled["lesson"]

    async def listed(**params: str) -> list[dict[str, Any]]:
        page = await client.call("lessons.list", **params)
        assert page["nextCursor"] is None
        items: list[dict[str, Any]] = page["items"]
        return items

    assert await listed() == [early, third, late]
    assert await listed(studentId=school.student["id"]) == [early, third, late]
    assert await listed(instructorId=other["id"]) == [third]
    assert await listed(vehicleId=school.vehicle["id"]) == [early, late]
    assert await listed(branchId=an_id("bra")) == []
    assert await listed(branchId=school.branch["id"]) == [early, third, late]
    assert await listed(state="cancelled") == [late]
    assert await listed(vehicleId=school.vehicle["id"], state="booked") == [early]


@pytest.mark.parametrize(
    ("span", "found"),
    [
        ({"from": "2026-11-24T10:29:00Z"}, True),
        ({"from": "2026-11-24T10:29:59.999Z"}, True),
        ({"from": "2026-11-24T10:30:00Z"}, False),
        ({"to": "2026-11-24T09:00:00Z"}, False),
        ({"to": "2026-11-24T09:00:00.001Z"}, True),
        ({"to": "2026-11-24T09:01:00Z"}, True),
        ({"from": "2026-11-24T09:30:00Z", "to": "2026-11-24T09:31:00Z"}, True),
    ],
    ids=str,
)
async def test_a_span_finds_lessons_that_end_after_its_begin_and_start_before_its_end(
    client: Client, span: dict[str, str], found: bool
) -> None:
    lesson = await (await School(client).open()).book()

    page = await client.call("lessons.list", **span)

    assert page["items"] == ([lesson] if found else [])


async def test_the_longest_lesson_is_found_by_its_last_minute(client: Client) -> None:
    lesson = await (await School(client).open()).book(durationMinutes=600)

    page = await client.call("lessons.list", **{"from": "2026-11-24T18:59:00Z"})

    assert page["items"] == [lesson]


@settings(max_examples=20)
@given(
    starts=some.lists(some.tuples(some.integers(0, 8), some.integers(0, 1)), unique=True),
    limit=some.integers(1, 5),
)
async def test_pages_hold_every_lesson_once_in_the_order_of_starts(
    starts: list[tuple[int, int]], limit: int
) -> None:
    async with running_app(surroundings=Surroundings(clock=FrozenClock())) as app:
        client = Client(app)
        school = await School(client).open()
        other = {
            "instructorId": (await save_instructor(client, school.branch["id"]))["id"],
            "studentId": (await create_student(client, school.branch["id"]))["id"],
        }
        booked = [
            await school.book(
                startsAt=format_instant(at(NINE) + timedelta(minutes=90 * slot)),
                vehicleId=None,
                **other if who else {},
            )
            for slot, who in starts
        ]

        listed, sizes = await all_pages(client, "lessons.list", limit)

        assert listed == sorted(booked, key=lambda one: (one["startsAt"], one["id"]))
        assert sizes == page_sizes(len(starts), limit)


@pytest.mark.parametrize(
    "cursor", ["x", write_cursor("a", "b", "c"), write_cursor(2**63, "les"), write_cursor(1)]
)
async def test_a_cursor_of_another_list_is_refused(client: Client, cursor: str) -> None:
    failed = await refusal(client, "lessons.list", cursor=cursor)

    assert failed.symbol == "CURSOR_INVALID"


# lessons.reschedule


async def test_a_moved_lesson_is_the_same_one_at_another_time(client: Client, store: Store) -> None:
    """Rule K16."""
    school = await School(client).open()
    lesson = await school.book(type="night", pickup="Bahnhof")
    before = store.head_seq

    moved = await client.call(
        "lessons.reschedule",
        lessonId=lesson["id"],
        startsAt="2026-11-25T12:00:00Z",
        durationMinutes=60,
        expectedVersion=1,
    )

    changes = {
        "startsAt": "2026-11-25T12:00:00Z",
        "endsAt": "2026-11-25T13:00:00Z",
        "local": {"start": "2026-11-25T13:00", "end": "2026-11-25T14:00"},
        "version": 2,
    }
    assert moved["lesson"] == lesson | changes
    assert await client.call("lessons.get", lessonId=lesson["id"]) == moved
    assert {claim["startsAt"] for claim in moved["claims"]} == {"2026-11-25T12:00:00Z"}
    assert await claims_in(store) == 3
    ((event, aggregate, data),) = await told_of(store, before)
    assert event == "lessons.rescheduled"
    assert aggregate == {"type": "lesson", "id": lesson["id"], "version": 2}
    assert data == {
        "lessonId": lesson["id"],
        "branchId": school.branch["id"],
        "studentId": school.student["id"],
        "instructorId": school.instructor["id"],
        "vehicleId": school.vehicle["id"],
        "state": "booked",
        "startsAt": "2026-11-25T12:00:00Z",
        "endsAt": "2026-11-25T13:00:00Z",
        "previous": {
            "branchId": school.branch["id"],
            "instructorId": school.instructor["id"],
            "vehicleId": school.vehicle["id"],
            "startsAt": "2026-11-24T09:00:00Z",
            "endsAt": "2026-11-24T10:30:00Z",
        },
    }
    # Its old time is free again.
    assert (await school.book())["state"] == "booked"


async def test_a_lesson_moves_into_its_own_old_time(client: Client) -> None:
    lesson = await (await School(client).open()).book()

    moved = await client.call(
        "lessons.reschedule", lessonId=lesson["id"], startsAt="2026-11-24T09:30:00Z"
    )

    assert moved["lesson"]["endsAt"] == "2026-11-24T11:00:00Z"


async def test_a_lesson_moves_to_another_instructor_of_another_branch_and_out_of_its_vehicle(
    client: Client,
) -> None:
    lesson = await (await School(client).open()).book()
    london = await save_branch(client, name="London", zone="Europe/London")
    other = await save_instructor(client, london["id"])

    moved = await client.call(
        "lessons.reschedule", lessonId=lesson["id"], instructorId=other["id"], vehicleId=None
    )

    assert moved["lesson"] == lesson | {
        "instructorId": other["id"],
        "vehicleId": None,
        "branchId": london["id"],
        "zone": "Europe/London",
        "local": {"start": "2026-11-24T09:00", "end": "2026-11-24T10:30"},
        "version": 2,
    }
    assert [claim["resourceId"] for claim in moved["claims"]] == [
        other["id"],
        lesson["studentId"],
    ]


async def test_a_move_to_a_taken_time_is_refused_like_a_booking_and_leaves_the_old_time(
    client: Client, store: Store
) -> None:
    school = await School(client).open()
    in_the_way = await client.call("lessons.book", **school.booking())
    lesson = await school.book(startsAt="2026-11-24T12:00:00Z")
    before, standing = store.head_seq, await client.call("lessons.get", lessonId=lesson["id"])

    failed = await refusal(
        client, "lessons.reschedule", lessonId=lesson["id"], startsAt="2026-11-24T10:00:00Z"
    )

    assert failed.symbol == "CONFLICT_INSTRUCTOR"
    assert failed.details == {
        "rule": "K1",
        "conflicts": in_the_way["claims"],
        # The second one overlaps the lesson as it stands, which would not be there any more.
        "alternatives": [
            {"startsAt": "2026-11-24T07:30:00Z", "endsAt": "2026-11-24T09:00:00Z"},
            {"startsAt": "2026-11-24T10:30:00Z", "endsAt": "2026-11-24T12:00:00Z"},
        ],
    }
    assert await client.call("lessons.get", lessonId=lesson["id"]) == standing
    assert store.head_seq == before


async def test_every_alternative_that_is_offered_for_a_move_can_be_taken(client: Client) -> None:
    school = await School(client).open()
    await school.book(durationMinutes=60)
    lesson = await school.book(startsAt="2026-11-24T12:00:00Z")

    failed = await refusal(
        client, "lessons.reschedule", lessonId=lesson["id"], startsAt="2026-11-24T09:30:00Z"
    )

    assert failed.details is not None
    assert len(failed.details["alternatives"]) == 2
    for alternative in failed.details["alternatives"]:
        moved = await client.call(
            "lessons.reschedule", lessonId=lesson["id"], startsAt=alternative["startsAt"]
        )
        assert moved["lesson"]["endsAt"] == alternative["endsAt"]


@pytest.mark.parametrize(
    ("given", "symbol"),
    [
        ({"startsAt": "2026-11-23T07:59:00Z"}, "TIME_IN_PAST"),
        ({"startsAt": "2026-11-24T09:00:30Z"}, "TIME_NOT_ON_GRID"),
        ({"instructorId": an_id("ins")}, "NOT_FOUND"),
        ({"vehicleId": an_id("veh")}, "NOT_FOUND"),
        ({"lessonId": an_id("les"), "vehicleId": None}, "NOT_FOUND"),
        ({"startsAt": "2026-11-24T09:00:00Z", "expectedVersion": 2}, "VERSION_CONFLICT"),
        ({"startsAt": "2999-12-31T23:00:00Z"}, "OUTSIDE_HORIZON"),
        ({"expectedVersion": 1}, "INVALID_PARAMS"),
        ({"startsAt": None}, "INVALID_PARAMS"),
    ],
    ids=str,
)
async def test_a_move_is_refused_for_what_a_booking_would_be_and_a_cancellation(
    client: Client, given: dict[str, Any], symbol: str
) -> None:
    lesson = await (await School(client).open()).book()

    failed = await refusal(client, "lessons.reschedule", **{"lessonId": lesson["id"]} | given)

    assert failed.symbol == symbol
    assert (await client.call("lessons.get", lessonId=lesson["id"]))["lesson"] == lesson


async def test_who_takes_part_must_still_fit_when_a_lesson_is_moved(client: Client) -> None:
    school = await School(client).open()
    lesson = await school.book()
    await client.call("students.transition", studentId=school.student["id"], to="paused")

    failed = await refusal(
        client, "lessons.reschedule", lessonId=lesson["id"], startsAt="2026-11-25T09:00:00Z"
    )

    assert failed.symbol == "PREREQUISITE_MISSING"


async def test_a_lesson_that_has_begun_or_was_cancelled_cannot_be_moved(
    client: Client, clock: FrozenClock
) -> None:
    school = await School(client).open()
    begun = await school.book()
    cancelled = await school.book(startsAt="2026-11-26T09:00:00Z")
    await client.call("lessons.cancel", lessonId=cancelled["id"], by="school", reasonCode="other")
    clock.advance(25 * 3_600)

    for lesson, state in ((begun, "booked"), (cancelled, "cancelled")):
        move = {"lessonId": lesson["id"], "startsAt": "2026-11-27T09:00:00Z"}
        failed = await refusal(client, "lessons.reschedule", **move)
        assert failed.symbol == "INVALID_TRANSITION"
        assert failed.details == {"from": state, "startsAt": lesson["startsAt"]}


async def test_a_move_to_where_a_lesson_is_already_answers_it_and_leaves_nothing(
    client: Client, store: Store
) -> None:
    school = await School(client).open()
    booked = await client.call("lessons.book", **school.booking())
    before = store.head_seq

    moved = await client.call(
        "lessons.reschedule",
        lessonId=booked["lesson"]["id"],
        startsAt="2026-11-24T09:00:00Z",
        durationMinutes=90,
        instructorId=school.instructor["id"],
    )

    assert moved == booked
    assert store.head_seq == before


async def test_a_lesson_that_is_moved_stays_in_its_branch_unless_another_instructor_takes_it(
    client: Client, store: Store
) -> None:
    school = await School(client).open()
    lesson = await school.book()
    london = await save_branch(client, name="London", zone="Europe/London")
    teacher = {"instructorId": school.instructor["id"]}
    await save_instructor(client, london["id"], **teacher)
    other = await save_instructor(client, london["id"])
    before, place = store.head_seq, {"lessonId": lesson["id"]}

    await client.call("lessons.reschedule", **place, startsAt="2026-11-25T09:00:00Z")
    await client.call("lessons.reschedule", **place, instructorId=other["id"])

    first, second = (data for _, _, data in await told_of(store, before))
    assert (first["branchId"], first["previous"]["branchId"]) == (school.branch["id"],) * 2
    assert second["previous"]["branchId"] == school.branch["id"]
    assert second["branchId"] == london["id"]


async def test_where_a_lesson_is_already_is_no_alternative_to_a_move(client: Client) -> None:
    school = await School(client).open()
    lesson = await school.book()
    await school.book(startsAt="2026-11-24T10:30:00Z")

    failed = await refusal(
        client, "lessons.reschedule", lessonId=lesson["id"], startsAt="2026-11-24T10:30:00Z"
    )

    assert failed.details is not None
    assert failed.details["alternatives"] == [
        {"startsAt": "2026-11-24T12:00:00Z", "endsAt": "2026-11-24T13:30:00Z"}
    ]


async def test_a_dry_run_of_a_move_answers_what_it_would_and_leaves_the_lesson(
    client: Client, store: Store
) -> None:
    lesson = await (await School(client).open()).book()
    before = store.head_seq
    move = {"lessonId": lesson["id"], "startsAt": "2026-11-25T09:00:00Z"}

    dry = await client.call("lessons.reschedule", **move, _meta={"dryRun": True})

    assert (await client.call("lessons.get", lessonId=lesson["id"]))["lesson"] == lesson
    assert store.head_seq == before
    assert await client.call("lessons.reschedule", **move) == dry


async def test_a_move_that_is_delivered_twice_by_one_key_moves_once(
    client: Client, store: Store
) -> None:
    lesson = await (await School(client).open()).book()
    move = {"lessonId": lesson["id"], "startsAt": "2026-11-25T09:00:00Z"} | keyed()
    first = await client.call("lessons.reschedule", **move)
    head_seq = store.head_seq

    second = await client.call("lessons.reschedule", **move)

    assert second == first
    assert store.head_seq == head_seq


# lessons.cancel


async def test_a_cancelled_lesson_says_who_and_why_and_gives_its_time_back(
    client: Client, store: Store, clock: FrozenClock
) -> None:
    school = await School(client).open()
    lesson = await school.book()
    before = store.head_seq
    clock.advance(0.75)

    cancelled = await client.call(
        "lessons.cancel", lessonId=lesson["id"], by="student", reasonCode="illness"
    )

    changes = {
        "state": "cancelled",
        "cancelledBy": "student",
        "cancelCode": "illness",
        "cancelledAt": "2026-11-23T08:00:00Z",
        "version": 2,
    }
    assert cancelled == {"lesson": lesson | changes}
    assert await client.call("lessons.get", lessonId=lesson["id"]) == cancelled | {"claims": []}
    told = await told_of(store, before)
    assert [(event, data["state"]) for event, _, data in told] == [
        ("lessons.cancelled", "cancelled")
    ]
    assert told[0][1] == {"type": "lesson", "id": lesson["id"], "version": 2}
    assert (await school.book())["state"] == "booked"


async def test_cancelling_twice_answers_the_same_and_tells_of_it_once(
    client: Client, store: Store
) -> None:
    lesson = await (await School(client).open()).book()
    params = {"lessonId": lesson["id"], "expectedVersion": 1}
    first = await client.call("lessons.cancel", **params, by="school", reasonCode="weather")
    head_seq = store.head_seq

    second = await client.call("lessons.cancel", **params, by="student", reasonCode="other")

    assert second == first
    assert store.head_seq == head_seq


@pytest.mark.parametrize("seconds", [25 * 3600, 25 * 3600 + 60, 48 * 3600])
async def test_a_lesson_that_has_begun_cannot_be_cancelled(
    client: Client, clock: FrozenClock, seconds: int
) -> None:
    lesson = await (await School(client).open()).book()
    clock.advance(seconds)

    failed = await refusal(
        client, "lessons.cancel", lessonId=lesson["id"], by="school", reasonCode="other"
    )

    assert failed.symbol == "INVALID_TRANSITION"
    assert failed.details == {"from": "booked", "to": "cancelled", "allowed": []}


async def test_a_lesson_is_not_cancelled_by_who_saw_another_version(client: Client) -> None:
    lesson = await (await School(client).open()).book()

    failed = await refusal(
        client,
        "lessons.cancel",
        lessonId=lesson["id"],
        by="school",
        reasonCode="other",
        expectedVersion=2,
    )

    assert failed.symbol == "VERSION_CONFLICT"
    assert failed.details == {"expected": 2, "current": 1}


async def test_an_unknown_lesson_cannot_be_cancelled(client: Client) -> None:
    failed = await refusal(
        client, "lessons.cancel", lessonId=an_id("les"), by="school", reasonCode="other"
    )

    assert failed.symbol == "NOT_FOUND"
    assert failed.details == {"entity": "lesson", "id": an_id("les")}
