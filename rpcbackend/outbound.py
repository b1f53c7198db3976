"""What sends the outbox of one process, put together: the ways outside, who carries, the sender."""

from collections.abc import Callable, Collection
from functools import partial
from typing import TYPE_CHECKING

from rpcbackend.outside.adapter import Adapter
from rpcbackend.outside.channels import ByProvider, Channels, Direct, MakeChannels, Means
from rpcbackend.outside.payment_requests import Link, step_of
from rpcbackend.outside.providers import MailProvider, Provider, WebProvider
from rpcbackend.outside.sender import Sender
from rpcbackend.rpc_error import RpcError
from rpcbackend.schema.outbox import Channel, ChannelDelay, DelayWarning, OutboxHealth
from rpcbackend.store import Store, Work

if TYPE_CHECKING:
    from rpcbackend.outside.gateway import Gateway


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
            self.sender = Sender(
                make_channels(means), clock=means.clock, random=chance, steps=means.steps
            )

    def welcome(self, store: Store) -> None:
        """Send what is in a store that was opened, in the place of the one before."""
        if self.sender is not None:
            self.sender.welcome(store)

    async def close(self) -> None:
        """Let end what is on its way; before the store and the ways are closed."""
        if self.sender is not None:
            await self.sender.close()

    def warnings(self, channels: Collection[str]) -> list[DelayWarning]:
        """Return what to tell whoever has just sent something by these channels: which wait."""
        return [] if self.sender is None else self.sender.delays.warnings(channels)

    def hurry(self) -> None:
        """Try now what waits for a host to be reached again."""
        if self.sender is not None:
            self.sender.hurry()

    async def health(self, store: Store) -> OutboxHealth | None:
        """Say how what goes outside is getting on, if that can be read in a damaged store."""
        delayed: list[ChannelDelay] = [] if self.sender is None else self.sender.delays.all()

        async def unit(work: Work) -> OutboxHealth:
            counts = await work.outgoing.counts()
            return OutboxHealth(
                queued=counts.waiting,
                oldest_lag_seconds=await work.outgoing.longest_due_ms() // 1_000,
                failed=counts.failed,
                delayed=[each for each in delayed if await _is_felt(work, each)],
            )

        try:
            return await store.read(unit)
        except RpcError:
            # The rest of the health says why.
            return None


async def _is_felt(work: Work, delay: ChannelDelay) -> bool:
    """Tell whether anything waits: a school need not use every channel."""
    return await work.due.next_at_ms(delay.channel) is not None


def real_channels(means: Means) -> Channels:
    """Return the table of channels: what makes the adapter of each, when it is first needed."""

    def at_once(channel: Channel) -> int:
        # More would only wait for a connection.
        return means.ways.gate_of(channel).policy.max_connections

    return {
        "mail": ByProvider(partial(_make_mail, means), at_once("mail")),
        "sms": ByProvider(partial(_make_texts, means), at_once("sms")),
        "payment": ByProvider(partial(_make_payments, means), at_once("payment")),
        # To more than one host: a slow one holds up no other.
        "webhook": Direct(
            partial(_make_webhooks, means),
            at_once=4 * at_once("webhook"),
            to_one=max(1, at_once("webhook") // 2),
        ),
    }


# Each loads what it needs when the first message of its kind goes out.


def _make_mail(means: Means, provider: Provider) -> Adapter:
    from rpcbackend.outside.mail import Mail  # noqa: PLC0415 (as above)

    assert isinstance(provider, MailProvider)  # noqa: S101 (the table of providers has a rule)
    return Mail(
        provider,
        means.ways.gate_of("mail"),
        clock=means.clock,
        look_up=means.ways.look_up,
        is_plain_allowed=means.ways.allows_private,
    )


def _make_texts(means: Means, provider: Provider) -> Adapter:
    from rpcbackend.outside.sms import TextMessages  # noqa: PLC0415 (as above)

    return TextMessages(_gateway(means, "sms", provider))


def _make_payments(means: Means, provider: Provider) -> Adapter:
    from rpcbackend.outside.payments import PaymentLinks  # noqa: PLC0415 (as above)

    async def keep(link: Link) -> None:
        await means.steps.take(means.store(), step_of(link))

    return PaymentLinks(_gateway(means, "payment", provider), keep)


def _make_webhooks(means: Means) -> Adapter:
    from rpcbackend.outside.webhooks import Endpoint, Webhooks, find_endpoint  # noqa: PLC0415 (as above)

    async def find(webhook_id: str) -> Endpoint | None:
        return await means.store().read(lambda work: find_endpoint(work, webhook_id))

    return Webhooks(means.ways.web_of("webhook"), find, clock=means.clock)


def _gateway(means: Means, channel: Channel, provider: Provider) -> "Gateway":
    from rpcbackend.outside.gateway import Gateway  # noqa: PLC0415 (as above)

    assert isinstance(provider, WebProvider)  # noqa: S101 (the table of providers has a rule)
    return Gateway(provider, means.ways.web_of(channel), clock=means.clock)
