"""What sends the outbox of one process, put together: the ways outside, who carries, the sender."""

from collections.abc import Callable, Collection
from typing import Any

from rpcbackend.outside.channels import Channels, MakeChannels, Means
from rpcbackend.outside.sender import Sender
from rpcbackend.schema.outbox import ChannelDelay, OutboxHealth
from rpcbackend.store import Store, Work


class Outbound:
    """Sends, or lets all wait where another process sends, or none.

    Args:
        make_channels: Makes the adapters; None sends nothing.
        means: What they are made with.
        chance: Draws waits.
    """

    def __init__(
        self, make_channels: MakeChannels | None, means: Means, chance: Callable[[], float]
    ) -> None:
        self.sender: Sender | None = None
        if make_channels is not None:
            self.sender = Sender(make_channels(means), clock=means.clock, random=chance)

    def welcome(self, store: Store) -> None:
        """Send what is in a store that was opened, in the place of the one before."""
        if self.sender is not None:
            self.sender.welcome(store)

    async def close(self) -> None:
        """Let end what is on its way; before the store and the ways are closed."""
        if self.sender is not None:
            await self.sender.close()

    def warnings(self, channels: Collection[str]) -> list[dict[str, Any]]:
        """Return what to tell whoever has just sent something by these channels: which wait."""
        return [] if self.sender is None else self.sender.delays.warnings(channels)

    def hurry(self) -> None:
        """Try now what waits for a host to be reached again."""
        if self.sender is not None:
            self.sender.hurry()

    async def health(self, store: Store) -> OutboxHealth:
        """Say how what goes outside is getting on."""
        delayed: list[ChannelDelay] = [] if self.sender is None else self.sender.delays.all()

        async def unit(work: Work) -> OutboxHealth:
            counts = await work.outgoing.counts()
            return OutboxHealth(
                queued=counts.waiting,
                oldest_lag_seconds=await work.outgoing.longest_due_ms() // 1_000,
                failed=counts.failed,
                delayed=delayed,
            )

        return await store.read(unit)


def real_channels(means: Means) -> Channels:  # noqa: ARG001 (each channel takes what it needs)
    """Return the table of channels: what makes the adapter of each, when it is first needed."""
    return {}
