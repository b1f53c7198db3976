"""What looks after an open store while it serves: the room on its disk, and damage."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from functools import partial
from typing import Any

from loguru import logger

from rpcbackend.clock import Clock, SettledClock
from rpcbackend.config import Disk
from rpcbackend.lives import SETTLED_AHEAD_SECONDS
from rpcbackend.rpc_error import RpcError
from rpcbackend.schema.system import ReadOnlyReason
from rpcbackend.store import Room, Store, Work, is_sound, purge

Tell = Callable[[str, dict[str, Any]], None]
"""Takes a sentence for whoever reads the log, and figures."""


NOTED_SECONDS = 60
"""How often the store notes what time it is, while it is written anyway."""

NOTED_AT_REST_SECONDS = 5 * 60
"""The same while it is not: a disk at rest is woken seldom."""


def tell_nobody(message: str, figures: dict[str, Any]) -> None:
    """Keep it to oneself."""


class Watch:
    """The tasks beside an open store; `stop` them before it closes.

    Args:
        store: What is looked after.
        room: The disk under it.
        disk: From where on there is too little room, and how often to look.
        clock: Tells what has expired.
        tell: Told when nothing is written any more, and when it is again.
    """

    def __init__(self, store: Store, room: Room, disk: Disk, *, clock: Clock, tell: Tell) -> None:
        self._store, self._engine, self._room, self._disk = store, store.sqlite, room, disk
        self._clock, self._tell = clock, tell
        self._settled = SettledClock(clock)
        self._noted_at: int | None = None
        self._noted_head = store.audit_head
        self._is_full = asyncio.Event()
        self._is_warned = self._is_stopped = False
        self._tasks: list[asyncio.Task[None]] = []
        self.looked_for_damage = asyncio.Event()
        """Set when a store that was not closed cleanly has been looked through."""

    def start(self) -> None:
        """Begin to look, soon: not in the way of the first calls."""
        loop = asyncio.get_running_loop()
        self._engine.on_full = lambda: _set_from_thread(loop, self._is_full)
        self._begin(self._watch_disk())
        if self._store.is_suspect:
            self._begin(self._look_for_damage())

    def _begin(self, work: Coroutine[Any, Any, None]) -> None:
        self._tasks.append(asyncio.get_running_loop().create_task(work))

    async def stop(self) -> None:
        """Look no more."""
        self._engine.on_full = lambda: None
        self._is_stopped = True
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)
        if self._noted_at is not None:
            await self._try(partial(self.note_time, after_seconds=1))

    async def _watch_disk(self) -> None:
        pause = self._disk.first_look_seconds
        # A write that has begun is seen through, and takes a cancellation with it.
        while not self._is_stopped:
            try:
                async with asyncio.timeout(pause):
                    await self._is_full.wait()
                self._is_full.clear()
                await self._try(self.make_room)
            except TimeoutError:
                pass
            await self._try(self.look)
            await self._try(self._keep_time)
            is_short = self._engine.read_only == "disk"
            pause = self._disk.retry_seconds if is_short else self._disk.look_seconds

    async def _try(self, step: Callable[[], Awaitable[None]]) -> None:
        """Take a step; what comes in its way ends neither the watch nor the close of the store."""
        try:
            await step()
        except (OSError, RpcError):
            # A folder that is gone, or a share that is away, may come back.
            pass
        except Exception as bug:  # noqa: BLE001 (told, and the next step may go well)
            logger.opt(exception=bug).error("the store cannot be looked after")

    async def _keep_time(self) -> None:
        if self._noted_at is None:
            await self.begin_time()
        await self.note_time()

    async def begin_time(self) -> None:
        """Go on from the latest time that the store knows of, unless the clock was wrong by far."""
        known = await self._store.read(lambda work: work.latest_time.get())
        is_believed = 0 < known <= self._clock.now_ms() // 1_000 + SETTLED_AHEAD_SECONDS
        if is_believed:
            self._settled = SettledClock(self._clock, known * 1_000)
        self._noted_at = known if is_believed else 0

    async def note_time(self, after_seconds: int | None = None) -> None:
        """Let the store remember what time it is, if it has gone on since.

        Args:
            after_seconds: How much it must have gone on; by itself a minute, five at rest.
        """
        if after_seconds is None:
            is_at_rest = self._store.audit_head == self._noted_head
            after_seconds = NOTED_AT_REST_SECONDS if is_at_rest else NOTED_SECONDS
        now = self._settled.now_ms() // 1_000
        if now < (self._noted_at or 0) + after_seconds:
            return

        async def unit(work: Work) -> None:
            await work.latest_time.note(now, most=now + SETTLED_AHEAD_SECONDS)

        with suppress(RpcError):
            await self._store.write(unit, actor="clock")
            self._noted_at, self._noted_head = now, self._store.audit_head

    async def look(self) -> None:
        """See how much room there is, and stop or allow writing accordingly."""
        free, missing = await asyncio.to_thread(self._measure)
        if self._engine.read_only not in (None, "disk"):
            return
        if free < self._disk.read_only_bytes:
            self.refuse("disk", free_bytes=free)
        # Making the ballast takes from what is free, and must not bring it below the bound.
        elif free >= self._disk.read_only_bytes + missing and await self._has_ballast():
            self._allow(free)
        self._warn(free)

    def _measure(self) -> tuple[int, int]:
        return self._room.free_bytes(), self._room.missing_bytes()

    async def _has_ballast(self) -> bool:
        return await asyncio.to_thread(self._room.make_ballast)

    async def make_room(self) -> None:
        """Give back what can be: the ballast, what has expired, the room in the log."""
        self.refuse("disk", free_bytes=self._room.free_bytes())
        await asyncio.to_thread(self._room.drop_ballast)
        await self._engine.make_room(partial(purge, now_seconds=self._settled.now_ms() // 1_000))

    def refuse(self, reason: ReadOnlyReason, **figures: Any) -> None:
        """Write nothing from now on."""
        if self._engine.read_only is None:
            self._engine.read_only = reason
            self._engine.is_damaged = reason == "damage"
            self._tell("nothing is written any more", {"reason": reason, **figures})

    def _allow(self, free_bytes: int) -> None:
        if self._engine.read_only == "disk":
            self._engine.read_only = None
            self._tell("there is room again: writing goes on", {"free_bytes": free_bytes})

    def _warn(self, free: int) -> None:
        is_short = free < self._disk.warn_bytes
        if is_short and not self._is_warned and self._engine.read_only is None:
            self._tell("the disk is filling up", {"free_bytes": free})
        self._is_warned = is_short

    async def _look_for_damage(self) -> None:
        findings = await self._engine.look_through(lambda *_: None)
        if not is_sound(findings):
            self.refuse("damage", problems=[finding.text for finding in findings])
        self.looked_for_damage.set()


def _set_from_thread(loop: asyncio.AbstractEventLoop, event: asyncio.Event) -> None:
    loop.call_soon_threadsafe(event.set)
