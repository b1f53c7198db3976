"""Valid by default; a test names only what it is about."""

from datetime import UTC, datetime
from typing import Any

from rpcbackend.store import Store, Work
from rpcbackend.testing import Client

NINE = "2026-11-24T09:00:00Z"
"""The day after the frozen clock's now."""


def at(text: str) -> datetime:
    """Read an instant of the wire."""
    return datetime.fromisoformat(text).astimezone(UTC)


async def save_branch(client: Client, **given: Any) -> dict[str, Any]:
    return await client.call(
        "branches.save", **{"name": "Mitte", "zone": "Europe/Berlin", "currency": "EUR"} | given
    )


async def save_instructor(client: Client, branch_id: str, **given: Any) -> dict[str, Any]:
    fields = {
        "branchId": branch_id,
        "givenName": "Ines",
        "familyName": "Kraft",
        "categories": ["B"],
        "engagement": "employee",
    }
    return await client.call("instructors.save", **fields | given)


async def save_vehicle(client: Client, branch_id: str, **given: Any) -> dict[str, Any]:
    fields = {
        "branchId": branch_id,
        "plate": "B-FS 101",
        "make": "VW",
        "model": "Golf",
        "categories": ["B"],
        "transmission": "manual",
    }
    return await client.call("vehicles.save", **fields | given)


async def create_student(client: Client, branch_id: str, **given: Any) -> dict[str, Any]:
    fields = {
        "branchId": branch_id,
        "givenName": "Ada",
        "familyName": "Byron",
        "bornOn": "2007-12-10",
    }
    created = await client.call("students.create", **fields | given)
    student: dict[str, Any] = created["student"]
    return student


class School:
    """A branch with one of each, made through the wire."""

    def __init__(self, client: Client) -> None:
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
