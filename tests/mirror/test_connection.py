"""Connections that are slow, many, or never end."""

import asyncio
import select
import socket
from typing import Any

from rpcbackend.api_settings import SecuritySettings
from rpcbackend.app import Application
from rpcbackend.testing import FrozenClock
from tests.mirror.web import Answer, Web, bearer, mirrored

QUICK: dict[str, Any] = {"header_seconds": 0.2, "body_seconds": 0.2, "keep_alive_seconds": 0.2}
"""Of the kinds of waiting that a test waits for."""


def refusal(raw: bytes) -> tuple[int, str]:
    answer = Answer.of(raw)
    return answer.status, answer.body["error"]["code"]


async def test_a_head_that_does_not_come_is_not_waited_for(
    app: Application, clock: FrozenClock
) -> None:
    async with mirrored(app, clock, **QUICK) as web:
        half = b"GET /api/health HTTP/1.1\r\nHost: 127"
        assert refusal(await web.raw(half)) == (408, "DEADLINE_EXCEEDED")


async def test_a_connection_that_asks_nothing_is_closed_without_a_word(
    app: Application, clock: FrozenClock, token: str
) -> None:
    """Browsers open some in advance; nobody is to read of them in a log."""
    async with mirrored(app, clock, **QUICK) as web:
        assert await web.raw(b"") == b""
    # By one that waits longer: whoever asks on a busy machine may take his time, too.
    async with mirrored(app, clock) as web:
        figures = await web.get("/metrics", token)

    assert "DEADLINE_EXCEEDED" not in figures.text


async def test_a_head_that_comes_byte_by_byte_has_no_more_time_for_it(
    app: Application, clock: FrozenClock
) -> None:
    """Slow-loris: there is always a byte more, and never the last."""
    async with mirrored(app, clock, **QUICK) as web:
        reader, writer = await asyncio.open_connection("127.0.0.1", web.mirror.port)
        writer.write(f"GET /api/health HTTP/1.1\r\nHost: {web.host}\r\nX: ".encode())
        coming = asyncio.ensure_future(reader.read())
        async with asyncio.timeout(30):
            while not coming.done():
                writer.write(b"x")
                await asyncio.wait({coming}, timeout=0.02)
        writer.close()

    assert refusal(coming.result()) == (408, "DEADLINE_EXCEEDED")


async def test_the_second_head_of_a_connection_has_a_time_too(
    app: Application, clock: FrozenClock
) -> None:
    async with mirrored(app, clock, **QUICK | {"keep_alive_seconds": 30}) as web:
        reader, writer = await asyncio.open_connection("127.0.0.1", web.mirror.port)
        async with asyncio.timeout(30):
            writer.write(web.head("GET /api/health", Connection="keep-alive"))
            await reader.readuntil(b"}")
            writer.write(b"GET")
            rest = await reader.read()
        writer.close()

    assert b"408 Request Timeout" in rest


async def test_a_body_that_does_not_come_is_not_waited_for(
    app: Application, clock: FrozenClock, token: str
) -> None:
    async with mirrored(app, clock, **QUICK) as web:
        head = web.head(
            "POST /api/students.list",
            Content_Type="application/json",
            Content_Length="2",
            **bearer(token),
        )
        assert refusal(await web.raw(head, b"{")) == (408, "DEADLINE_EXCEEDED")


async def test_an_idle_connection_is_closed(app: Application, clock: FrozenClock) -> None:
    async with mirrored(app, clock, **QUICK) as web:
        answer = Answer.of(await web.raw(web.head("GET /api/health", Connection="keep-alive")))

    assert answer.status == 200


async def test_a_body_without_an_end_that_nobody_reads_ends_the_connection(web: Web) -> None:
    head = web.head("GET /api/health", Transfer_Encoding="chunked", Connection="keep-alive")

    answer = Answer.of(await web.raw(head, *[b"1\r\nx\r\n"] * 100))

    assert answer.status == 200


async def test_requests_in_one_packet_are_answered_in_turn(web: Web) -> None:
    keep = web.head("GET /api/health", Connection="keep-alive")
    last = web.head("GET /nothing")

    came = await web.raw(keep + keep + last)

    statuses = [part[:3] for part in came.split(b"HTTP/1.1 ")[1:]]
    assert statuses == [b"200", b"200", b"404"]


async def test_one_connection_more_than_there_may_be_is_told_so(
    app: Application, clock: FrozenClock
) -> None:
    async with mirrored(app, clock, connections=128) as web:
        held = [await asyncio.open_connection("127.0.0.1", web.mirror.port) for _ in range(128)]
        one_more = await web.raw(b"")
        for _, writer in held[:2]:
            writer.close()
            await writer.wait_closed()
        answer = await web.until_answered("GET /api/health")
        for _, writer in held:
            writer.close()

    assert refusal(one_more) == (503, "OVERLOADED")
    assert Answer.of(one_more).headers["retry-after"] == "1"
    assert answer.status == 200


async def test_who_reads_nothing_does_not_hold_his_answer_for_ever(
    app: Application, clock: FrozenClock
) -> None:
    often = SecuritySettings.model_validate({"rateLimit": {"max": 10_000}})
    async with mirrored(app, clock, often, public_contract=True, stall_seconds=0.2) as web:
        ask = web.head("GET /openapi.json", Connection="keep-alive")
        with socket.create_connection(("127.0.0.1", web.mirror.port)) as peer:
            # More than what the two kernels between them can hold.
            peer.sendall(ask * 100)
            async with asyncio.timeout(30):
                how = await asyncio.get_running_loop().run_in_executor(None, until_reset, peer)

    assert how & select.POLLHUP


def until_reset(peer: socket.socket) -> int:
    """Wait until the other side gives up, without reading anything."""
    poll = select.poll()
    poll.register(peer, 0)
    [(_, how)] = poll.poll(30_000)
    return how


async def test_what_cannot_be_read_is_refused_when_it_comes_and_not_before(
    web: Web, clock: FrozenClock, token: str
) -> None:
    before = (await web.get("/metrics", token)).text
    clock.advance(2.0)
    errors = [Answer.of(await web.raw(b"x\r\n\r\n")).body["error"] for _ in range(2)]
    after = (await web.get("/metrics", token)).text

    assert "rpcbackend_errors_total{" not in before
    assert 'channel="",symbol="INVALID_REQUEST",type="validation"} 2.0' in after
    assert errors[0]["correlationId"] != errors[1]["correlationId"]
    assert errors[0]["timestamp"] == clock.now_ms()
