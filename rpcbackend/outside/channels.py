"""The channels of the outbox, and who carries the messages of each, in which order."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, Protocol

from loguru import logger

from rpcbackend.clock import Clock
from rpcbackend.outside.adapter import Adapter
from rpcbackend.outside.gate import Gate
from rpcbackend.outside.providers import MailProvider, Provider, WebProvider
from rpcbackend.schema import providers as schema
from rpcbackend.schema.outbox import Channel
from rpcbackend.steps import Steps
from rpcbackend.store import TEST_TEMPLATE, Message, Store

if TYPE_CHECKING:
    from rpcbackend.outside.web import Web

Stored = tuple[schema.Provider, str | None]
"""A provider as it is kept, and its secret."""


@dataclass(frozen=True, slots=True)
class ByProvider:
    """A channel that providers carry, whom the owner chooses."""

    make: Callable[[Provider], Adapter]
    """Makes the adapter of one; called when a message is due for the first time."""
    at_once: int = 4
    """Messages on their way: as many as one host is given connections."""


@dataclass(frozen=True, slots=True)
class Direct:
    """A channel that one adapter carries, wherever a message goes."""

    make: Callable[[], Adapter]
    at_once: int = 16
    """Messages on their way: to more than one host."""
    to_one: int = 2
    """Of those, to one recipient: who is slow holds up no other."""


Channels = Mapping[str, ByProvider | Direct]
"""By name; a channel that is not in it is left alone."""


class WaysOut(Protocol):
    """What adapters go outside by; each channel has a policy of its own."""

    def gate_of(self, way: Channel) -> Gate:
        """Return the gate as a channel uses it."""
        ...

    def web_of(self, way: Channel) -> "Web":
        """Return HTTP as a channel uses it."""
        ...

    async def look_up(self, host: str) -> list[str]:
        """Return the IP addresses of a host, for who connects by himself."""
        ...

    @property
    def allows_private(self) -> bool:
        """Whether anything may go to this machine's network, and in the clear."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Means:
    """What adapters are made with."""

    ways: WaysOut
    clock: Clock
    store: Callable[[], Store]
    """Returns the open store."""
    steps: Steps
    """Takes what is done to it."""


MakeChannels = Callable[[Means], Channels]


@dataclass(frozen=True, slots=True)
class Carrier:
    """What hands over messages of a channel."""

    provider_id: str | None
    """None where there is no choice."""
    adapter: Adapter


class Known(NamedTuple):
    """A provider, as far as it counts who is given a message."""

    id: str
    channel: str
    is_enabled: bool


def wanted(providers: Sequence[Known], message: Message) -> list[str]:
    """Return the providers who may carry a message, in this order.

    Args:
        providers: All of them, by priority.
        message: If somebody may have it, he goes on with it.
    """
    is_test = message.template == TEST_TEMPLATE
    pinned = [one for one in providers if one.id == message.via and (one.is_enabled or is_test)]
    if pinned or is_test:
        return [one.id for one in pinned]
    return [one.id for one in providers if one.channel == message.channel and one.is_enabled]


class Carriers:
    """The adapters of one process, made when they are needed, anew when settings change."""

    def __init__(self, channels: Channels) -> None:
        self._channels = channels
        self._stored: dict[str, Stored] = {}
        self._adapters: dict[str, Adapter] = {}

    @property
    def channels(self) -> Sequence[str]:
        """All channels that there are."""
        return list(self._channels)

    @property
    def known(self) -> list[Known]:
        """All providers, by priority."""
        return [
            Known(provider.id, provider.channel, provider.is_enabled)
            for provider, _ in self._stored.values()
        ]

    def is_known(self, providers: Sequence[schema.Provider]) -> bool:
        """Tell whether these are the providers that `renew` was given last."""
        return [stored for stored, _ in self._stored.values()] == list(providers)

    async def renew(self, stored: Sequence[Stored]) -> None:
        """Let these be the providers from now on, by priority; adapters of others are closed."""
        before = self._stored
        self._stored = {provider.id: (provider, secret) for provider, secret in stored}
        for provider_id in [*self._adapters]:
            if provider_id in before and before[provider_id] != self._stored.get(provider_id):
                await _close(self._adapters.pop(provider_id))

    def is_on(self, channel: str) -> bool:
        """Tell whether anybody carries messages of a channel."""
        return isinstance(self._channels[channel], Direct) or any(
            one.channel == channel and one.is_enabled for one in self.known
        )

    def at_once(self, channel: str) -> int:
        """Return how many messages of a channel may be on their way."""
        return self._channels[channel].at_once

    def to_one(self, channel: str) -> int | None:
        """Return how many of them to one recipient; None where they all go to one host."""
        way = self._channels[channel]
        return way.to_one if isinstance(way, Direct) else None

    @property
    def bounds(self) -> dict[str, int]:
        """The same of all channels that have such a bound."""
        found = {channel: self.to_one(channel) for channel in self._channels}
        return {channel: most for channel, most in found.items() if most is not None}

    def of(self, message: Message) -> list[Carrier]:
        """Return who may carry a message, in this order."""
        way = self._channels[message.channel]
        if isinstance(way, Direct):
            return [Carrier(None, self._adapter(message.channel, way.make))]
        return [self._carrier(self._stored[one], way) for one in wanted(self.known, message)]

    async def close(self) -> None:
        """Let go of every connection."""
        for adapter in self._adapters.values():
            await _close(adapter)
        self._adapters.clear()

    def _carrier(self, stored: Stored, way: ByProvider) -> Carrier:
        provider_id = stored[0].id
        return Carrier(provider_id, self._adapter(provider_id, lambda: way.make(_plain(*stored))))

    def _adapter(self, name: str, make: Callable[[], Adapter]) -> Adapter:
        if name not in self._adapters:
            self._adapters[name] = make()
        return self._adapters[name]


def _plain(provider: schema.Provider, secret: str | None) -> Provider:
    """Return a provider as its adapter wants it."""
    if provider.mail is not None:
        mail = provider.mail
        return MailProvider(
            host=mail.host,
            port=mail.port,
            security=mail.security,
            sender=mail.sender,
            username=mail.username,
            password=secret,
        )
    assert provider.web is not None  # noqa: S101 (the table has a rule for that)
    return WebProvider(url=provider.web.url, secret=secret or "", sender=provider.web.sender)


async def _close(adapter: Adapter) -> None:
    try:
        await adapter.close()
    except Exception as error:  # noqa: BLE001 (its connections end with the process at the latest)
        logger.bind(error=type(error).__name__).info("a way to the outside was not closed well")
