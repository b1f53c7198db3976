"""What the sender does to the store, in one unit: marks what came of messages, leases the next."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from rpcbackend.outside.channels import Carriers, Known, Stored, wanted
from rpcbackend.outside.ends import End
from rpcbackend.outside.hours import quiet_until_ms
from rpcbackend.outside.payment_requests import follow_request
from rpcbackend.schema.outbox import MessageState
from rpcbackend.schema.providers import Provider
from rpcbackend.store import (
    BoxDamagedError,
    Ended,
    Lease,
    Store,
    Work,
    told_of_message,
)
from rpcbackend.store.transaction import Transaction


@dataclass(slots=True)
class Due:
    """What waits, as of the last look."""

    at_ms: dict[str, int] = field(default_factory=dict)
    """By channel: when its next message is due."""
    tests_of: list[str] = field(default_factory=list)
    """Channels with a message that tries a provider out."""
    is_leased: bool = False
    """Whether messages are on their way, or were left there."""


@dataclass(frozen=True, slots=True)
class Done:
    """What a round came to."""

    epoch: int
    """0 if another process sends, though this one thought it leads."""
    leases: list[Lease]
    due: Due
    has_put_off: bool
    """Whether it leased what waits for the morning: behind it there may be more that is due."""


_TOLD = {MessageState.SENT, MessageState.FAILED, MessageState.CANCELLED}


@dataclass(frozen=True, slots=True, kw_only=True)
class Round:
    """One unit of the sender's."""

    epoch: int
    """Of this process; 0 before it has one."""
    leads: Callable[[Transaction], Awaitable[bool]]
    """Tells whether it is this process that sends."""
    held: set[str]
    """Messages that are on their way."""
    ends: list[End]
    room: dict[str, int]
    """Channels, and how many messages of each may be leased."""
    tests_of: Sequence[str]
    """Channels of which only tests may be."""
    behind: Sequence[str]
    """Messages that go when nothing else of their channel is due."""
    to_one: Mapping[str, int]
    """Channels, and how many messages may be on their way to one recipient of theirs."""
    resting: Sequence[str]
    """Recipients of such channels that are left alone."""
    channels: Sequence[str]
    providers: Sequence[Known]
    """All, by priority."""
    takes_over: bool
    """Whether what others left behind waits again, though nothing is leased."""

    @property
    def begins(self) -> bool:
        """Whether it does what only the process may that sends."""
        return bool(self.room or self.tests_of or self.takes_over)

    async def run(self, work: Work) -> Done:
        """Mark, lease, and look what is due next."""
        for end in self.ends:
            await self._settle(work, end)
        epoch, leases, leased = self.epoch, list[Lease](), list[Lease]()
        if self.begins:
            epoch = await self._epoch_now(work)
            if epoch:
                await self._take_back(work)
                for late in await work.outbox.drop_late():
                    await tell(work, MessageState.CANCELLED, late)
                leased = await self._lease(work, epoch)
                leases = [lease for lease in leased if not await _put_off(work, lease)]
                leases = [await self._noted(work, lease) for lease in leases]
        due = await due_in(work, self.channels, self.to_one, self.resting)
        return Done(epoch, leases, due, has_put_off=len(leases) < len(leased))

    async def _take_back(self, work: Work) -> None:
        for state, ended in await work.outbox.take_back(self.held):
            if state in _TOLD:
                await tell(work, MessageState(state), ended)

    async def _lease(self, work: Work, epoch: int) -> list[Lease]:
        return await work.due.lease(
            epoch,
            held=self.held,
            room=self.room,
            to_one=self.to_one,
            resting=self.resting,
            tests_of=self.tests_of,
            behind=self.behind,
        )

    async def _noted(self, work: Work, lease: Lease) -> Lease:
        """Note who is given a message first, so that it is known if this process dies."""
        first = next(iter(wanted(self.providers, lease.message)), None)
        if first is not None and first != lease.message.via:
            await work.outbox.carry(lease, first)
        return replace(lease, carrier=first)

    async def _epoch_now(self, work: Work) -> int:
        """Return the epoch, while nobody else has begun one; a new one, or 0 if others send."""
        if self.epoch and await work.outbox.is_newest(self.epoch):
            return self.epoch
        # Two that both think they lead would take each other's messages over in turn.
        return await work.outbox.begin_epoch() if await self.leads(work.tx) else 0

    async def _settle(self, work: Work, end: End) -> None:
        state = await end.settle(work)
        if state in _TOLD:
            message = end.lease.message
            ended = Ended(end.lease.id, message.channel, message.owner_id)
            await tell(work, MessageState(state), ended)


async def _put_off(work: Work, lease: Lease) -> bool:
    """Let a message wait for the end of the quiet hours, if there are any now."""
    until_ms = quiet_until_ms(lease.message, work.now_ms)
    if until_ms is not None:
        await work.outbox.give_back(lease, until_ms)
    return until_ms is not None


async def tell(work: Work, state: MessageState, ended: Ended) -> None:
    """Leave the event of a message's end, and what follows from it."""
    aggregate = ("message", ended.id, 1)
    await work.record(f"messages.{state}", aggregate, told_of_message(ended))
    await follow_request(work, ended, state)


async def due_in(
    work: Work, channels: Sequence[str], to_one: Mapping[str, int], resting: Sequence[str]
) -> Due:
    """Look what waits."""
    found = {
        channel: await work.due.next_at_ms(channel, to_one.get(channel), resting)
        for channel in channels
    }
    return Due(
        {channel: at_ms for channel, at_ms in found.items() if at_ms is not None},
        [channel for channel in channels if await work.due.has_test(channel)],
        await work.outbox.has_leased(),
    )


async def look(store: Store, carriers: Carriers, resting: Sequence[str]) -> tuple[Due, bool]:
    """Look what waits and who carries it, take over what is new, and tell whether anything was."""

    async def unit(work: Work) -> tuple[Due, Sequence[Provider]]:
        due = await due_in(work, carriers.channels, carriers.bounds, resting)
        return due, await work.providers.all()

    async def with_secrets(work: Work) -> list[Stored]:
        return [
            (provider, await _secret(work, provider)) for provider in await work.providers.all()
        ]

    due, providers = await store.read(unit)
    if carriers.is_known(providers):
        return due, False
    await carriers.renew(await store.read(with_secrets))
    return due, True


async def _secret(work: Work, provider: Provider) -> str | None:
    try:
        return await work.providers.secret_of(provider.id)
    except BoxDamagedError:
        # It is told where it is used: the provider does not know us without.
        return None
