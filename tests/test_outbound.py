"""The sender in a whole application: what the desk is told of it, and what it costs nobody."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import pytest

from rpcbackend.app import Application
from rpcbackend.surroundings import Surroundings
from rpcbackend.testing import Client, FrozenClock, running_app
from tests.factories import School, create_student, keyed
from tests.outside.carrying import Hosts, unreached
from tests.store.test_outbox import HELLO

MAIL = {
    "channel": "mail",
    "name": "Office mail",
    "mail": {
        "host": "one",
        "port": 587,
        "security": "starttls",
        "sender": "office@school.example",
    },
    "secret": "pass",
}


ADDRESS = "eva@example.org"


@dataclass
class Office:
    """An application that sends, its desk, and the hosts outside."""

    app: Application
    client: Client
    hosts: Hosts

    async def until_told(self, *types: str) -> dict[str, Any]:
        """Return the next event of these types."""
        while True:
            line = await self.client.next_line()
            if line.get("method") == "event" and line["params"]["type"] in types:
                event: dict[str, Any] = line["params"]
                return event

    async def until_delayed(self, reason: str) -> None:
        """Wait until a channel waits."""
        turned = asyncio.Event()
        assert self.app.post.sender is not None
        self.app.post.sender.on_turn.append(turned.set)
        async with asyncio.timeout(30):
            while [each["reason"] for each in (await self.health())["delayed"]] != [reason]:
                await turned.wait()
                turned.clear()

    async def health(self) -> dict[str, Any]:
        """Return what system.health tells of the outbox."""
        found: dict[str, Any] = (await self.client.call("system.health"))["outbox"]
        return found


@pytest.fixture
async def office(clock: FrozenClock) -> AsyncIterator[Office]:
    bugs: list[Exception] = []
    hosts = Hosts()
    surroundings = Surroundings(
        clock=clock,
        report_bug=lambda bug, _: bugs.append(bug),
        channels=lambda _: hosts.channels(),
    )
    async with running_app(surroundings=surroundings) as app:
        client = Client(app)
        await client.call("events.subscribe")
        yield Office(app, client, hosts)
    if bugs:
        raise bugs[0]


async def test_a_provider_that_is_tried_out_gets_one_message_and_the_desk_is_told(
    office: Office,
) -> None:
    saved = await office.client.call("providers.save", **MAIL)

    tested = await office.client.call(
        "providers.test", providerId=saved["id"], recipient="ada@example.org"
    )

    event = await office.until_told("messages.sent", "messages.failed")
    assert event["type"] == "messages.sent"
    assert event["data"] == {"messageId": tested["messageId"], "channel": "mail"}
    assert event["actor"] == "sender"
    assert office.hosts["one"].received == [tested["messageId"]]
    [message] = (await office.client.call("outbox.list"))["items"]
    assert (message["state"], message["providerRef"]) == ("sent", "one 1")


async def test_a_message_that_failed_goes_when_the_desk_tries_again(office: Office) -> None:
    office.hosts["one"].says.append(unreached())
    saved = await office.client.call("providers.save", **MAIL)
    tested = await office.client.call(
        "providers.test", providerId=saved["id"], recipient="ada@example.org"
    )
    assert (await office.until_told("messages.failed"))["data"]["channel"] == "mail"
    assert (await office.health())["failed"] == 1

    await office.client.call("outbox.retry", ids=[tested["messageId"]], action="retry")

    await office.until_told("messages.sent")
    assert await office.health() == {
        "queued": 0,
        "oldestLagSeconds": 0,
        "failed": 0,
        "delayed": [],
    }


async def test_a_command_whose_message_waits_says_so_and_is_done_all_the_same(
    office: Office, clock: FrozenClock
) -> None:
    """The desk goes on with the network gone, and is told what is delayed."""
    office.hosts["one"].always = unreached(30.0)
    provider = await office.client.call("providers.save", **MAIL)
    school = await School(office.client).open()
    pupil = await create_student(office.client, school.branch["id"], givenName="Eva", email=ADDRESS)
    await office.app.store.write(lambda work: work.outbox.queue(HELLO), actor="tests")
    await office.until_delayed("unreached")
    cancel = partial(office.client.call_with_meta, "lessons.cancel")
    lessons = [
        (await school.book(studentId=pupil["id"], startsAt=f"2026-11-{day}T09:00:00Z"))["id"]
        for day in (25, 26)
    ]
    call_off = {"lessonId": lessons[0], "by": "school", "reasonCode": "other"}

    dry = await cancel(call_off | {"_meta": {"dryRun": True}})
    told = await cancel(call_off | keyed())
    again = await cancel(call_off | keyed())

    assert told["_meta"]["warnings"] == [
        {
            "code": "DELAYED",
            "channel": "mail",
            "reason": "unreached",
            "since": "2026-11-23T08:00:00Z",
            "message": "Mail cannot be reached since 2026-11-23T08:00:00Z: what goes that way is "
            "sent later, by itself.",
        }
    ]
    assert "warnings" not in dry["_meta"] | again["_meta"]
    clock.advance(10)
    assert await office.health() == {
        "queued": 2,
        "oldestLagSeconds": 10,
        "failed": 0,
        "delayed": [
            {
                "channel": "mail",
                "reason": "unreached",
                "since": "2026-11-23T08:00:00Z",
                "lastError": "cannot be reached",
                "nextTryMs": 20_000,
            }
        ],
    }

    await office.client.call("providers.save", **MAIL, providerId=provider["id"], isEnabled=False)
    await office.until_delayed("switched_off")
    told = await cancel(call_off | {"lessonId": lessons[1]})
    [warning] = told["_meta"]["warnings"]
    assert (warning["reason"], warning["channel"]) == ("switched_off", "mail")


async def test_a_channel_that_nobody_uses_is_not_delayed(office: Office) -> None:
    await office.client.call("providers.save", **MAIL, isEnabled=False)

    assert (await office.health())["delayed"] == []


async def test_an_application_that_does_not_send_leaves_all_where_it_is(
    client: Client, app: Application
) -> None:
    saved = await client.call("providers.save", **MAIL)

    await client.call("providers.test", providerId=saved["id"], recipient="ada@example.org")

    health = (await client.call("system.health"))["outbox"]
    assert (health["queued"], health["delayed"]) == (1, [])
    assert app.post.warnings(["mail"]) == []


async def test_a_school_goes_on_with_every_host_gone(office: Office) -> None:
    office.hosts["one"].holds = asyncio.Event()
    saved = await office.client.call("providers.save", **MAIL)
    for _ in range(6):
        await office.client.call(
            "providers.test", providerId=saved["id"], recipient="ada@example.org"
        )
    await office.hosts["one"].came.wait()

    school = await School(office.client).open()
    await school.book()

    assert len((await office.client.call("lessons.list"))["items"]) == 1
    office.hosts["one"].holds.set()
