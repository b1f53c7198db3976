"""Valid by default; a test names only what it is about."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, Protocol

import orjson

from rpcbackend.schema.base import Language
from rpcbackend.schema.branches import Branch
from rpcbackend.schema.claims import Claim, OwnerType, ResourceType
from rpcbackend.schema.instructors import Engagement, Instructor, InstructorState
from rpcbackend.schema.lessons import Lesson, LessonState, LessonType
from rpcbackend.schema.payments import Money, Payment, PaymentState
from rpcbackend.schema.students import Student, StudentState
from rpcbackend.schema.vehicles import Transmission, Vehicle, VehicleState
from rpcbackend.schema.webhooks import Webhook
from rpcbackend.store import Store, Work, open_store
from rpcbackend.testing import FrozenClock

NINE = "2026-11-24T09:00:00Z"
"""The day after the frozen clock's now."""


KEY = bytes(range(32))
"""Opens the encrypted stores of the tests."""


class Caller(Protocol):
    """Calls channels: a client in memory, or a real process."""

    async def call(self, channel: str, /, **params: Any) -> dict[str, Any]:
        """Call a channel and return its result."""
        ...


def an_id(prefix: str, number: int = 1) -> str:
    """Return an id that looks real and is the same in every run."""
    return f"{prefix}_00000000-0000-7000-8000-{number:012x}"


def at(text: str) -> datetime:
    """Read an instant of the wire."""
    return datetime.fromisoformat(text).astimezone(UTC)


def make_branch(**given: Any) -> Branch:
    fields: dict[str, Any] = {
        "id": an_id("bra"),
        "name": "Mitte",
        "address": None,
        "zone": "Europe/Berlin",
        "currency": "EUR",
        "language": Language.DE,
        "quiet_from": "21:00",
        "quiet_until": "08:00",
        "reminder_minutes": 1_440,
        "is_active": True,
        "version": 1,
    }
    return Branch(**fields | given)


def make_instructor(**given: Any) -> Instructor:
    fields: dict[str, Any] = {
        "id": an_id("ins"),
        "branch_id": an_id("bra"),
        "given_name": "Ines",
        "family_name": "Kraft",
        "email": None,
        "phone": None,
        "categories": ["B"],
        "engagement": Engagement.EMPLOYEE,
        "state": InstructorState.ACTIVE,
        "version": 1,
    }
    return Instructor(**fields | given)


def make_vehicle(**given: Any) -> Vehicle:
    fields: dict[str, Any] = {
        "id": an_id("veh"),
        "branch_id": an_id("bra"),
        "plate": "B-FS 101",
        "make": "VW",
        "model": "Golf",
        "categories": ["B"],
        "transmission": Transmission.MANUAL,
        "state": VehicleState.ACTIVE,
        "version": 1,
    }
    return Vehicle(**fields | given)


def make_student(**given: Any) -> Student:
    fields: dict[str, Any] = {
        "id": an_id("stu"),
        "branch_id": an_id("bra"),
        "given_name": "Ada",
        "family_name": "Byron",
        "born_on": date(2007, 12, 10),
        "email": None,
        "phone": None,
        "language": None,
        "state": StudentState.ACTIVE,
        "created_at": at("2026-11-23T08:00:00Z"),
        "version": 1,
    }
    return Student(**fields | given)


def make_payment(number: int = 1, **given: Any) -> Payment:
    """Make one of the student with this number, who is asked for 45 euros."""
    fields: dict[str, Any] = {
        "id": an_id("pay", number),
        "student_id": an_id("stu", number),
        "amount": Money(amount=4_500, currency="EUR"),
        "description": "Fahrstunde",
        "return_url": None,
        "state": PaymentState.REQUESTED,
        "url": None,
        "provider_ref": None,
        "received": None,
        "created_at": at("2026-11-23T08:00:00Z"),
        "changed_at": at("2026-11-23T08:00:00Z"),
        "version": 1,
    }
    return Payment(**fields | given)


def make_webhook(number: int = 1, **given: Any) -> Webhook:
    fields: dict[str, Any] = {
        "id": an_id("whk", number),
        "url": "https://hooks.example.org/school",
        "types": ["lessons.booked"],
        "is_active": True,
        "created_at": at("2026-11-23T08:00:00Z"),
        "secret_changed_at": at("2026-11-23T08:00:00Z"),
        "version": 1,
    }
    return Webhook(**fields | given)


def make_lesson(**given: Any) -> Lesson:
    """Make a lesson of 90 minutes unless its end is given too."""
    starts_at = given.get("starts_at", at(NINE))
    fields: dict[str, Any] = {
        "id": an_id("les"),
        "branch_id": an_id("bra"),
        "student_id": an_id("stu"),
        "instructor_id": an_id("ins"),
        "vehicle_id": an_id("veh"),
        "type": LessonType.NORMAL,
        "state": LessonState.BOOKED,
        "starts_at": starts_at,
        "ends_at": starts_at + timedelta(minutes=90),
        "zone": "Europe/Berlin",
        "local": {"start": "2026-11-24T10:00", "end": "2026-11-24T11:30"},
        "pickup": None,
        "dropoff": None,
        "cancelled_by": None,
        "cancel_code": None,
        "cancelled_at": None,
        "version": 1,
    }
    return Lesson(**fields | given)


def make_claim(**given: Any) -> Claim:
    fields: dict[str, Any] = {
        "resource_type": ResourceType.INSTRUCTOR,
        "resource_id": an_id("ins"),
        "starts_at": at(NINE),
        "ends_at": at("2026-11-24T10:30:00Z"),
        "owner_type": OwnerType.LESSON,
        "owner_id": an_id("les"),
    }
    return Claim(**fields | given)


@asynccontextmanager
async def store_in(directory: Path | None, **given: Any) -> AsyncIterator[Store]:
    """Open the store of a directory, and close it afterwards."""
    store = await open_store(directory, **{"clock": FrozenClock()} | given)
    try:
        yield store
    finally:
        await store.close()


async def add_all(store: Store) -> None:
    """Add a branch with one of each, without a lesson."""

    async def unit(work: Work) -> None:
        await work.branches.put(make_branch())
        await work.instructors.put(make_instructor())
        await work.vehicles.put(make_vehicle())
        await work.students.put(make_student())

    await store.write(unit, actor="tests")


async def save_branch(client: Caller, **given: Any) -> dict[str, Any]:
    return await client.call(
        "branches.save", **{"name": "Mitte", "zone": "Europe/Berlin", "currency": "EUR"} | given
    )


async def save_instructor(client: Caller, branch_id: str, **given: Any) -> dict[str, Any]:
    fields = {
        "branchId": branch_id,
        "givenName": "Ines",
        "familyName": "Kraft",
        "categories": ["B"],
        "engagement": "employee",
    }
    return await client.call("instructors.save", **fields | given)


async def save_vehicle(client: Caller, branch_id: str, **given: Any) -> dict[str, Any]:
    fields = {
        "branchId": branch_id,
        "plate": "B-FS 101",
        "make": "VW",
        "model": "Golf",
        "categories": ["B"],
        "transmission": "manual",
    }
    return await client.call("vehicles.save", **fields | given)


async def create_student(client: Caller, branch_id: str, **given: Any) -> dict[str, Any]:
    fields = {
        "branchId": branch_id,
        "givenName": "Ada",
        "familyName": "Byron",
        "bornOn": "2007-12-10",
    }
    created = await client.call("students.create", **fields | given)
    student: dict[str, Any] = created["student"]
    return student


def keyed(key: str = "k", **meta: Any) -> dict[str, Any]:
    """Return the option that makes a command known by a key."""
    return {"_meta": {"idempotencyKey": key} | meta}


class School:
    """A branch with one of each, made through the wire."""

    def __init__(self, client: Caller) -> None:
        self._client = client

    async def open(self) -> "School":
        """Make them."""
        self.branch = await save_branch(self._client)
        self.instructor = await save_instructor(self._client, self.branch["id"])
        self.vehicle = await save_vehicle(self._client, self.branch["id"])
        self.student = await create_student(self._client, self.branch["id"])
        return self

    def booking(self, **given: Any) -> dict[str, Any]:
        """Params of lessons.book for the one student, instructor and vehicle at nine."""
        fields = {
            "studentId": self.student["id"],
            "instructorId": self.instructor["id"],
            "vehicleId": self.vehicle["id"],
            "startsAt": NINE,
            "durationMinutes": 90,
        }
        return fields | given

    async def book(self, **given: Any) -> dict[str, Any]:
        """Book it."""
        booked = await self._client.call("lessons.book", **self.booking(**given))
        lesson: dict[str, Any] = booked["lesson"]
        return lesson


async def claims_in(store: Store) -> int:
    """Count the claims that are stored."""

    async def unit(work: Work) -> int:
        row = await work.tx.one("SELECT count(*) FROM resource_claims WHERE school_id = :school")
        assert row is not None
        return int(row[0])

    return await store.read(unit)


async def events_in(store: Store, after_seq: int = 0) -> list[dict[str, Any]]:
    """Return the events that are stored after one."""
    _, page = await store.read(lambda work: work.events.page_after(after_seq, (), 1_000))
    return [orjson.loads(event.json) for event in page]


async def told_of(store: Store, after_seq: int) -> list[tuple[str, dict[str, Any], dict[str, Any]]]:
    """Return type, aggregate and data of the events that are stored after one."""
    return [
        (event["type"], event["aggregate"], event["data"])
        for event in await events_in(store, after_seq)
    ]
