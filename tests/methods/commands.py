"""One call that takes effect for every command of the store.

tests/methods/test_audit.py fails for a command that has none here.
"""

from collections.abc import Awaitable, Callable
from typing import Any

from rpcbackend.methods import build_registry
from tests.factories import School

Example = Callable[[School], Awaitable[dict[str, Any]]]
"""Makes the params of the call, and what it needs, in an open school."""

COMMANDS = sorted(
    method.channel for method in build_registry() if method.kind == "command" and method.needs_store
)


async def _save_branch(school: School) -> dict[str, Any]:
    return {"branchId": school.branch["id"], "name": "Nord", "zone": "UTC", "currency": "EUR"}


async def _save_instructor(school: School) -> dict[str, Any]:
    return {
        "branchId": school.branch["id"],
        "givenName": "Otto",
        "familyName": "Lang",
        "categories": ["B"],
        "engagement": "employee",
    }


async def _save_vehicle(school: School) -> dict[str, Any]:
    return {
        "vehicleId": school.vehicle["id"],
        "branchId": school.branch["id"],
        "plate": "B-FS 202",
        "make": "VW",
        "model": "Polo",
        "categories": ["B"],
        "transmission": "automatic",
    }


async def _create_student(school: School) -> dict[str, Any]:
    return {
        "branchId": school.branch["id"],
        "givenName": "Zoë",
        "familyName": "Groß",
        "bornOn": "2008-02-29",
    }


async def _update_student(school: School) -> dict[str, Any]:
    return {"studentId": school.student["id"], "phone": "+4930123456"}


async def _transition_student(school: School) -> dict[str, Any]:
    return {"studentId": school.student["id"], "to": "paused"}


async def _book_lesson(school: School) -> dict[str, Any]:
    return school.booking()


async def _cancel_lesson(school: School) -> dict[str, Any]:
    lesson = await school.book()
    return {"lessonId": lesson["id"], "by": "student", "reasonCode": "illness"}


EXAMPLES: dict[str, Example] = {
    "branches.save": _save_branch,
    "instructors.save": _save_instructor,
    "lessons.book": _book_lesson,
    "lessons.cancel": _cancel_lesson,
    "students.create": _create_student,
    "students.transition": _transition_student,
    "students.update": _update_student,
    "vehicles.save": _save_vehicle,
}
