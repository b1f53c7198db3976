"""A desk that sends commands of all kinds, chosen by hypothesis, and counts what took effect."""

from dataclasses import dataclass, field
from typing import Any

from hypothesis import strategies as some

from rpcbackend.testing import CallFailedError, Client
from tests.factories import School

NUMBERS = some.integers(0, 5)
STATES = ["enquiry", "active", "paused", "graduated", "withdrawn", "lost", "archived"]


@dataclass(frozen=True, slots=True)
class Step:
    """One command; numbers say which of the records there are, and how it is sent."""

    kind: str
    which: int
    number: int
    meta: dict[str, Any]


METAS = some.sampled_from(
    [{}, {}, {}, {"dryRun": True}, {"idempotencyKey": "a"}, {"idempotencyKey": "b"}]
)
KINDS = [
    "branch",
    "instructor",
    "vehicle",
    "student",
    "update",
    "transition",
    "book",
    "cancel",
    "move",
]
STEPS = some.lists(
    some.builds(Step, some.sampled_from(KINDS), NUMBERS, some.integers(0, 40), METAS), max_size=20
)


@dataclass
class Desk:
    """Sends the commands and counts those that took effect."""

    client: Client
    school: School
    lessons: list[str] = field(default_factory=list)
    done: int = 4
    """Opening the school took four."""

    async def run(self, step: Step) -> None:
        """Send one; a refusal, a dry run or a repetition counts for nothing."""
        channel, params = self.call(step)
        try:
            result = await self.client.call_with_meta(channel, params | {"_meta": step.meta})
        except CallFailedError:
            return
        if "dryRun" in step.meta or "replayed" in result["_meta"]:
            return
        self.done += 1
        if step.kind == "book":
            self.lessons.append(result["lesson"]["id"])

    def call(self, step: Step) -> tuple[str, dict[str, Any]]:
        """Return channel and params of a step."""
        school, branch = self.school, self.school.branch["id"]
        student = {"studentId": school.student["id"]}
        lesson = self.lessons[step.which % len(self.lessons)] if self.lessons else None
        start = f"2026-11-24T{6 + step.number // 4:02}:{15 * (step.number % 4):02}:00Z"
        calls: dict[str, tuple[str, dict[str, Any]]] = {
            "branch": (
                "branches.save",
                {"branchId": branch, "name": f"B{step.number}", "zone": "UTC", "currency": "EUR"},
            ),
            "instructor": (
                "instructors.save",
                {
                    "instructorId": school.instructor["id"] if step.which else None,
                    "branchId": branch,
                    "givenName": "Ines",
                    "familyName": f"K{step.number}",
                    "categories": ["B"],
                    "engagement": "employee",
                },
            ),
            "vehicle": (
                "vehicles.save",
                {
                    "vehicleId": school.vehicle["id"] if step.which else None,
                    "branchId": branch,
                    "plate": f"B-FS {step.number}",
                    "make": "VW",
                    "model": "Golf",
                    "categories": ["B"],
                    "transmission": "manual",
                },
            ),
            "student": (
                "students.create",
                {
                    "branchId": branch,
                    "givenName": "Ada",
                    "familyName": f"S{step.number}",
                    "bornOn": "2007-12-10",
                },
            ),
            "update": ("students.update", student | {"givenName": f"A{step.number}"}),
            "transition": ("students.transition", student | {"to": STATES[step.number % 7]}),
            "book": ("lessons.book", school.booking(startsAt=start, durationMinutes=45)),
            "move": ("lessons.reschedule", {"lessonId": lesson, "startsAt": start}),
            "cancel": (
                "lessons.cancel",
                {"lessonId": lesson, "by": "school", "reasonCode": "other"},
            ),
        }
        return calls[step.kind]
