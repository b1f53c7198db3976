"""The school that every world begins with, made through the wire."""

from dataclasses import dataclass
from typing import Any

from tests.people import PASSWORD
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


async def found_users(desk: Desk, count: int) -> list[str]:
    """Make the owner, who signs in here, and people of the office; return how these sign in."""
    await desk.call("auth.bootstrap", {"login": "owner", "password": PASSWORD})
    logins = [f"office {number:02}" for number in range(1, count + 1)]
    for login in logins:
        saved = await desk.call("users.save", {"login": login, "roles": ["office"]})
        password = {"userId": saved.result["id"], "newPassword": PASSWORD}
        await desk.call("auth.changePassword", password)
    return logins
