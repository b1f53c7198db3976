"""What may be booked and cancelled, and how a refusal explains itself."""

from collections.abc import Callable
from datetime import datetime, timedelta
from itertools import permutations
from typing import Any

import pytest

from rpcbackend.domain.lessons import (
    CLAIMING,
    check_cancel,
    check_fit,
    check_move,
    check_span,
    claims_of,
    refuse_overlap,
)
from rpcbackend.domain.slots import search_window
from rpcbackend.domain.spans import Span
from rpcbackend.errors import (
    InvalidTransitionError,
    OutsideHorizonError,
    PrerequisiteMissingError,
    TimeInPastError,
    TimeNotOnGridError,
    VehicleUnfitError,
)
from rpcbackend.rpc_error import RpcError
from rpcbackend.schema.base import format_instant
from rpcbackend.schema.claims import Claim, OwnerType, ResourceType
from rpcbackend.schema.instructors import InstructorState
from rpcbackend.schema.lessons import Lesson, LessonState
from rpcbackend.schema.students import StudentState
from rpcbackend.schema.vehicles import VehicleState
from tests.factories import (
    NINE,
    an_id,
    at,
    make_claim,
    make_instructor,
    make_lesson,
    make_student,
    make_vehicle,
)

NOW = at("2026-11-24T08:00:00.250Z")


def test_a_lesson_may_start_on_any_minute_from_now_on() -> None:
    check_span(at("2026-11-24T08:01:00Z"), at("2026-11-24T09:00:00Z"), NOW)
    check_span(at("2026-11-24T08:00:00Z"), at("2026-11-24T09:00:00Z"), at("2026-11-24T08:00:00Z"))


def test_a_lesson_ends_within_ten_years() -> None:
    starts_at = at("2036-11-24T07:00:00Z")
    check_span(starts_at, starts_at + timedelta(hours=1), at("2026-11-24T08:00:00Z"))

    with pytest.raises(OutsideHorizonError) as refused:
        check_span(starts_at, starts_at + timedelta(minutes=61), at("2026-11-24T08:00:00Z"))

    assert refused.value.details == {"field": "startsAt", "maxDays": 3_653}


@pytest.mark.parametrize(
    ("starts_at", "error", "details"),
    [
        ("2026-11-24T09:00:01Z", TimeNotOnGridError, {"field": "startsAt"}),
        ("2026-11-24T09:00:00.000001Z", TimeNotOnGridError, {"field": "startsAt"}),
        (
            "2026-11-24T08:00:00Z",
            TimeInPastError,
            {"field": "startsAt", "now": "2026-11-24T08:00:00.250Z"},
        ),
    ],
)
def test_a_start_off_the_grid_or_in_the_past_is_refused(
    starts_at: str, error: type[RpcError], details: dict[str, str]
) -> None:
    with pytest.raises(error) as refused:
        check_span(at(starts_at), at(starts_at) + timedelta(hours=1), NOW)

    assert refused.value.details == details


def test_three_who_are_active_fit_and_so_do_two() -> None:
    check_fit(make_student(), make_instructor(), make_vehicle())
    check_fit(make_student(), make_instructor(), None)


@pytest.mark.parametrize("state", sorted(set(StudentState) - {StudentState.ACTIVE}))
def test_a_student_who_is_not_active_does_not_fit(state: StudentState) -> None:
    with pytest.raises(PrerequisiteMissingError) as refused:
        check_fit(make_student(state=state), make_instructor(), None)

    assert refused.value.details == {
        "rule": "student.active",
        "studentId": an_id("stu"),
        "state": state,
    }


def test_an_instructor_who_left_does_not_fit() -> None:
    with pytest.raises(PrerequisiteMissingError) as refused:
        check_fit(make_student(), make_instructor(state=InstructorState.INACTIVE), None)

    assert refused.value.details == {"rule": "instructor.active", "instructorId": an_id("ins")}


@pytest.mark.parametrize("state", [VehicleState.WORKSHOP, VehicleState.RETIRED])
def test_a_vehicle_out_of_service_does_not_fit(state: VehicleState) -> None:
    with pytest.raises(VehicleUnfitError) as refused:
        check_fit(make_student(), make_instructor(), make_vehicle(state=state))

    assert refused.value.details == {"rule": "K9", "vehicleId": an_id("veh"), "state": state}


def test_a_lesson_claims_instructor_vehicle_and_student_in_this_order() -> None:
    def claim(kind: ResourceType, resource_id: str) -> Claim:
        return make_claim(resource_type=kind, resource_id=resource_id)

    instructor = claim(ResourceType.INSTRUCTOR, an_id("ins"))
    vehicle = claim(ResourceType.VEHICLE, an_id("veh"))
    student = claim(ResourceType.STUDENT, an_id("stu"))

    assert claims_of(make_lesson()) == [instructor, vehicle, student]
    assert claims_of(make_lesson(vehicle_id=None)) == [instructor, student]
    assert instructor.owner_type is OwnerType.LESSON


def test_the_states_that_claim_are_those_of_the_design() -> None:
    """Domain section 2.3: released in declined, expired and cancelled."""
    assert set(LessonState) - CLAIMING == {"declined", "expired", "cancelled"}


CLAIMS = {
    kind: make_claim(resource_type=kind, resource_id=f"{kind}_1")
    for kind in (ResourceType.ROOM, ResourceType.STUDENT, ResourceType.VEHICLE)
} | {ResourceType.INSTRUCTOR: make_claim()}
TAKEN = Span(at(NINE), at("2026-11-24T10:30:00Z"))
PRECEDENCE = ["instructor", "vehicle", "student", "room"]


@pytest.mark.parametrize(
    "kinds",
    [kinds for size in (1, 2, 3, 4) for kinds in permutations(sorted(CLAIMS), size)],
    ids=",".join,
)
def test_an_overlap_is_named_after_the_first_of_instructor_vehicle_student_and_room(
    kinds: tuple[ResourceType, ...],
) -> None:
    conflicts = [CLAIMS[kind] for kind in kinds]

    refused = refuse_overlap(TAKEN, conflicts, [], None, NOW)

    first = min(kinds, key=PRECEDENCE.index)
    assert refused.symbol == f"CONFLICT_{first.upper()}"
    assert refused.details == {
        "rule": "K1",
        "conflicts": [claim.model_dump(mode="json") for claim in conflicts],
        "alternatives": [],
    }


@pytest.mark.parametrize(
    ("now", "alternatives"),
    [
        ("2026-11-24T06:00:00Z", ["2026-11-24T07:30:00Z", "2026-11-24T10:30:00Z"]),
        ("2026-11-24T07:30:00Z", ["2026-11-24T07:30:00Z", "2026-11-24T10:30:00Z"]),
        ("2026-11-24T07:30:01Z", ["2026-11-24T10:30:00Z"]),
    ],
)
def test_a_refusal_offers_nothing_that_begins_before_now(now: str, alternatives: list[str]) -> None:
    window = search_window(TAKEN, "Europe/Berlin", at(now))

    refused = refuse_overlap(TAKEN, [make_claim()], [TAKEN], window, at(now))

    assert refused.details is not None
    assert [span["startsAt"] for span in refused.details["alternatives"]] == alternatives


@pytest.mark.parametrize(
    ("check", "told"),
    [
        (check_cancel, {"to": "cancelled", "allowed": []}),
        (check_move, {"startsAt": format_instant(NOW)}),
    ],
    ids=["cancel", "move"],
)
@pytest.mark.parametrize("state", LessonState)
def test_a_lesson_is_cancelled_or_moved_only_before_it_begins(
    state: LessonState, check: Callable[[Lesson, datetime], None], told: dict[str, Any]
) -> None:
    given: dict[str, Any] = {"state": state, "starts_at": NOW}
    if state in {"requested", "booked", "confirmed"}:
        check(make_lesson(state=state, starts_at=NOW + timedelta(microseconds=1)), NOW)

    with pytest.raises(InvalidTransitionError) as refused:
        check(make_lesson(**given), NOW)

    assert refused.value.details == {"from": state} | told
