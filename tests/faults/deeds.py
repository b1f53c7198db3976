"""A school, and the keyed commands that a desk sends to it: the same for a number, in every run."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from itertools import count
from pathlib import Path
from typing import Any

from rpcbackend.schema.base import format_instant
from rpcbackend.store import Store, Work
from tests.factories import (
    KEY,
    an_id,
    at,
    make_branch,
    make_instructor,
    make_student,
    make_vehicle,
    store_in,
)

PEOPLE = 16
"""Instructors, vehicles and students there are before the first command."""

DAWN = at("2030-01-01T00:00:00Z")
"""When the first lessons are: after today, whatever clock the program has."""


@dataclass(frozen=True, slots=True)
class Deed:
    """A command with its key."""

    key: str
    channel: str
    params: dict[str, Any]


def deeds(start: int = 0) -> Iterator[Deed]:
    """Yield command after command, from a number on.

    Of ten, eight book a lesson of their own, one enrols a student, and one wants the lesson that
    the command before it wants too.
    """
    for number in count(start):
        yield _deed(number)


def _deed(number: int) -> Deed:
    key = f"key-{number}"
    meta = {"_meta": {"idempotencyKey": key}}
    if number % 10 == 9:
        named = {"givenName": "Ada", "familyName": f"Byron-{number}", "bornOn": "2007-12-10"}
        return Deed(key, "students.create", {"branchId": an_id("bra"), **named, **meta})
    slot = number - 1 if number % 10 == 8 else number
    person, hour = slot % PEOPLE, slot // PEOPLE
    return Deed(
        key,
        "lessons.book",
        {
            "studentId": an_id("stu", person),
            "instructorId": an_id("ins", person),
            "vehicleId": an_id("veh", person),
            "startsAt": format_instant(DAWN + timedelta(hours=hour)),
            "durationMinutes": 60,
            **meta,
        },
    )


async def make_school(directory: Path, key: bytes | None = KEY) -> None:
    """Make a store with everybody in it."""
    async with store_in(directory, key=key) as store:
        await make_people(store)


async def make_people(store: Store) -> None:
    """Put everybody into a store."""

    async def unit(work: Work) -> None:
        await work.branches.put(make_branch())
        for number in range(PEOPLE):
            await work.instructors.put(make_instructor(id=an_id("ins", number)))
            vehicle = make_vehicle(id=an_id("veh", number), plate=f"B-FS {number}")
            await work.vehicles.put(vehicle)
            await work.students.put(make_student(id=an_id("stu", number)))

    await store.write(unit, actor="tests")
