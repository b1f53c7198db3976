"""Keeps the record of the service in the store: learns what was before, and writes now and then."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, Final

from loguru import logger

from rpcbackend.clock import Clock, SettledClock
from rpcbackend.lives import SETTLED_AHEAD_SECONDS
from rpcbackend.observability.service import ServiceRecord
from rpcbackend.rpc_error import RpcError
from rpcbackend.store import Measured, Run, Store, Work

KEEP_SECONDS: Final = 300.0
"""How often it writes while there are calls: what is lost with a process is no more than that."""

NOTE_SECONDS: Final = 60.0
"""How often a server's database is told what time it is: so well it is known when all were gone."""

_Stored = tuple[list[dict[int, Measured]], Run | None, int]


class Keeper:
    """Stands between a record and whichever store is open.

    What the store refuses, being full or read-only, is tried again later.

    Args:
        record: What is kept.
        clock: Tells when it is.
    """

    def __init__(self, record: ServiceRecord, clock: Clock) -> None:
        self.has_calls = False
        """Whether there were calls since it wrote last."""
        self._record, self._clock = record, clock
        self._store: Store | None = None
        self._task: asyncio.Task[None] | None = None
        self._has_learned = self._has_begun = self._is_told = False
        self._is_restored = False
        """Whether the store holds what an older one knew, in the place of what is known."""
        self._began_at = 0
        self._kept_at = self._learned_at = self._noted_at = clock.monotonic()
        self._settled = SettledClock(clock)

    def welcome(self, store: Store) -> None:
        """Keep the record in this store from now on; a restored one is told all that is known."""
        is_first, self._store, self._has_begun = self._store is None, store, False
        self._is_restored = not is_first
        if is_first:
            self._began_at = self._now()
            self._task = asyncio.get_running_loop().create_task(self._learn(store))

    def beat(self) -> None:
        """Write what is due, or learn what is not known so far; to be called every few seconds."""
        if self._store is None or not self._is_free:
            return
        step = self._step(self._store, self._clock.monotonic())
        if step is not None:
            self._task = asyncio.get_running_loop().create_task(step)

    def _step(self, store: Store, now: float) -> Coroutine[Any, Any, None] | None:
        engine = store.engine
        # What others measured.
        is_old = engine.is_shared and now - self._learned_at >= KEEP_SECONDS
        if not self._has_learned or is_old:
            return self._learn(store)
        if not self._has_begun or (self.has_calls and now - self._kept_at >= KEEP_SECONDS):
            self.has_calls, self._kept_at = False, now
            return self._keep(is_end=False)
        if engine.is_shared and engine.is_leader and now - self._noted_at >= NOTE_SECONDS:
            return self._note_time(store)
        return None

    async def close(self) -> None:
        """Write all there is, and that the process ends in good order."""
        await self.settle()
        if self._has_learned:
            await self._keep(is_end=True)

    async def settle(self) -> None:
        """Wait until it has learned, or written, what it is at."""
        if self._task is not None:
            await asyncio.wait({self._task})

    @property
    def _is_free(self) -> bool:
        return self._task is None or self._task.done()

    async def _learn(self, store: Store) -> None:
        async def unit(work: Work) -> _Stored:
            known = [await work.measurements.all(s.span_seconds) for s in self._record.series]
            return known, await work.measurements.last_run(), await work.latest_time.get()

        try:
            known, last, alive_at = await store.read(unit)
        except Exception as failure:  # noqa: BLE001 (told once, and tried again)
            if not self._is_told:
                self._is_told = True
                logger.opt(exception=failure).warning("what was measured before is not known")
            return
        for series, spans in zip(self._record.series, known, strict=True):
            series.learn(spans)
        if not self._has_learned:
            if 0 < alive_at <= self._now() + SETTLED_AHEAD_SECONDS:
                self._settled = SettledClock(self._clock, alive_at * 1_000)
            if store.engine.was_alone:
                self._record.note_absence(self._began_at, last, alive_at)
        self._has_learned, self._learned_at = True, self._clock.monotonic()

    async def _keep(self, *, is_end: bool) -> None:
        store, now, begins = self._store, self._now(), not self._has_begun
        assert store is not None  # noqa: S101 (learned from it)
        series = self._record.series
        for one in series:
            one.forget(now)
        untold = [one.take_untold() for one in series]
        # A restored store is told everything, in the place of what it knew.
        whole = [one.copy_spans() for one in series] if self._is_restored else None

        async def unit(work: Work) -> None:
            if begins:
                await work.measurements.begin_run(now)
            put = work.measurements.add if whole is None else work.measurements.save
            for one, spans in zip(series, whole or untold, strict=True):
                await put(one.span_seconds, spans)
                await work.measurements.keep_nearest(one.span_seconds, one.keep, now)
            if is_end:
                await work.measurements.end_run(now)

        if await _is_written(store, unit):
            self._has_begun, self._is_restored = True, False
        else:
            for one, spans in zip(series, untold, strict=True):
                one.give_back(spans)

    async def _note_time(self, store: Store) -> None:
        """Let the store know what time it is; a file's is noted by whoever watches its disk."""
        now = self._settled.now_ms() // 1_000

        async def unit(work: Work) -> None:
            await work.latest_time.note(now, most=now + SETTLED_AHEAD_SECONDS)

        if await _is_written(store, unit):
            self._noted_at = self._clock.monotonic()

    def _now(self) -> int:
        return self._clock.now_ms() // 1_000


async def _is_written(store: Store, unit: Callable[[Work], Awaitable[None]]) -> bool:
    """Write, and tell whether that went well; if not it is tried again, and holds up no end."""
    try:
        await store.write(unit, actor="monitor")
    except RpcError:
        return False
    except Exception as bug:  # noqa: BLE001 (told)
        logger.opt(exception=bug).error("the figures cannot be kept")
        return False
    return True
