"""A real process that serves a small school over HTTP, and whoever owns it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx2

from tests.e2e.backend import TIMEOUT_SECONDS, Backend
from tests.e2e.test_mirror import url_of
from tests.factories import School
from tests.people import PASSWORD

LOGIN = "ada"

_SETTINGS = """
[limits]
auth_per_minute = 1000
query_per_second = 100000
command_per_second = 100000
heavy_per_second = 1000

[api]
public_contract = true

[security.rate_limit]
max = 1000000
"""
"""Nobody waits: rates are tested where they stand."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Served:
    """Where the mirror is, what is in the school, and who is signed in."""

    url: str
    token: str
    user_id: str
    session_id: str
    school: School
    lesson: dict[str, Any]

    @property
    def known(self) -> dict[str, str]:
        """An id of each kind, by its prefix."""
        school = self.school
        rows = (school.branch, school.instructor, school.vehicle, school.student, self.lesson)
        return {row["id"].partition("_")[0]: row["id"] for row in rows}


@asynccontextmanager
async def served(directory: Path) -> AsyncIterator[Served]:
    """Serve a school with one branch, instructor, vehicle and student, and a lesson in 30 days."""
    settings = directory / "settings.toml"
    settings.write_text(_SETTINGS, encoding="utf-8")
    arguments = ("--http", "127.0.0.1:0", "--config", str(settings))
    backend = await Backend.start(directory / "data", *arguments)
    try:
        await backend.line()
        await backend.call("auth.bootstrap", login=LOGIN, password=PASSWORD)
        school = await School(backend).open()
        lesson = await school.book(startsAt=in_days(30))
        url = await url_of(backend)
        signed_in = await _sign_in(url)
        yield Served(
            url=url,
            token=signed_in["accessToken"],
            user_id=signed_in["user"]["id"],
            session_id=signed_in["session"]["id"],
            school=school,
            lesson=lesson,
        )
    finally:
        assert await backend.end() == 0


def in_days(days: int) -> str:
    """Return ten in the morning of a day to come."""
    at = datetime.now(UTC).replace(hour=10, minute=0, second=0) + timedelta(days=days)
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")


async def _sign_in(url: str) -> dict[str, Any]:
    params = {"login": LOGIN, "password": PASSWORD}
    async with httpx2.AsyncClient(base_url=url, timeout=TIMEOUT_SECONDS) as http:
        signed_in: dict[str, Any] = (await http.post("/api/auth.login", json=params)).json()["data"]
    return signed_in
