"""Calendars by their addresses, against a real uvicorn."""

import pytest

from rpcbackend.testing import Client
from tests.domain.ical import read
from tests.factories import School
from tests.mirror.web import Web


@pytest.fixture
async def path(web: Web, client: Client) -> str:
    """Return the address of a branch's feed, in a school with a lesson."""
    assert web.mirror.port
    school = await School(client).open()
    await school.book()
    made = await client.call("feeds.create", kind="branch", ownerId=school.branch["id"])
    assert made["isServed"] is True
    return str(made["path"])


async def test_whoever_has_the_address_reads_the_calendar(web: Web, path: str) -> None:
    response = await web.get(path)

    assert response.status_code == 200
    assert response.headers["content-type"] == "text/calendar; charset=utf-8"
    assert len(read(response.content.decode()).all("VEVENT")) == 1


async def test_what_a_calendar_program_has_it_is_not_sent_again(web: Web, path: str) -> None:
    first = await web.get(path)

    again = await web.get(path, If_None_Match=first.headers["etag"])
    other = await web.get(path, If_None_Match="x" * 200)

    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["etag"] == first.headers["etag"]
    assert other.status_code == 200


async def test_any_other_address_opens_nothing(web: Web, path: str) -> None:
    response = await web.get(path.replace("rpf_", "rpf_x"))

    assert response.status_code == 404
    assert response.json()["error"]["code"] == "NOT_FOUND"
