"""A whole application that sends through proxies which do harm: what arrives in the end, how often.

Rounds of messages by each channel, a fault of chance on each way, and time in between; then all is
well again. Every message is at its host, and twice only where a try of it had no known outcome.
"""

import asyncio
import random
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

import pytest

from rpcbackend.app import Application
from rpcbackend.outbound import real_channels
from rpcbackend.outside_settings import OutsideSettings, ResourceSettings, WebhookSettings
from rpcbackend.store import Message, Work
from rpcbackend.store.outbox import LONGEST_WAIT_SECONDS
from rpcbackend.surroundings import Surroundings
from rpcbackend.testing import Client, FrozenClock, running_app
from tests.factories import add_all, an_id, make_payment, make_webhook
from tests.faults.budget import FIGURES, IS_FULL
from tests.faults.outside import CHANNELS, MESSAGES, Host, host_of
from tests.faults.proxy import Fault, Proxy, proxy_to
from tests.store.test_outbox import rows_in

ROUNDS, EACH = (8, 15) if IS_FULL else (3, 5)
"""Fewer rounds than tries: whatever fails in each of them is sent when all is well."""

SEEDS = range(6 if IS_FULL else 1)
PAUSE_SECONDS = LONGEST_WAIT_SECONDS + 3600
"""Longer than any back-off, and than any breaker is open."""

QUICK = [
    fault
    for fault in Fault
    if fault not in (Fault.BLACK_HOLE, Fault.ANSWER_LOST, Fault.CUT_REQUEST)
]
"""Those that end by themselves; a deadline that is missed is looked at cell by cell."""


@dataclass
class World:
    """An application, its hosts, and what stands between them."""

    app: Application
    clock: FrozenClock
    hosts: dict[str, Host]
    proxies: dict[str, Proxy]

    async def queue(self, number: int) -> None:
        """Queue some messages by each channel."""

        async def unit(work: Work) -> None:
            for channel in CHANNELS:
                for each in range(EACH):
                    await work.outbox.queue(message_of(channel, f"{channel} {number} {each}"))

        await self.app.store.write(unit, actor="tests")

    async def settle(self) -> None:
        """Let time pass, and wait until all that can be tried was."""
        self.clock.advance(PAUSE_SECONDS)
        sender = self.app.post.sender
        assert sender is not None
        turned = asyncio.Event()
        sender.on_turn.append(turned.set)
        sender.hurry()
        sender.look()
        async with asyncio.timeout(60):
            while await self._has_more():
                turned.clear()
                sender.look()
                await turned.wait()
        sender.on_turn.remove(turned.set)

    async def is_done(self) -> bool:
        """Tell whether every message has come to its end."""
        rows = await rows_in(self.app.store)
        return not any(row["state"] in ("queued", "sending") for row in rows)

    async def _has_more(self) -> bool:
        sender = self.app.post.sender
        assert sender is not None
        waiting = {delay.channel for delay in sender.delays.all()}
        now_ms = self.clock.now_ms()
        return any(
            row["state"] == "sending"
            or (
                row["state"] == "queued"
                and row["not_before"] <= now_ms
                and row["channel"] not in waiting
            )
            for row in await rows_in(self.app.store)
        )


def message_of(channel: str, key: str) -> Message:
    recipient, payload = MESSAGES[channel]
    if channel == "payment":
        recipient, payload = an_id("stu"), payload | {"reference": an_id("pay")}
    if channel == "webhook":
        recipient = an_id("whk")
    return Message(
        channel=channel, recipient=recipient, template="t", payload=payload, dedupe_key=key
    )


@asynccontextmanager
async def world_of(clock: FrozenClock) -> AsyncIterator[World]:
    bugs: list[Exception] = []
    quick = ResourceSettings(timeout_seconds=5.0, retry_attempts=1)
    settings = OutsideSettings(
        allow_private=True,
        mail=quick,
        sms=quick,
        payment=quick,
        webhook=WebhookSettings(timeout_seconds=5.0, retry_attempts=1),
    )
    surroundings = Surroundings(
        clock=clock, report_bug=lambda bug, _: bugs.append(bug), channels=real_channels
    )
    async with AsyncExitStack() as stack:
        hosts, proxies = dict[str, Host](), dict[str, Proxy]()
        for channel in CHANNELS:
            hosts[channel], port = await stack.enter_async_context(host_of(channel, None))
            proxies[channel] = await stack.enter_async_context(
                proxy_to(port, partial(count, hosts[channel]))
            )
        app = await stack.enter_async_context(
            running_app(surroundings=surroundings, outside=settings)
        )
        await app.open_store()
        await set_up(app, proxies)
        yield World(app, clock, hosts, proxies)
    if bugs:
        raise bugs[0]


def count(host: Host) -> int:
    """Count what has arrived."""
    return len(host.arrived)


async def set_up(app: Application, proxies: dict[str, Proxy]) -> None:
    """Let every channel be carried by what is behind its proxy."""
    await add_all(app.store)
    url = f"http://127.0.0.1:{proxies['webhook'].port}/hook"

    async def unit(work: Work) -> None:
        await work.payments.add(make_payment())
        webhook = make_webhook(url=url, types=["students.created"])
        await work.webhooks.put(webhook, after_seq=0, secret="whsec_" + "A" * 43)

    await app.store.write(unit, actor="tests")
    client = Client(app)
    mail: dict[str, Any] = {"host": "127.0.0.1", "port": proxies["mail"].port, "security": "none"}
    mail["sender"] = "schule@fahrschule.example"
    await client.call("providers.save", channel="mail", name="Mail", mail=mail)
    for channel in ("sms", "payment"):
        web = {"url": f"http://127.0.0.1:{proxies[channel].port}"}
        await client.call("providers.save", channel=channel, name="Web", web=web, secret="k")  # noqa: S106 (of the test)


@pytest.mark.parametrize("seed", SEEDS)
async def test_whatever_fails_on_the_way_every_message_is_there_in_the_end(
    clock: FrozenClock, seed: int
) -> None:
    chance = random.Random(seed)  # noqa: S311 (a replayable choice)
    async with world_of(clock) as world:
        for number in range(ROUNDS):
            for proxy in world.proxies.values():
                await proxy.become(chance.choice(QUICK))
            await world.queue(number)
            await world.settle()
        for proxy in world.proxies.values():
            await proxy.become(Fault.NONE)
        while not await world.is_done():
            await world.settle()
        rows = await rows_in(world.app.store)
        lost = {channel: missing(world.hosts[channel], channel, rows) for channel in CHANNELS}
        doubled = {channel: check(world.hosts[channel], channel, rows) for channel in CHANNELS}

    FIGURES.tell(
        f"messages through faults of chance, seed {seed}",
        sent=sum(row["state"] == "sent" for row in rows),
        lost=sum(map(len, lost.values())),
        **{f"{channel}_came_again": again for channel, again in doubled.items()},
    )
    assert not any(lost.values())
    assert {row["state"] for row in rows} == {"sent"}


def missing(host: Host, channel: str, rows: Sequence[Any]) -> set[str]:
    """Return the messages of a channel that never arrived."""
    return {row["id"] for row in rows if row["channel"] == channel} - set(host.arrived)


def check(host: Host, channel: str, rows: Sequence[Any]) -> int:
    """Check that nothing came oftener than it may, and return how many came once more."""
    own = {row["id"]: row for row in rows if row["channel"] == channel}
    arrived = host.arrived
    assert set(arrived) <= own.keys()
    for id_, row in own.items():
        # Each arrival is a try, and all but the last had no known outcome.
        assert arrived.count(id_) <= row["attempts"]
    return len(arrived) - len(set(arrived))
