"""Bad input to the real process: named in the reply, and the next line is served."""

from collections.abc import AsyncIterator
from typing import Any

import orjson
import pytest
import pytest_asyncio

from tests.clauses import clause
from tests.e2e.backend import Backend, Start, shown
from tests.machine import request


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def lasting(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Backend]:
    """Start one process, which hears all that is bad one after the other."""
    backend = await Backend.start(tmp_path_factory.mktemp("school") / "data")
    assert (await backend.line())["method"] == "system.ready"
    yield backend
    assert await backend.end() == 0


@clause("no-line-stops-the-process", "bad-too-long", "bad-scalar", "bad-version")
@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize(
    ("line", "error"),
    [
        (b"{nonsense\n", (None, -32700, "PARSE_ERROR")),
        (b'\xff\xfe{"id":1}\n', (None, -32700, "PARSE_ERROR")),
        (b'"text"\n', (None, -32600, "INVALID_REQUEST")),
        (b"[]\n", (None, -32600, "INVALID_REQUEST")),
        (b'{"id":7,"method":"ping"}\n', (7, -32600, "INVALID_REQUEST")),
        (request(7, "students.fly"), (7, -32601, "METHOD_NOT_FOUND")),
        (request(7, "students.get"), (7, -32602, "INVALID_PARAMS")),
        (request(7, "students.get", studentId="' OR 1=1 --"), (7, -32602, "INVALID_PARAMS")),
        (b"x" * (4 * 1024 * 1024 + 1) + b"\n", (None, -32010, "REQUEST_TOO_LARGE")),
        (
            request(7, "students.get", studentId="stu_01930000-0000-7000-8000-000000000000"),
            (7, 1102, "NOT_FOUND"),
        ),
    ],
    ids=[
        "no-json",
        "no-utf8",
        "no-object",
        "empty-batch",
        "no-version",
        "no-channel",
        "missing",
        "injection",
        "too-long",
        "unknown-id",
    ],
)
async def test_bad_input_is_named_and_the_next_line_served(
    lasting: Backend, line: Any, error: tuple[Any, int, str]
) -> None:
    assert shown(await lasting.ask(line)) == error

    assert await lasting.call("ping") == {}


async def test_a_taken_slot_is_refused_with_what_is_in_the_way(start: Start) -> None:
    backend = await start()
    branch = await backend.call("branches.save", name="Mitte", zone="Europe/Berlin", currency="EUR")
    instructor = await backend.call(
        "instructors.save",
        branchId=branch["id"],
        givenName="Ines",
        familyName="Kraft",
        categories=["B"],
        engagement="employee",
    )
    created = await backend.call(
        "students.create",
        branchId=branch["id"],
        givenName="Ada",
        familyName="Byron",
        bornOn="2007-12-10",
    )
    booking = {
        "studentId": created["student"]["id"],
        "instructorId": instructor["id"],
        "startsAt": "2035-06-01T09:00:00Z",
        "durationMinutes": 90,
    }
    booked = await backend.call("lessons.book", **booking)

    reply = await backend.ask(request(2, "lessons.book", **booking))

    assert shown(reply) == (2, 1301, "CONFLICT_INSTRUCTOR")
    assert booked["lesson"]["id"] in orjson.dumps(reply["error"]["data"]["details"]).decode()
    assert (await backend.call("lessons.get", lessonId=booked["lesson"]["id"]))["lesson"] == booked[
        "lesson"
    ]


@clause("out-of-step")
async def test_a_hundred_unreadable_lines_end_the_process_with_65(start: Start) -> None:
    backend = await start()

    backend.send(b"{\n" * 100)

    assert [shown(reply) for reply in await backend.rest()] == [(None, -32700, "PARSE_ERROR")] * 100
    assert await backend.exit_code() == 65
