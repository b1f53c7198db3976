"""Rules K1 to K3 and K16 under random commands, against a model that tries every pair."""

import asyncio
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from hypothesis import given, settings
from hypothesis import strategies as some

from rpcbackend.app import Application
from rpcbackend.domain.lessons import CLAIMING
from rpcbackend.schema.base import format_instant
from rpcbackend.store import Work
from rpcbackend.surroundings import Surroundings
from rpcbackend.testing import Client, FrozenClock, running_app
from tests.factories import at, create_student, save_branch, save_instructor, save_vehicle

DAWN = at("2026-11-24T05:00:00Z")

Resource = tuple[str, str]
Row = tuple[str, str, int, int, str]
"""Resource type and id, start and end in epoch seconds, lesson."""


@dataclass(frozen=True, slots=True)
class Book:
    """Ask for a lesson; numbers say who of the few."""

    instructor: int
    vehicle: int | None
    student: int
    minute: int
    minutes: int


@dataclass(frozen=True, slots=True)
class Cancel:
    """Cancel one of the lessons booked so far, cancelled ones included."""

    which: int


@dataclass(frozen=True, slots=True)
class Move:
    """Move one of the lessons booked so far, cancelled ones included; None is left out."""

    which: int
    to: Book
    """The student of it does not matter."""
    leaves_out: frozenset[str]


BOOK = some.builds(
    Book,
    instructor=some.integers(0, 1),
    vehicle=some.none() | some.integers(0, 1),
    student=some.integers(0, 2),
    minute=some.integers(0, 300),
    minutes=some.integers(5, 120) | some.sampled_from([5, 60, 600]),
)
PARTS = ("instructorId", "vehicleId", "startsAt", "durationMinutes")
MOVE = some.builds(Move, some.integers(0, 20), BOOK, some.frozensets(some.sampled_from(PARTS)))
COMMANDS = some.lists(
    BOOK | BOOK | MOVE | MOVE | some.builds(Cancel, some.integers(0, 20)), max_size=25
)


@dataclass
class Model:
    """What must be busy, kept as a plain list."""

    busy: list[Row] = field(default_factory=list)
    lessons: list[str] = field(default_factory=list)
    events: list[tuple[str, str]] = field(default_factory=list)

    def conflicts(self, resources: list[Resource], start: int, end: int) -> set[str]:
        """Tell the types of resource that are busy then."""
        return {
            row[0] for row in self.busy if row[:2] in resources and row[2] < end and start < row[3]
        }


class World:
    """A small school behind a client, and its model."""

    def __init__(self, app: Application) -> None:
        self.client, self.store, self.model = Client(app), app.store, Model()

    async def open(self) -> None:
        """Engage everybody."""
        branch = (await save_branch(self.client))["id"]
        self.people: dict[str, list[str]] = {
            "instructor": [(await save_instructor(self.client, branch))["id"] for _ in range(2)],
            "vehicle": [
                (await save_vehicle(self.client, branch, plate=plate))["id"] for plate in "AB"
            ],
            "student": [(await create_student(self.client, branch))["id"] for _ in range(3)],
        }
        self.events_before = self.store.head_seq

    async def run(self, command: Book | Move | Cancel) -> None:
        """Send the command and expect what the model says."""
        if isinstance(command, Book):
            self.judge(command, await self.ask(command))
            return
        if not self.model.lessons:
            return
        lesson = self.model.lessons[command.which % len(self.model.lessons)]
        if isinstance(command, Move):
            await self._move(lesson, command)
        else:
            await self._cancel(lesson)

    async def ask(self, command: Book) -> dict[str, Any]:
        """Send a booking and return the whole reply."""
        async with asyncio.timeout(30):
            return await self.client.start("lessons.book", self._params(command))

    def _params(self, command: Book) -> dict[str, Any]:
        starts_at, _ = self._span(command)
        return {f"{kind}Id": key for kind, key in self._resources(command)} | {
            "startsAt": format_instant(datetime.fromtimestamp(starts_at, UTC)),
            "durationMinutes": command.minutes,
        }

    def judge(self, command: Book, reply: dict[str, Any]) -> None:
        """Compare the reply with what the model says, and bring the model up to date."""
        resources, (start, end) = self._resources(command), self._span(command)
        expected = self.model.conflicts(resources, start, end)
        if "error" in reply:
            refusal = reply["error"]["data"]
            first = next(kind for kind, _ in resources if kind in expected)
            assert refusal["code"] == f"CONFLICT_{first.upper()}"
            named = {claim["resourceType"] for claim in refusal["details"]["conflicts"]}
            assert named == expected
            return
        assert not expected
        lesson: str = reply["result"]["lesson"]["id"]
        self.model.busy += [(*resource, start, end, lesson) for resource in resources]
        self.model.lessons.append(lesson)
        self.model.events.append(("lessons.booked", lesson))

    def _resources(self, command: Book) -> list[Resource]:
        chosen = {
            "instructor": command.instructor,
            "vehicle": command.vehicle,
            "student": command.student,
        }
        return [
            (kind, self.people[kind][index]) for kind, index in chosen.items() if index is not None
        ]

    def _span(self, command: Book) -> tuple[int, int]:
        start = int(DAWN.timestamp()) + 60 * command.minute
        return start, start + 60 * command.minutes

    async def _move(self, lesson: str, command: Move) -> None:
        """Move a lesson, and expect K16: the same lesson elsewhere, or everything as it was."""
        before = await self.client.call("lessons.get", lessonId=lesson)
        old = before["lesson"]
        given = {"vehicleId": None} | self._params(command.to)
        change = {key: given[key] for key in PARTS if key not in command.leaves_out}
        # A move that names nothing is none, and refused before the lesson is looked at.
        change = change or {"startsAt": given["startsAt"]}

        async with asyncio.timeout(30):
            reply = await self.client.start("lessons.reschedule", {"lessonId": lesson} | change)

        after = await self.client.call("lessons.get", lessonId=lesson)
        expected = self._moved(old, change)
        span = tuple(int(at(expected[key]).timestamp()) for key in ("startsAt", "endsAt"))
        resources = [
            (kind, expected[f"{kind}Id"])
            for kind in ("instructor", "vehicle", "student")
            if expected[f"{kind}Id"]
        ]
        held = [row for row in self.model.busy if row[4] == lesson]
        self.model.busy = [row for row in self.model.busy if row[4] != lesson]
        conflicts = self.model.conflicts(resources, *span)
        if not held or conflicts:
            refusal = reply["error"]["data"]
            first = next((kind for kind, _ in resources if kind in conflicts), "")
            assert refusal["code"] == (
                f"CONFLICT_{first.upper()}" if held else "INVALID_TRANSITION"
            )
            assert after == before
            self.model.busy += held
            return
        assert reply["result"]["lesson"] == after["lesson"] == expected
        self.model.busy += [(*resource, *span, lesson) for resource in resources]
        if expected != old:
            self.model.events.append(("lessons.rescheduled", lesson))

    def _moved(self, old: dict[str, Any], change: dict[str, Any]) -> dict[str, Any]:
        """Tell how a lesson must stand after a change."""
        new = old | {key: change[key] for key in change if key != "durationMinutes"}
        length = at(old["endsAt"]) - at(old["startsAt"])
        if "durationMinutes" in change:
            length = timedelta(minutes=change["durationMinutes"])
        ends_at = at(new["startsAt"]) + length
        zone = ZoneInfo("Europe/Berlin")
        new["endsAt"] = format_instant(ends_at)
        if new == old:
            return old
        return new | {
            "local": {
                "start": f"{at(new['startsAt']).astimezone(zone):%Y-%m-%dT%H:%M}",
                "end": f"{ends_at.astimezone(zone):%Y-%m-%dT%H:%M}",
            },
            "version": old["version"] + 1,
        }

    async def _cancel(self, lesson: str) -> None:
        held = [row for row in self.model.busy if row[4] == lesson]
        await self.client.call("lessons.cancel", lessonId=lesson, by="school", reasonCode="other")
        if held:
            self.model.busy = [row for row in self.model.busy if row[4] != lesson]
            self.model.events.append(("lessons.cancelled", lesson))

    async def check(self) -> None:
        """Compare all that is stored with the model."""
        claims, of_lessons, lessons, events = await self.store.read(look)
        assert sorted(claims) == sorted(self.model.busy)
        assert sorted(claims) == sorted(of_lessons), "G2: claims are those of claiming lessons"
        assert not overlapping(claims), "K1"
        assert sorted(lessons) == sorted(self.model.lessons), "K3: a refusal leaves no lesson"
        assert [seq for seq, _, _ in events] == list(range(1, len(events) + 1)), "G8"
        assert [event[1:] for event in events[self.events_before :]] == self.model.events, "K3"


async def look(
    work: Work,
) -> tuple[list[Row], list[Row], list[str], list[tuple[int, str, str]]]:
    """Read claims, the claims that lessons ought to have, lessons and events: a unit of work."""
    claims = await work.tx.all(
        "SELECT resource_type, resource_id, starts_at, ends_at, owner_id FROM resource_claims"
        " WHERE school_id = :school AND owner_type = 'lesson'"
    )
    lessons = await work.tx.all("SELECT * FROM lessons WHERE school_id = :school")
    events = await work.tx.all(
        "SELECT seq, type, aggregate_id FROM events WHERE school_id = :school ORDER BY seq"
    )
    of_lessons: list[Row] = [
        (kind, row[f"{kind}_id"], row["starts_at"], row["ends_at"], row["id"])
        for row in lessons
        if row["state"] in CLAIMING
        for kind in ("instructor", "vehicle", "student")
        if row[f"{kind}_id"] is not None
    ]
    return (
        [(row[0], row[1], row[2], row[3], row[4]) for row in claims],
        of_lessons,
        [row["id"] for row in lessons],
        [(row[0], row[1], row[2]) for row in events],
    )


def overlapping(claims: list[Row]) -> list[tuple[Row, Row]]:
    """List the pairs of claims that share a resource and time."""
    return [
        (one, other)
        for number, one in enumerate(claims)
        for other in claims[:number]
        if one[:2] == other[:2] and one[2] < other[3] and other[2] < one[3]
    ]


@settings(max_examples=100)
@given(commands=COMMANDS)
async def test_whatever_is_booked_moved_and_cancelled_nothing_overlaps_and_nothing_is_left_over(
    commands: list[Book | Move | Cancel],
) -> None:
    async with running_app(surroundings=Surroundings(clock=FrozenClock())) as app:
        await app.open_store()
        world = World(app)
        await world.open()

        for command in commands:
            await world.run(command)
            await world.check()


@settings(max_examples=25)
@given(wanted=some.lists(BOOK, min_size=2, max_size=20))
async def test_bookings_that_are_asked_for_at_once_never_overlap(wanted: list[Book]) -> None:
    async with running_app(surroundings=Surroundings(clock=FrozenClock())) as app:
        await app.open_store()
        world = World(app)
        await world.open()

        # They are queued in this order, so the model may judge them in this order.
        replies = await asyncio.gather(*map(world.ask, wanted))

        for command, reply in zip(wanted, replies, strict=True):
            world.judge(command, reply)
        await world.check()
