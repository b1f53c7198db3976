"""Entities of every kind, as hypothesis draws them."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

from hypothesis import strategies as some

from rpcbackend.schema.base import Language, WireModel
from rpcbackend.schema.branches import Branch
from rpcbackend.schema.claims import Claim, OwnerType, ResourceType
from rpcbackend.schema.instructors import Engagement, Instructor, InstructorState
from rpcbackend.schema.lessons import CancelCode, CancelledBy, Lesson, LessonState, LessonType
from rpcbackend.schema.students import Student, StudentState
from rpcbackend.schema.vehicles import Transmission, Vehicle, VehicleState
from tests.factories import (
    an_id,
    make_branch,
    make_claim,
    make_instructor,
    make_lesson,
    make_student,
    make_vehicle,
)

# Quotes and escapes, other scripts and directions, signs outside of the basic plane.
TEXTS = some.text(
    some.characters(exclude_categories=["Cs", "Cc"])
    | some.sampled_from("\"'\\\t\n/%_äßعﷺ李👩‍🚀\u200f\u2028"),
    max_size=30,
)
NAMES = TEXTS.map(str.strip).filter(bool)
EMAILS = some.none() | some.sampled_from(["a@b.de", "o\"'neil@bücher.example", "ع@李.example"])
PHONES = some.none() | some.sampled_from(["+4930123456", "+998901234567"])
SECONDS = some.integers(0, 4_102_444_800)
CATEGORIES = some.lists(some.sampled_from(["B", "BE", "A1", "C1E"]), min_size=1, max_size=4)
VERSIONS = some.integers(1, 2**53 - 1)


def _instant(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


INSTANTS = SECONDS.map(_instant)
MINUTES = SECONDS.map(lambda seconds: _instant(seconds - seconds % 60))

BRANCHES = some.builds(
    make_branch,
    name=NAMES,
    address=some.none() | TEXTS,
    language=some.sampled_from(Language),
    quiet_from=some.sampled_from(["00:00", "21:00", "23:59"]),
    reminder_minutes=some.integers(0, 20_160),
    is_active=some.booleans(),
    version=VERSIONS,
)
INSTRUCTORS = some.builds(
    make_instructor,
    given_name=NAMES,
    family_name=NAMES,
    email=EMAILS,
    phone=PHONES,
    categories=CATEGORIES,
    engagement=some.sampled_from(Engagement),
    state=some.sampled_from(InstructorState),
    version=VERSIONS,
)
VEHICLES = some.builds(
    make_vehicle,
    plate=NAMES.map(lambda name: name.replace("\t", "").replace("\n", "").strip()[:20]).filter(
        lambda plate: plate == plate.strip() and bool(plate)
    ),
    make=NAMES,
    model=NAMES,
    categories=CATEGORIES,
    transmission=some.sampled_from(Transmission),
    state=some.sampled_from(VehicleState),
    version=VERSIONS,
)
STUDENTS = some.builds(
    make_student,
    given_name=NAMES,
    family_name=NAMES,
    born_on=some.dates(date(1, 1, 1), date(9999, 12, 31)),
    email=EMAILS,
    phone=PHONES,
    language=some.none() | some.sampled_from(Language),
    state=some.sampled_from(StudentState),
    created_at=INSTANTS,
    version=VERSIONS,
)


@some.composite
def lessons(draw: some.DrawFn) -> Lesson:
    """Draw a lesson; a cancelled one says when, and no other does."""
    state = draw(some.sampled_from(LessonState))
    starts_at = draw(MINUTES)
    given: dict[str, Any] = {
        "vehicle_id": draw(some.none() | some.just(an_id("veh"))),
        "type": draw(some.sampled_from(LessonType)),
        "state": state,
        "starts_at": starts_at,
        "ends_at": starts_at + timedelta(minutes=draw(some.integers(5, 600))),
        "pickup": draw(some.none() | NAMES),
        "dropoff": draw(some.none() | NAMES),
        "cancelled_by": draw(some.none() | some.sampled_from(CancelledBy)),
        "cancel_code": draw(some.none() | some.sampled_from(CancelCode)),
        "cancelled_at": draw(INSTANTS) if state is LessonState.CANCELLED else None,
        "version": draw(VERSIONS),
    }
    return make_lesson(**given)


@some.composite
def claims(draw: some.DrawFn) -> Claim:
    """Draw a claim."""
    starts_at = draw(MINUTES)
    return make_claim(
        resource_type=draw(some.sampled_from(ResourceType)),
        resource_id=draw(NAMES),
        starts_at=starts_at,
        ends_at=starts_at + timedelta(minutes=draw(some.integers(1, 2_000))),
        owner_type=draw(some.sampled_from(OwnerType)),
        owner_id=draw(NAMES),
    )


ENTITIES: dict[type[WireModel], some.SearchStrategy[Any]] = {
    Branch: BRANCHES,
    Instructor: INSTRUCTORS,
    Vehicle: VEHICLES,
    Student: STUDENTS,
    Lesson: lessons(),
    Claim: claims(),
}
