"""The event stream over HTTP: in order, resumable, and over when it must be."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import orjson
import pytest

from rpcbackend.app import Application
from rpcbackend.mirror.wire import EventSink
from rpcbackend.schema.users import Role
from rpcbackend.testing import FrozenClock
from tests.callers import add_caller, add_session, token_for
from tests.clauses import clause
from tests.mirror.test_routes import MITTE, refusal
from tests.mirror.web import Web, bearer, mirrored

AHEAD = 60 * 24 * 3_600
"""Longer than any session lives, in seconds."""


class Stream:
    """The lines of a stream, block by block."""

    def __init__(self, lines: AsyncIterator[str]) -> None:
        self._lines = lines

    async def block(self) -> dict[str, str] | None:
        """Return the fields of the next block; None at the end."""
        fields: dict[str, str] = {}
        async with asyncio.timeout(30):
            async for line in self._lines:
                if not line:
                    return fields
                name, _, value = line.partition(":")
                fields[name] = value.strip()
        return None

    async def event(self) -> Any:
        """Return the next event, past what only says that it is still there."""
        while (block := await self.block()) is not None:
            if "data" in block:
                event = orjson.loads(block["data"])
                assert block["id"] == str(event["seq"])
                return event
        return None


@asynccontextmanager
async def listening(web: Web, token: str, path: str = "", **headers: str) -> AsyncIterator[Stream]:
    """Open a stream, past its first block."""
    given = bearer(token) | {name.replace("_", "-"): value for name, value in headers.items()}
    async with web.http.stream("GET", f"/api/events{path}", headers=given) as response:
        assert response.status_code == 200, await response.aread()
        assert response.headers["content-type"] == "text/event-stream; charset=utf-8"
        stream = Stream(response.aiter_lines())
        first = await stream.block()
        assert first is not None
        assert first["retry"] == "2000"
        yield stream


async def until(is_so: Any) -> None:
    """Let the loop turn until it is so."""
    async with asyncio.timeout(30):
        while not is_so():  # noqa: ASYNC110 (nobody tells of it)
            await asyncio.sleep(0)


async def test_events_come_as_they_happen(web: Web, token: str) -> None:
    async with listening(web, token) as stream:
        for name in ("Mitte", "Nord"):
            await web.call("branches.save", token, **MITTE | {"name": name})

        events = [await stream.event() for _ in range(2)]

    assert [(event["seq"], event["type"]) for event in events] == [
        (1, "branches.saved"),
        (2, "branches.saved"),
    ]


@clause("mirror-events")
@pytest.mark.parametrize(
    ("path", "headers"),
    [
        ("", {"Last_Event_ID": "1"}),
        ("?afterSeq=1", {}),
        ("?afterSeq=0", {"Last_Event_ID": "1"}),
    ],
    ids=["as a browser resumes", "by its address", "a browser that resumes by its address"],
)
async def test_a_stream_resumes_after_the_last_event(
    web: Web, token: str, path: str, headers: dict[str, str]
) -> None:
    for name in ("Mitte", "Nord", "Ost"):
        await web.call("branches.save", token, **MITTE | {"name": name})

    async with listening(web, token, path, **headers) as stream:
        assert [(await stream.event())["seq"] for _ in range(2)] == [2, 3]


async def test_only_the_types_that_are_asked_for_come(web: Web, token: str) -> None:
    async with listening(web, token, "?types=users.created,branches.saved") as stream:
        await web.call("branches.save", token, **MITTE)

        assert (await stream.event())["type"] == "branches.saved"

    async with listening(web, token, "?types=users.created&afterSeq=0") as stream:
        await web.call("auth.logout", token)
        assert await stream.event() is None


@pytest.mark.parametrize(
    ("path", "told"),
    [
        ("?afterSeq=x", (422, "INVALID_PARAMS")),
        ("?afterSeq=-1", (422, "INVALID_PARAMS")),
        ("?afterSeq=99999999999999999", (422, "INVALID_PARAMS")),
        ("?types=Nonsense", (422, "INVALID_PARAMS")),
        ("?afterSeq=7", (422, "CURSOR_INVALID")),
    ],
)
async def test_what_cannot_be_resumed_is_refused(
    web: Web, token: str, path: str, told: tuple[int, str]
) -> None:
    assert refusal(await web.get(f"/api/events{path}", token)) == told


async def test_an_empty_id_is_no_place_to_resume_after(web: Web, token: str) -> None:
    response = await web.get("/api/events?afterSeq=0", token, Last_Event_ID="")

    assert refusal(response) == (422, "INVALID_PARAMS")


async def test_strangers_and_keys_without_the_scope_hear_nothing(web: Web, key: str) -> None:
    assert refusal(await web.get("/api/events")) == (401, "UNAUTHENTICATED")
    assert refusal(await web.get("/api/events", X_API_Key=key)) == (403, "SCOPE_MISSING")


async def test_a_stream_ends_with_the_session(web: Web, token: str) -> None:
    async with listening(web, token) as stream:
        await web.call("auth.logout", token)

        assert await stream.event() is None


async def test_a_stream_ends_when_its_session_is_over_by_time_alone(
    app: Application, web: Web, token: str, clock: FrozenClock
) -> None:
    web.mirror._streams._keep_alive_seconds = 0.05  # noqa: SLF001 (half a minute otherwise)
    async with listening(web, token) as stream:
        assert await stream.block() == {"": "still here"}
        clock.advance(AHEAD)

        assert await stream.event() is None
    assert app.connections.in_flight == 0


async def test_to_listen_is_no_use_of_a_session(
    app: Application, web: Web, token: str, clock: FrozenClock
) -> None:
    """An owner's session is over after half an hour without a call, stream or not."""
    web.mirror._streams._keep_alive_seconds = 0.05  # noqa: SLF001 (as above)
    async with listening(web, token) as stream:
        clock.advance(20 * 60)
        assert await stream.block() == {"": "still here"}
        clock.advance(11 * 60)

        assert await stream.event() is None
    assert refusal(await web.call("students.list", token)) == (401, "SESSION_EXPIRED")
    assert app.has_store


async def test_whoever_may_no_more_hear_it_is_told_nothing_further(
    app: Application, web: Web, token: str
) -> None:
    async with listening(web, token) as stream:
        await add_caller(app.store, 1, Role.OWNER, status="disabled")
        await app.store.write(lambda work: work.record("x.y", ("user", "u", 1), {}), actor="tests")

        assert await stream.event() is None


async def test_a_stream_ends_with_the_process(app: Application, web: Web, token: str) -> None:
    async with listening(web, token) as stream:
        await app.close()

        assert await stream.event() is None


async def test_there_are_only_so_many_and_one_that_goes_makes_room(
    app: Application, clock: FrozenClock, token: str
) -> None:
    async with mirrored(app, clock, streams=1) as web:
        async with listening(web, token):
            late = await web.get("/api/events", token)
        await until(lambda: not web.mirror._streams._open)  # noqa: SLF001 (nobody tells of it)
        async with listening(web, token):
            pass

    assert refusal(late) == (503, "OVERLOADED")


async def test_one_caller_has_only_so_many_and_keeps_no_other_one_out(
    app: Application, clock: FrozenClock, token: str
) -> None:
    await add_caller(app.store, 3, Role.OWNER)
    session = await add_session(app.store, 3, audience="http")
    other = await token_for(app.store, session, audience="http")
    async with mirrored(app, clock, streams_of_one=1) as web, listening(web, token):
        late = await web.get("/api/events", token)
        async with listening(web, other):
            pass

    assert refusal(late) == (429, "RATE_LIMITED")
    assert late.headers["retry-after"] == "5"
    assert late.headers["retry-after"] == "5"


async def test_a_client_that_leaves_leaves_nothing_behind(
    app: Application, web: Web, token: str
) -> None:
    async with listening(web, token):
        pass

    await until(lambda: not web.mirror._streams._open)  # noqa: SLF001 (as above)
    await until(lambda: len(app.connections) == 0)


async def test_a_sink_that_is_full_waits_for_its_reader() -> None:
    sink = EventSink(10)
    sink.send(b"12345")
    assert sink.is_writable
    sink.send(b"12345")
    assert not sink.is_writable
    waiting = asyncio.ensure_future(sink.writable())

    assert await sink.next() == b"12345"

    await waiting
    assert await sink.next() == b"12345"


async def test_a_sink_gives_what_it_has_before_its_end() -> None:
    sink = EventSink(10)
    sink.send(b"last")
    sink.end()

    assert [await sink.next(), await sink.next(), await sink.next()] == [b"last", None, None]
    await sink.writable()


async def test_who_asks_for_the_head_alone_holds_no_stream(
    app: Application, clock: FrozenClock, token: str
) -> None:
    async with mirrored(app, clock, streams=1) as web:
        for _ in range(2):
            head = await web.ask("HEAD /api/events", Authorization=f"Bearer {token}")
            assert (head.status, head.content) == (200, b"")
            assert head.headers["content-type"] == "text/event-stream; charset=utf-8"
