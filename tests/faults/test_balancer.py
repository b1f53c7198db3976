"""What HAProxy does by docs/haproxy.cfg when who is behind it hangs up, is drained, or is away."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest
import trustme

from tests.faults.balanced import HOST, NAMES, Balancer, balancer

PATH = "/api/lessons.book"
KEYED = {"Idempotency-Key": "01936b2e-0000-7000-8000-000000000001"}
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"


class School:
    """What all servers behind HAProxy have been asked, and how they answer."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, bytes]] = []
        """The server's name and the whole request, in the order in which they came."""
        self.hang_ups = 0
        """Requests that are still to be met by hanging up, once they are read."""
        self.may_answer = asyncio.Event()
        self.may_answer.set()
        self.is_asked = asyncio.Event()


class Standin:
    """A server behind HAProxy that is healthy and answers every request alike."""

    def __init__(self, name: str, school: School) -> None:
        self.name, self._school = name, school
        self.port = 0
        self._server: asyncio.Server | None = None

    async def start(self) -> None:
        """Listen."""
        self._server = await asyncio.start_server(self._meet, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    def close(self) -> None:
        """Listen no more."""
        if self._server is not None:
            self._server.close()

    async def _meet(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await self._serve(reader, writer)
        except (asyncio.IncompleteReadError, ConnectionResetError):
            """It has hung up."""
        finally:
            writer.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            head = await reader.readuntil(b"\r\n\r\n")
            if head.startswith(b"POST"):
                body = await reader.readexactly(len(b"{}"))
                self._school.asked.append((self.name, head + body))
                self._school.is_asked.set()
                if self._school.hang_ups:
                    self._school.hang_ups -= 1
                    return
                await self._school.may_answer.wait()
            writer.write(ANSWER)
            await writer.drain()


class Fixture:
    """HAProxy, those behind it, and a caller."""

    def __init__(
        self, school: School, servers: list[Standin], haproxy: Balancer, http: httpx2.AsyncClient
    ) -> None:
        self.school, self.servers, self.haproxy, self.http = school, servers, haproxy, http

    async def post(self, **headers: str) -> httpx2.Response:
        """Send a command."""
        return await self.http.post(PATH, json={}, headers=headers)


@asynccontextmanager
async def standing(
    folder: Path, *, patience: str = "130s", smaller: int = 1
) -> AsyncIterator[Fixture]:
    trust, encryption = trustme.CA(), ssl.create_default_context()
    trust.configure_trust(encryption)
    school = School()
    async with AsyncExitStack() as stack:
        servers = [Standin(name, school) for name in NAMES]
        for server in servers:
            await server.start()
            stack.callback(server.close)
        haproxy = await stack.enter_async_context(
            balancer(folder, servers, trust, patience=patience, smaller=smaller)
        )
        await haproxy.until(*NAMES)
        http = httpx2.AsyncClient(
            base_url=haproxy.url, verify=encryption, headers={"Host": HOST}, timeout=20
        )
        yield Fixture(school, servers, haproxy, await stack.enter_async_context(http))


@pytest.fixture
async def behind(tmp_path: Path) -> AsyncIterator[Fixture]:
    """HAProxy before four healthy servers."""
    async with asyncio.timeout(30), standing(tmp_path) as fixture:
        yield fixture


def said_by(response: httpx2.Response) -> tuple[int, dict[str, Any]]:
    """Return the status and the error, without what is another one each time."""
    body = response.json()
    error = body.pop("error")
    assert body == {"status": "error", "data": None}
    assert response.headers["Content-Type"] == "application/json"
    assert response.headers["Retry-After"] == "1"
    assert isinstance(error.pop("timestamp"), int)
    assert len(error.pop("correlationId")) == len("xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx")
    return response.status_code, error


async def test_a_command_with_a_key_goes_to_another_server_when_the_first_hangs_up(
    behind: Fixture,
) -> None:
    behind.school.hang_ups = 1

    response = await behind.post(**KEYED)

    (first, said), (second, repeated) = behind.school.asked
    assert (response.status_code, response.json()) == (200, {})
    assert said == repeated
    assert first != second


@pytest.mark.parametrize("calls_before", [0, 2])
async def test_a_command_without_a_key_is_not_repeated_and_nobody_knows_what_became_of_it(
    behind: Fixture, calls_before: int
) -> None:
    """On a connection that has served before, HAProxy may hang up, and curl then repeats it."""
    for _ in range(calls_before):
        await behind.post()
    behind.school.hang_ups = 1

    response = await behind.post()

    assert len(behind.school.asked) == calls_before + 1
    assert said_by(response) == (
        502,
        {
            "code": "OUTCOME_UNKNOWN",
            "message": "The worker ended before it answered.",
            "type": "system",
            "retryable": True,
            "outcome": "unknown",
            "retryAfterMs": 1000,
        },
    )


async def test_a_command_whose_server_stands_still_ends_in_time_and_is_not_repeated(
    tmp_path: Path,
) -> None:
    async with asyncio.timeout(30), standing(tmp_path, patience="200ms") as behind:
        await behind.post()
        behind.school.may_answer.clear()

        response = await behind.post(**KEYED)

    assert len(behind.school.asked) == 2
    assert said_by(response) == (
        504,
        {
            "code": "OUTCOME_UNKNOWN",
            "message": "The worker did not answer in time.",
            "type": "system",
            "retryable": True,
            "outcome": "unknown",
            "retryAfterMs": 1000,
        },
    )


async def test_as_many_callers_as_there_may_be_keep_nobody_from_an_answer(tmp_path: Path) -> None:
    """Each call needs a second connection within HAProxy, which callers must not take."""
    async with asyncio.timeout(30), standing(tmp_path, smaller=250) as behind:
        behind.school.may_answer.clear()
        calls = [asyncio.create_task(behind.post(Connection="close")) for _ in range(16)]
        await behind.school.is_asked.wait()
        behind.school.may_answer.set()

        responses = await asyncio.gather(*calls)

    assert [response.status_code for response in responses] == [200] * 16


async def test_a_caller_is_known_by_his_own_address_whatever_he_says_of_it(
    behind: Fixture,
) -> None:
    await behind.post(**{"X-Forwarded-For": "192.0.2.1"})

    ((_, said),) = behind.school.asked
    assert [line for line in said.split(b"\r\n") if line.startswith(b"x-forwarded-for")] == [
        b"x-forwarded-for: 127.0.0.1"
    ]


async def test_a_reload_hangs_up_on_nobody(behind: Fixture) -> None:
    before = await behind.post()

    await behind.haproxy.start()
    after = await behind.post()

    assert after.status_code == 200
    # The connection is the same one.
    assert after.extensions["network_stream"] is before.extensions["network_stream"]


async def test_without_a_server_a_command_is_told_that_it_had_no_effect(behind: Fixture) -> None:
    for server in behind.servers:
        server.close()
    await behind.haproxy.until(*NAMES, state="DOWN")

    response = await behind.post(**KEYED)

    assert behind.school.asked == []
    assert said_by(response) == (
        503,
        {
            "code": "UNAVAILABLE",
            "message": "No worker serves.",
            "type": "network",
            "retryable": True,
            "outcome": "none",
            "retryAfterMs": 1000,
        },
    )


async def test_a_server_that_is_drained_by_hand_ends_what_it_has_and_gets_nothing_new(
    behind: Fixture,
) -> None:
    school = behind.school
    school.may_answer.clear()
    running = asyncio.create_task(behind.post())
    await school.is_asked.wait()
    ((drained, _),) = school.asked

    said = await behind.haproxy.tell(f"set server workers/{drained} state drain")
    await behind.haproxy.until(drained, state="DRAIN")
    others = [asyncio.create_task(behind.post()) for _ in range(8)]
    while len(school.asked) < 1 + len(others):
        school.is_asked.clear()
        await school.is_asked.wait()
    school.may_answer.set()

    assert said.strip() == ""
    assert (await running).status_code == 200
    assert {(await other).status_code for other in others} == {200}
    assert drained not in [name for name, _ in school.asked[1:]]

    await behind.haproxy.tell(f"set server workers/{drained} state ready")
    await behind.haproxy.until(*NAMES)
    school.asked.clear()
    school.may_answer.clear()
    others = [asyncio.create_task(behind.post()) for _ in NAMES]
    while len(school.asked) < len(NAMES):
        school.is_asked.clear()
        await school.is_asked.wait()
    school.may_answer.set()
    await asyncio.gather(*others)
    assert {name for name, _ in school.asked} == set(NAMES)
