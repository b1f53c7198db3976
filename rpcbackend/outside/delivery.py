"""One message on its way: by whom it may be carried, and what came of it; knows no store."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from rpcbackend.outside.adapter import LeftAloneError, RefusedError, TryAgainError
from rpcbackend.outside.channels import Carrier
from rpcbackend.store import Lease
from rpcbackend.store.outbox import LEASE_SECONDS

SEND_SECONDS = LEASE_SECONDS - 5.0
"""How long one may take, by however many carriers: within its lease."""


@dataclass(frozen=True, slots=True)
class Sent:
    """It was handed over."""

    provider_ref: str | None


@dataclass(frozen=True, slots=True)
class Later:
    """Another try may help it."""

    reason: str
    retry_after_seconds: float | None = None
    via: str | None = None
    """The provider that may have it already."""


@dataclass(frozen=True, slots=True)
class Given:
    """Nobody was reached who could carry it: it is no fault of the message."""

    reason: str
    retry_after_seconds: float | None = None


@dataclass(frozen=True, slots=True)
class Unbegun:
    """Nobody was asked: it shows nothing, neither of the message nor of its channel."""

    rest_seconds: float | None = None
    """How long its recipient is left alone, if that is why: with all that goes there."""


@dataclass(frozen=True, slots=True)
class Refused:
    """Nobody will ever carry it."""

    reason: str


Outcome = Sent | Later | Given | Unbegun | Refused


class Delivery:
    """Hands one message over, once.

    Args:
        lease: The message, and who is noted as the one who may have it.
        note: Notes another one, durably, before he is given it; False if that could not be.
    """

    def __init__(self, lease: Lease, note: Callable[[str], Awaitable[bool]]) -> None:
        self._id, self._message, self._noted = lease.id, lease.message, lease.carrier
        self._note = note
        self._refusals: list[str] = []
        self._unreached: list[TryAgainError] = []
        self.via: str | None = None
        """The provider that may have it already."""

    async def run(self, carriers: Sequence[Carrier]) -> Outcome:
        """Hand it over by the first who takes it.

        The next one steps in for one who was not reached, or who refused it. Not for one who may
        have it: two who do not know of each other would deliver it twice.
        """
        try:
            async with asyncio.timeout(SEND_SECONDS):
                return await self._try(carriers)
        except TimeoutError:
            return Later("no answer in time", via=self.via)

    async def _try(self, carriers: Sequence[Carrier]) -> Outcome:
        for carrier in carriers:
            if not await self._is_noted(carrier.provider_id):
                reason = "the store could not note who carries it"
                self._unreached.append(TryAgainError(reason, is_unreached=True))
                break
            self.via = carrier.provider_id
            try:
                return Sent(await carrier.adapter.send(self._id, self._message))
            except RefusedError as refused:
                self._refusals.append(refused.reason)
            except TryAgainError as error:
                if not error.is_unreached:
                    return Later(error.reason, error.retry_after_seconds, self.via)
                if isinstance(error, LeftAloneError) and carrier.provider_id is None:
                    return Unbegun(error.seconds)
                self._unreached.append(error)
            self.via = None
        return self._end()

    async def _is_noted(self, provider_id: str | None) -> bool:
        """See to it that whoever goes on if this process dies asks nobody else."""
        if provider_id is None or provider_id == self._noted:
            return True
        return await self._note(provider_id)

    def _end(self) -> Outcome:
        if not self._unreached:
            reason = self._refusals[-1] if self._refusals else "nobody carries it any more"
            return Refused(reason) if self._refusals else Given(reason)
        asked = [each.retry_after_seconds for each in self._unreached]
        wait = min((each for each in asked if each is not None), default=None)
        reason = self._unreached[-1].reason
        # Where one of them was reached, the channel is not down: it counts for the message.
        return Later(reason, wait) if self._refusals else Given(reason, wait)
