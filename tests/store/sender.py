"""A sender in its smallest form, for the tests of the outbox: lease, send, mark."""

from collections.abc import Awaitable, Callable

from rpcbackend.clock import Clock
from rpcbackend.resilience.leases import Leases
from rpcbackend.store import Lease, Store, Work
from rpcbackend.store.outbox import LEASE_SECONDS


class Sender:
    """Sends what is due, one message after the other.

    Args:
        store: Where the messages are.
        clock: Ends the leases.
        post: Takes a message to its receiver.
    """

    def __init__(
        self, store: Store, clock: Clock, post: Callable[[Lease], Awaitable[None]]
    ) -> None:
        self._store, self._clock, self._post = store, clock, post
        self._leases = Leases(LEASE_SECONDS)
        self._epoch = 0

    async def send_all(self) -> None:
        """Send until nothing is due."""
        while leases := await self.lease(limit=5):
            for lease in leases:
                await self._post(lease)
                await self.mark(lease)

    async def lease(self, limit: int) -> list[Lease]:
        """Lease what is due, as the process that this is."""
        if not self._epoch:
            self._epoch = await self._store.write(_begin_epoch, actor="sender")
        epoch, held = self._epoch, self._leases.held(self._clock.monotonic())

        async def unit(work: Work) -> list[Lease]:
            await work.outbox.take_back(held)
            return await work.due.lease(epoch, held=held, room={"mail": limit})

        leases = await self._store.write(unit, actor="sender")
        for lease in leases:
            self._leases.take(lease.id, self._clock.monotonic())
        return leases

    async def mark(self, lease: Lease, failure: str | None = None, wait_ms: int = 0) -> bool:
        """Note that a message was sent, or failed and is tried again."""

        async def unit(work: Work) -> bool:
            if failure is None:
                return await work.outbox.sent(lease) is not None
            return await work.outbox.retry(lease, failure, wait_ms) is not None

        self._leases.give_back(lease.id)
        return await self._store.write(unit, actor="sender")


async def _begin_epoch(work: Work) -> int:
    return await work.outbox.begin_epoch()
