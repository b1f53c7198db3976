"""A small school for measurements on both engines, and what a desk asks for there."""

import itertools
import statistics
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from rpcbackend.schema.limits import Limits
from rpcbackend.store import Place
from rpcbackend.surroundings import Surroundings
from rpcbackend.testing import Client, running_app

PEOPLE, STUDENTS, LESSONS = 8, 100, 120
LOGIN = {"login": "ada", "password": "korrekt pferd batterie"}
Json = dict[str, Any]
Call = tuple[str, Json]


class School:
    """Who is in a school, and what a desk asks for there."""

    def __init__(self, students: list[str], instructors: list[str], vehicles: list[str]) -> None:
        self._students, self._learners = itertools.cycle(students), itertools.cycle(students)
        self._pairs = list(zip(instructors, vehicles, strict=True))
        self._number = itertools.count()
        day = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
        self._first = day + timedelta(days=2)

    def get(self) -> Call:
        """Ask for a student, another one each time."""
        return "students.get", {"studentId": next(self._students)}

    def view(self) -> Call:
        """Ask for the next week, in which nothing more is booked."""
        week = {"from": text(self._first), "to": text(self._first + timedelta(days=7))}
        return "calendar.view", week

    def book(self) -> Call:
        """Book a lesson that nobody else wants."""
        slot, pair = divmod(next(self._number), len(self._pairs))
        instructor, vehicle = self._pairs[pair]
        return "lessons.book", {
            "studentId": next(self._learners),
            "instructorId": instructor,
            "vehicleId": vehicle,
            "startsAt": text(self._first + timedelta(minutes=45 * slot)),
            "durationMinutes": 45,
        }

    def skip_week(self) -> None:
        """Book behind the week that is viewed from now on."""
        self._number = itertools.count(len(self._pairs) * 7 * 24 * 60 // 45)

    def mixed(self) -> Iterator[Call]:
        """Ask for what a desk asks for."""
        for number in itertools.count():
            kind = number % 10
            yield self.book() if kind == 0 else self.view() if kind in (3, 6) else self.get()


def text(at: datetime) -> str:
    """Write an instant."""
    return f"{at:%Y-%m-%dT%H:%M:%SZ}"


async def fill(client: Client, *, has_owner: bool = True) -> School:
    """Make a school."""
    branch = (
        await client.call("branches.save", name="Mitte", zone="Europe/Berlin", currency="EUR")
    )["id"]
    instructors, vehicles, students = [], [], []
    for number in range(PEOPLE):
        name = {"givenName": "Ines", "familyName": f"Kraft {number}"}
        more: Json = {"branchId": branch, "categories": ["B"]}
        made = await client.call("instructors.save", **name, **more, engagement="employee")
        instructors.append(made["id"])
        car = {"plate": f"B-FS {number}", "make": "VW", "model": "Golf", "transmission": "manual"}
        vehicles.append((await client.call("vehicles.save", **car, **more))["id"])
    for number in range(STUDENTS):
        name = {"givenName": "Ada", "familyName": f"Byron {number}", "bornOn": "2007-12-10"}
        made = await client.call("students.create", branchId=branch, **name)
        students.append(made["student"]["id"])
    school = School(students, instructors, vehicles)
    for channel, params in itertools.islice((school.book() for _ in itertools.count()), LESSONS):
        await client.call(channel, **params)
    school.skip_week()
    if has_owner:
        await client.call("auth.bootstrap", **LOGIN)
    return school


async def school_at(place: Place | None, directory: Path | None = None) -> School:
    """Make a school in a database."""
    surroundings = Surroundings(place=place)
    limits = Limits(command_per_second=1_000_000, query_per_second=1_000_000)
    async with running_app(directory, surroundings, limits=limits) as app:
        await app.open_store()
        return await fill(Client(app))


def p(times: list[float], part: int) -> float:
    """Return a percentile in ms."""
    return statistics.quantiles(times, n=100, method="inclusive")[part - 1] * 1e3
