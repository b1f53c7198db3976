"""What the event stream tells of the demo school."""

from collections import Counter

import pytest

from rpcbackend.demo.chance import moment
from rpcbackend.demo.events import STEPS
from rpcbackend.domain.students import check_first_state, check_transition
from rpcbackend.schema.lessons import Lesson
from rpcbackend.schema.students import Student, StudentState
from rpcbackend.testing import Client
from tests.demo.schools import PLANS, TODAY, school_of
from tests.factories import School


@pytest.mark.parametrize("plan", PLANS)
def test_events_come_in_the_order_of_time_and_none_is_ahead(plan: tuple[int, int, int]) -> None:
    events = school_of(*plan).events
    times = [event["at_ms"] for event in events]

    assert times == sorted(times)
    assert times[-1] < moment(TODAY, 0).timestamp() * 1_000
    assert len({event["id"] for event in events}) == len(events)


@pytest.mark.parametrize("plan", PLANS)
def test_each_record_is_told_of_once_for_each_of_its_versions(plan: tuple[int, int, int]) -> None:
    school = school_of(*plan)
    told: dict[str, list[int]] = {}
    for event in school.events:
        _, record_id, version = event["aggregate"]
        told.setdefault(record_id, []).append(version)

    assert told == {
        record_id: list(range(1, record.version + 1))
        for record_id, record in school.records().items()
    }


@pytest.mark.parametrize("state", list(STEPS))
def test_a_student_takes_only_steps_that_the_rules_allow(state: StudentState) -> None:
    first, *rest = STEPS[state]

    check_first_state(first)
    for now, to in zip([first, *rest], rest, strict=False):
        check_transition(now, to)
    assert [first, *rest][-1] is state


def test_the_last_event_of_a_record_tells_its_state() -> None:
    school = school_of(560, 1, 1)
    last = {event["aggregate"][1]: event for event in school.events}

    people_and_lessons: tuple[Student | Lesson, ...] = (*school.students, *school.lessons)
    assert {each.id: last[each.id]["data"]["state"] for each in people_and_lessons} == {
        each.id: each.state for each in people_and_lessons
    }


async def test_seeded_events_look_like_real_ones(client: Client) -> None:
    await client.call("events.subscribe")
    school = await School(client).open()
    lesson = await school.book()
    await client.call("lessons.cancel", lessonId=lesson["id"], by="school", reasonCode="weather")
    real = [(await client.next_line())["params"] for _ in range(6)]

    seeded = {event["type"]: event for event in school_of(560, 1, 1).events}

    assert [
        (each["type"], each["aggregate"]["type"], list(each["data"]), each["data"].get("state"))
        for each in real
    ] == [
        (each["type"], each["aggregate"][0], list(each["data"]), each["data"].get("state"))
        for each in (seeded[event["type"]] for event in real)
    ]


def test_all_kinds_of_events_are_there() -> None:
    types = Counter(event["type"] for event in school_of(560, 1, 1).events)

    assert set(types) == {
        *("branches.saved", "instructors.saved", "vehicles.saved", "consents.changed"),
        *("students.created", "students.enquiry_created", "students.lost", "students.paused"),
        *("students.graduated", "students.withdrawn", "students.archived"),
        *("lessons.booked", "lessons.confirmed", "lessons.completed", "lessons.cancelled"),
        "lessons.no_show",
    }
