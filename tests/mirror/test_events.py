"""The event stream over HTTP."""

import asyncio

import orjson

from rpcbackend.app import Application
from rpcbackend.testing import Client
from tests.mirror.web import Web, bearer

MITTE = {"name": "Mitte", "zone": "Europe/Berlin", "currency": "EUR"}


async def test_events_come_as_they_happen_and_resume_after_the_last(
    app: Application, web: Web, token: str
) -> None:
    async with asyncio.timeout(10):
        async with web.http.stream("GET", "/api/events", headers=bearer(token)) as stream:
            assert stream.headers["content-type"] == "text/event-stream; charset=utf-8"
            lines = stream.aiter_lines()
            began = [await anext(lines) for _ in range(3)]
            assert began == ["retry: 2000", "id: 0", ""]
            await web.call(
                "branches.save", token, name="Mitte", zone="Europe/Berlin", currency="EUR"
            )
            happened = [await anext(lines) for _ in range(4)]
        assert happened[:2] == ["id: 1", "event: event"]
        assert orjson.loads(happened[2].removeprefix("data: "))["type"] == "branches.saved"

        after = bearer(token) | {"Last-Event-ID": "0"}
        async with web.http.stream("GET", "/api/events", headers=after) as stream:
            lines = stream.aiter_lines()
            assert [await anext(lines) for _ in range(7)][3:] == happened
    assert (await Client(app).call("system.health"))["inFlight"] == 1
