"""Carry stored events to one subscriber: in order, without a gap, from wherever he left off."""

import asyncio
from collections.abc import Sequence
from typing import Protocol

from loguru import logger

from rpcbackend.schema.base import Encoded
from rpcbackend.schema.events import Event
from rpcbackend.store import Sight, Store

PAGE = 200
"""Events read in one hop."""

RETRY_SECONDS = 1.0
"""After a failed read of the stream: the store may be busy for a moment."""


class Subscriber(Protocol):
    """Who gets the events."""

    def notify(self, method: str, params: bytes) -> None:
        """Send a notification with encoded params."""
        ...

    async def writable(self) -> None:
        """Wait until he has read most of what he was sent."""
        ...


class Standing(Protocol):
    """What the subscriber may see, asked again for every page."""

    def known(self) -> Sight | None:
        """Return it if it is remembered."""
        ...

    async def sight(self) -> Sight | None:
        """Return it, or None when there is nothing any more that he may see."""
        ...


class Subscription:
    """Read what was committed and send it on; the store is the queue, so nothing piles up here.

    A backup that takes the place of the store ends it, for the numbers go back: the event that
    tells of it is the last one, whatever types are wanted.

    Args:
        store: Where the events stand.
        standing: What the subscriber may see; when that is nothing, it ends.
        types: Only these types, or all when empty.
        after_seq: The last event the subscriber has.
        subscriber: Gets the events, no faster than he reads them.
    """

    def __init__(
        self,
        store: Store,
        standing: Standing,
        *,
        types: Sequence[str],
        after_seq: int,
        subscriber: Subscriber,
    ) -> None:
        self._store, self._standing = store, standing
        self._types = types
        self._seq = after_seq
        self._subscriber = subscriber
        self._restores = store.restores
        self._wake = asyncio.Event()
        self._is_stopped = False

    def stop(self) -> None:
        """End `run`; what is being read is not sent any more."""
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
        await self._subscriber.writable()
        if self._is_stopped:
            # He read again only when all was over, and the store may be closed.
            return True
        try:
            if self._store.restores != self._restores:
                return await self._send_last()
            sight = self._standing.known() or await self._standing.sight()
            found = await self._read(sight) if sight else None
        except Exception:  # noqa: BLE001 (whatever it was, the events are still there)
            logger.opt(exception=True).error("the event stream cannot be read")
            await asyncio.sleep(RETRY_SECONDS)
            return True
        if sight is None or found is None:
            return self._end()
        return self._send(sight, *found)

    def _send(self, sight: Sight, came_to: int, page: list[Encoded[Event]]) -> bool:
        if self._is_stopped:
            # Another subscription has taken its place meanwhile.
            return False
        if self._standing.known() != sight:
            # It changed while the page was read: that may hold what he must not see any more, or
            # be of a store that is another one by now.
            return True
        for event in page:
            self._subscriber.notify("event", event.json)
        self._seq = came_to
        return len(page) == PAGE or came_to < self._store.head_seq

    def _end(self) -> bool:
        if self._store.restores == self._restores:
            self.stop()
        # Else nobody is known to the restored store, and he is told of that instead.
        return True

    async def _send_last(self) -> bool:
        """Tell of a restore and end: whatever he may see, for a restore signs everybody out."""
        # Everybody has to begin anew; it names nobody but who restored.
        after = self._store.restored_seq - 1
        _, page = await self._store.read(lambda work: work.events.page_after(after, (), 1))
        if not self._is_stopped:
            for event in page:
                self._subscriber.notify("event", event.json)
            self.stop()
        return True

    async def _read(self, sight: Sight) -> tuple[int, list[Encoded[Event]]]:
        after = self._seq
        return await self._store.read(
            lambda work: work.events.page_after(after, self._types, PAGE), sight=sight
        )
