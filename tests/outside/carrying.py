"""Carriers at the machine's edge: what they say is what the test wants, and they count."""

import asyncio
from collections import defaultdict, deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any

from rpcbackend.outside.adapter import Adapter, RefusedError, TryAgainError
from rpcbackend.outside.channels import ByProvider, Channels, Direct
from rpcbackend.outside.providers import MailProvider, Provider
from rpcbackend.outside.sender import Sender
from rpcbackend.store import Message, Store, Work
from rpcbackend.testing import FrozenClock
from tests.factories import an_id, events_in
from tests.store.test_outbox import HELLO, rows_in
from tests.store.test_providers import make_provider


def unreached(wait: float | None = None) -> TryAgainError:
    return TryAgainError("cannot be reached", is_unreached=True, retry_after_seconds=wait)


def busy(wait: float | None = None) -> TryAgainError:
    return TryAgainError("busy", retry_after_seconds=wait)


def refused() -> RefusedError:
    return RefusedError("no such user")


@dataclass
class Host:
    """One that messages are handed to."""

    name: str
    received: list[str] = field(default_factory=list)
    """Ids, as often as they came."""
    tries: list[str] = field(default_factory=list)
    says: deque[Exception] = field(default_factory=deque)
    """What it says to the next ones; then yes."""
    always: Exception | None = None
    """What it says to all."""
    away_for: set[str] = field(default_factory=set)
    """Keys of messages with which nobody ever reaches it."""
    holds: asyncio.Event | None = None
    """Keeps whoever comes waiting."""
    holds_only: str | None = None
    """The recipient whose messages are kept waiting; None is all."""
    came: asyncio.Event = field(default_factory=asyncio.Event)
    at_once: int = 0
    most_at_once: int = 0
    closed: int = 0
    made: list[Any] = field(default_factory=list)
    """What it was made from, each time."""

    async def send(self, id: str, message: Message) -> str | None:
        """Take a message, or say what the test wants."""
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        self.tries.append(id)
        self.came.set()
        try:
            if self.holds is not None and self.holds_only in (None, message.recipient):
                await self.holds.wait()
            if message.dedupe_key in self.away_for:
                raise unreached()
            trouble = self.says.popleft() if self.says else self.always
            if trouble is not None:
                raise trouble
            self.received.append(id)
        finally:
            self.at_once -= 1
        return f"{self.name} {len(self.received)}"

    async def close(self) -> None:
        """Count it."""
        self.closed += 1


class Hosts:
    """All of a test, by name: mail servers are called like they are."""

    def __init__(self) -> None:
        self._hosts: dict[str, Host] = {}

    def __getitem__(self, name: str) -> Host:
        return self._hosts.setdefault(name, Host(name))

    def of(self, provider: Provider) -> Adapter:
        """Return the host of a provider."""
        name = provider.host if isinstance(provider, MailProvider) else provider.url
        self[name].made.append(provider)
        return self[name]

    def channels(self) -> Channels:
        """Return two channels: mail by providers, webhooks without."""
        return {"mail": ByProvider(self.of), "webhook": Direct(lambda: self["webhook"])}


class Desk:
    """A store, the sender beside it, and the hosts outside."""

    def __init__(self, store: Store, clock: FrozenClock, hosts: Hosts | None = None) -> None:
        self.store, self.clock, self.hosts = store, clock, hosts or Hosts()
        self._turned = asyncio.Event()
        self.sender = self.new_sender()

    def new_sender(self) -> Sender:
        """Return that of another process; it does nothing before it is welcomed to the store."""
        sender = Sender(
            self.hosts.channels(), clock=self.clock, random=lambda: 0.5, first_seconds=0.0
        )
        sender.on_turn.append(self._turned.set)
        return sender

    async def turn(self) -> None:
        """Wait until the sender has looked, and done what was to do."""
        self.sender.look()
        await self.next_turn()

    async def next_turn(self) -> None:
        """Wait until the sender has done what was to do, once more."""
        self._turned.clear()
        async with asyncio.timeout(30):
            await self._turned.wait()

    async def add(self, host: str = "one", priority: int = 1, **given: Any) -> str:
        """Add a provider and return its id."""
        provider = make_provider(**given)
        assert provider.mail is not None
        number = 1 + len(await self.store.read(lambda work: work.providers.all()))
        made = provider.model_copy(
            update={
                "id": given.get("id", an_id("prv", number)),
                "priority": priority,
                "mail": provider.mail.model_copy(update={"host": host}),
            }
        )
        await self.store.write(lambda work: work.providers.put(made, "pass"), actor="tests")
        return made.id

    async def queue(self, *keys: str, **given: Any) -> None:
        """Queue a message for each key."""

        async def unit(work: Work) -> None:
            for key in keys:
                await work.outbox.queue(replace(HELLO, dedupe_key=key, **given))

        await self.store.write(unit, actor="tests")

    async def states(self) -> dict[str, str]:
        """Return the states of all messages by their keys."""
        return {row["dedupe_key"]: row["state"] for row in await rows_in(self.store)}

    async def rows(self) -> dict[str, dict[str, Any]]:
        """Return all messages as they are kept, by their keys."""
        return {row["dedupe_key"]: row for row in await rows_in(self.store)}

    async def row(self, key: str) -> dict[str, Any]:
        """Return a message as it is kept."""
        [row] = [row for row in await rows_in(self.store) if row["dedupe_key"] == key]
        return row

    async def until(self, holds: Callable[[dict[str, dict[str, Any]]], bool]) -> None:
        """Wait until something holds of the messages, by their keys."""
        async with asyncio.timeout(30):
            while not holds({row["dedupe_key"]: row for row in await rows_in(self.store)}):
                await self._turned.wait()
                self._turned.clear()

    async def until_state(self, state: str, *keys: str) -> None:
        """Wait until these messages, or all, are in a state."""
        await self.until(
            lambda rows: all(rows[key]["state"] == state for key in (keys or rows.keys()))
        )

    async def until_unreached(self) -> None:
        """Wait until a channel waits because nobody was reached."""
        delays = self.sender.delays
        await self.until(lambda _: any(each.reason == "unreached" for each in delays.all()))

    async def told(self) -> dict[str, list[str]]:
        """Return the ids that events of messages tell of, by type."""
        told = defaultdict(list)
        for event in await events_in(self.store):
            if event["type"].startswith("messages."):
                told[event["type"]].append(event["data"]["messageId"])
        return told

    async def go_on(self, seconds: float) -> None:
        """Let time pass, and the sender notice."""
        self.clock.advance(seconds)
        await self.turn()


@asynccontextmanager
async def sending(
    store: Store, clock: FrozenClock, hosts: Hosts | None = None
) -> AsyncIterator[Desk]:
    """Let a sender run, to hosts of its own or to these."""
    desk = Desk(store, clock, hosts)
    desk.sender.welcome(store)
    try:
        yield desk
    finally:
        await desk.sender.close()
