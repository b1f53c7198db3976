"""Connections that are slow, many, or never end; and encrypted ones."""

import asyncio
import select
import socket
import ssl
from pathlib import Path
from typing import Any

import httpx2
import pytest
import trustme

from rpcbackend.api_settings import SecuritySettings
from rpcbackend.app import Application
from rpcbackend.testing import FrozenClock
from tests.mirror.web import Answer, Web, bearer, mirrored

QUICK: dict[str, Any] = {"header_seconds": 0.2, "body_seconds": 0.2, "keep_alive_seconds": 0.2}
"""Of the kinds of waiting that a test waits for."""


def refusal(raw: bytes) -> tuple[int, str]:
    answer = Answer.of(raw)
    return answer.status, answer.body["error"]["code"]


@pytest.mark.parametrize("sent", [b"", b"GET /api/health HTTP/1.1\r\nHost: 127"])
async def test_a_head_that_does_not_come_is_not_waited_for(
    app: Application, clock: FrozenClock, sent: bytes
) -> None:
    async with mirrored(app, clock, **QUICK) as web:
        assert refusal(await web.raw(sent)) == (408, "DEADLINE_EXCEEDED")


async def test_a_head_that_comes_byte_by_byte_has_no_more_time_for_it(
    app: Application, clock: FrozenClock
) -> None:
    """Slow-loris: there is always a byte more, and never the last."""
    async with mirrored(app, clock, **QUICK) as web:
        reader, writer = await asyncio.open_connection("127.0.0.1", web.mirror.port)
        writer.write(f"GET /api/health HTTP/1.1\r\nHost: {web.host}\r\nX: ".encode())
        coming = asyncio.ensure_future(reader.read())
        async with asyncio.timeout(10):
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
        async with asyncio.timeout(10):
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
            async with asyncio.timeout(10):
                how = await asyncio.get_running_loop().run_in_executor(None, until_reset, peer)

    assert how & select.POLLHUP


def until_reset(peer: socket.socket) -> int:
    """Wait until the other side gives up, without reading anything."""
    poll = select.poll()
    poll.register(peer, 0)
    [(_, how)] = poll.poll(10_000)
    return how


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion:DeprecationWarning")
async def test_over_tls_it_is_spoken_as_well_and_in_no_old_version(
    app: Application, clock: FrozenClock, tmp_path: Path
) -> None:
    authority = trustme.CA()
    issued = authority.issue_cert("127.0.0.1", "localhost")
    certificate, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    for part in issued.cert_chain_pems:
        part.write_to_path(certificate, append=True)
    issued.private_key_pem.write_to_path(key)
    trusting = ssl.create_default_context()
    authority.configure_trust(trusting)
    tls = {"certificate": certificate, "key": key}
    async with mirrored(app, clock, protocol="https", tls=tls) as web:
        async with httpx2.AsyncClient(base_url=web.mirror.url, verify=trusting) as http:
            answer = await http.get("/api/health")
        old = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        authority.configure_trust(old)
        # So that it is not this side that refuses.
        old.set_ciphers("DEFAULT:@SECLEVEL=0")
        old.minimum_version = ssl.TLSVersion.TLSv1
        old.maximum_version = ssl.TLSVersion.TLSv1_1
        with pytest.raises(OSError):  # noqa: PT011 (an alert, or a reset after it)
            await asyncio.open_connection("127.0.0.1", web.mirror.port, ssl=old)
        plain = await web.raw(web.head("GET /api/health"))

    assert answer.status_code == 200
    assert answer.headers["strict-transport-security"] == "max-age=31536000"
    assert b"200" not in plain
