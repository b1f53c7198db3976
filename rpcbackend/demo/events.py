"""What happened at the demo school, as its event stream tells it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from rpcbackend.demo.chance import Stamps
from rpcbackend.domain.consents import told_of
from rpcbackend.domain.lessons import event_data
from rpcbackend.schema.branches import Branch
from rpcbackend.schema.consents import Consent
from rpcbackend.schema.instructors import Instructor
from rpcbackend.schema.lessons import Lesson, LessonState
from rpcbackend.schema.students import Student, StudentState
from rpcbackend.schema.vehicles import Vehicle

ACTOR = "seed"


@dataclass(frozen=True, slots=True)
class Happening:
    """An event that has no place in the stream yet."""

    at: datetime
    type: str
    aggregate: tuple[str, str, int]
    """Type, id and version of the record it is about."""
    data: Mapping[str, Any]

    def as_row(self, stamps: Stamps) -> dict[str, Any]:
        """Return what `store.events.append` takes."""
        return {
            "id": stamps.new("evt", self.at),
            "type": self.type,
            "at_ms": round(self.at.timestamp() * 1_000),
            "actor": ACTOR,
            "aggregate": self.aggregate,
            "data": self.data,
        }


def of_branch(branch: Branch, at: datetime) -> Happening:
    """Tell that the branch was made."""
    return Happening(at, "branches.saved", ("branch", branch.id, 1), {"branchId": branch.id})


def of_instructor(instructor: Instructor, at: datetime) -> Happening:
    """Tell that the instructor was entered."""
    data = {"instructorId": instructor.id, "state": instructor.state}
    return Happening(at, "instructors.saved", ("instructor", instructor.id, 1), data)


def of_vehicle(vehicle: Vehicle, at: datetime) -> Happening:
    """Tell that the vehicle was entered."""
    data = {"vehicleId": vehicle.id, "state": vehicle.state}
    return Happening(at, "vehicles.saved", ("vehicle", vehicle.id, 1), data)


STEPS: dict[StudentState, tuple[StudentState, ...]] = {
    StudentState.ENQUIRY: (StudentState.ENQUIRY,),
    StudentState.LOST: (StudentState.ENQUIRY, StudentState.LOST),
    StudentState.ACTIVE: (StudentState.ACTIVE,),
    StudentState.PAUSED: (StudentState.ACTIVE, StudentState.PAUSED),
    StudentState.GRADUATED: (StudentState.ACTIVE, StudentState.GRADUATED),
    StudentState.WITHDRAWN: (StudentState.ACTIVE, StudentState.WITHDRAWN),
    StudentState.ARCHIVED: (
        StudentState.ACTIVE,
        StudentState.GRADUATED,
        StudentState.ARCHIVED,
    ),
}
"""How a student came to be where he is; each step is a version of him."""

_FIRST_STEP = {
    StudentState.ENQUIRY: "students.enquiry_created",
    StudentState.ACTIVE: "students.created",
}


def of_student(student: Student, left_at: datetime) -> list[Happening]:
    """Tell how the student came to be where he is.

    Args:
        student: In his present state.
        left_at: When he took his second step, if he did.
    """
    happenings = []
    for version, state in enumerate(STEPS[student.state], start=1):
        first = version == 1
        happenings.append(
            Happening(
                student.created_at if first else left_at + timedelta(seconds=version),
                _FIRST_STEP[state] if first else f"students.{state}",
                ("student", student.id, version),
                {"studentId": student.id, "state": state},
            )
        )
    return happenings


def of_consent(consent: Consent) -> Happening:
    """Tell that the consent was recorded."""
    return Happening(
        consent.recorded_at, "consents.changed", ("consent", consent.id, 1), told_of(consent)
    )


def of_lesson(lesson: Lesson, booked_at: datetime, ended_at: datetime | None) -> list[Happening]:
    """Tell that the lesson was booked, and what has become of it since.

    Args:
        lesson: In its present state.
        booked_at: When it was booked.
        ended_at: When it got its present state, if that is another one.
    """
    happenings = [_of_lesson(lesson, booked_at, LessonState.BOOKED, 1)]
    if ended_at is not None:
        happenings.append(_of_lesson(lesson, ended_at, lesson.state, 2))
    return happenings


def _of_lesson(lesson: Lesson, at: datetime, state: LessonState, version: int) -> Happening:
    data = event_data(lesson) | {"state": state}
    return Happening(at, f"lessons.{state}", ("lesson", lesson.id, version), data)
