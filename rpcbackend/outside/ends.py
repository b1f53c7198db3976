"""What came of a message that was on its way, and how it is marked."""

from dataclasses import dataclass

from rpcbackend.outside.behind import Behind
from rpcbackend.outside.delays import Delays
from rpcbackend.outside.delivery import Given, Later, Outcome, Refused, Sent, Unbegun
from rpcbackend.outside.rests import Rests
from rpcbackend.outside.waits import MOST_SECONDS, Waits
from rpcbackend.store import TEST_TEMPLATE, Lease, Work


@dataclass(frozen=True, slots=True)
class End:
    """A message that was on its way, and what came of it."""

    lease: Lease
    outcome: Outcome
    wait_ms: int
    """Until it is tried again, or somebody is asked again, if that is not up to its channel."""

    @classmethod
    def of(cls, lease: Lease, outcome: Outcome, waits: Waits) -> "End":
        """Return it, with the wait that is drawn for it."""
        wait = 0.0
        match outcome:
            case Later(_, asked):
                wait = waits.to_try(lease.attempt, asked)
            case Given(_, asked):
                wait = min(max(asked or 0.0, waits.to_ask(lease.number)), MOST_SECONDS)
        return cls(lease, outcome, round(wait * 1_000))

    @property
    def is_test(self) -> bool:
        """Whether it tried a provider out."""
        return self.lease.message.template == TEST_TEMPLATE

    @property
    def is_pinned(self) -> bool:
        """Whether nobody else was asked, since somebody may have it already."""
        via = self.lease.message.via
        return via is not None and via == self.lease.carrier

    def weigh(self, delays: Delays, behind: Behind, rests: Rests) -> None:
        """Note what it shows of its channel, and of its recipient."""
        channel, recipient = self.lease.message.channel, self.lease.message.recipient
        if self.is_test:
            if isinstance(self.outcome, Sent):
                delays.hurry()
            return
        match self.outcome:
            case Unbegun(rest_seconds):
                delays.spare(channel)
                if rest_seconds is not None:
                    rests.begin(recipient, rest_seconds)
            case Given() if self.is_pinned:
                # Another provider may well be reached.
                delays.spare(channel)
            case Given(reason, asked):
                delays.unreached(channel, asked, reason)
                behind.put(channel, self.lease.id)
            case _:
                delays.reached(channel)
                rests.end(recipient)

    async def settle(self, work: Work) -> str | None:
        """Mark it, and return its new state, or None if the lease was not the good one any more."""
        outbox, lease = work.outbox, self.lease
        match self.outcome:
            case Sent(provider_ref):
                return await outbox.sent(lease, provider_ref)
            case Refused(reason):
                return await outbox.fail(lease, reason)
            case Later(reason) | Given(reason) if self.is_test:
                return await outbox.fail(lease, reason)
            case Later(reason, _, via):
                return await outbox.retry(lease, reason, self.wait_ms, via)
            case Given(reason) if self.is_pinned:
                return await outbox.give_back(lease, work.now_ms + self.wait_ms, reason)
            case Given() | Unbegun():
                return await outbox.give_back(lease)
