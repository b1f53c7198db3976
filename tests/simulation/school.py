"""The school that every world begins with, made through the wire."""

from dataclasses import dataclass
from typing import Any

from tests.simulation.desk import Desk


@dataclass(frozen=True, slots=True, kw_only=True)
class School:
    """Whom all clients book."""

    branch: str
    instructors: list[str]
    vehicles: list[str]


async def found_school(desk: Desk) -> School:
    """Make it, while nothing goes wrong yet."""

    async def save(channel: str, **params: Any) -> str:
        return str((await desk.call(channel, params)).result["id"])

    branch = await save("branches.save", name="Mitte", zone="Europe/Berlin", currency="EUR")
    fits = {"branchId": branch, "categories": ["B"]}
    person = {"givenName": "Ines", "engagement": "employee", **fits}
    car = {"make": "VW", "model": "Golf", "transmission": "manual", **fits}
    return School(
        branch=branch,
        instructors=[
            await save("instructors.save", familyName=name, **person)
            for name in ("Kraft", "Krug", "Kern")
        ],
        vehicles=[await save("vehicles.save", plate=plate, **car) for plate in ("B-A 1", "B-A 2")],
    )
