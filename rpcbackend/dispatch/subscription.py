"""Carry stored events to one subscriber: in order, without a gap, from wherever he left off."""

import asyncio
from collections.abc import Callable, Sequence

from rpcbackend.store import Store

PAGE = 200
"""Events read in one hop."""

Notify = Callable[[str, bytes], None]


class Subscription:
    """Read what was committed and send it on; the store is the queue, so nothing piles up here.

    Args:
        store: Where the events stand.
        types: Only these types, or all when empty.
        after_seq: The last event the subscriber has.
        notify: Sends a notification with encoded params.
    """

    def __init__(
        self, store: Store, *, types: Sequence[str], after_seq: int, notify: Notify
    ) -> None:
        self._store = store
        self._types = types
        self._seq = after_seq
        self._notify = notify
        self._wake = asyncio.Event()
        self._is_stopped = False

    def stop(self) -> None:
        """End `run` when what is being read has been sent."""
        self._is_stopped = True
        self._wake.set()

    async def run(self) -> None:
        """Send until stopped."""
        self._store.on_commit.append(self._wake.set)
        try:
            while not self._is_stopped:
                self._wake.clear()
                if not await self._send_page():
                    await self._wake.wait()
        finally:
            self._store.on_commit.remove(self._wake.set)

    async def _send_page(self) -> bool:
        """Send the next page and tell whether there may be more."""
        after = self._seq
        head_seq, page = await self._store.read(
            lambda work: work.events.page_after(after, self._types, PAGE)
        )
        for event in page:
            self._notify("event", event.json)
        # Events of other types were skipped, so a short page ends at the head of the stream.
        self._seq = head_seq
        return len(page) == PAGE
