"""The backup that nobody asks for: one on the first use of each day."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import date, datetime
from typing import Any

from loguru import logger

from rpcbackend.clock import Clock
from rpcbackend.domain.zones import zone_of
from rpcbackend.jobs.runner import JobRunner
from rpcbackend.running import Run
from rpcbackend.schema.jobs import JobState
from rpcbackend.store import Store

CHANNEL, ACTOR = "backups.create", "daily"

RETRY_SECONDS = 3600.0
"""After a backup that failed: a full disk is not emptied within a minute."""


class Daily:
    """Begins a day's backup as a job, some time after a store was opened or used.

    A day is one on the wall clock of the school's first branch.

    Args:
        jobs: Runs it.
        run: Makes a backup with the reason `daily`.
        newest: Tells when the newest of those was made.
        clock: Tells the day.
        delay_seconds: How long the desk goes first, which has its own to do in the morning.
    """

    def __init__(
        self,
        jobs: JobRunner,
        run: Run[Any],
        newest: Callable[[], Awaitable[datetime | None]],
        *,
        clock: Clock,
        delay_seconds: float,
    ) -> None:
        self._jobs, self._run, self._newest = jobs, run, newest
        self._clock, self._delay = clock, delay_seconds
        self._watch: asyncio.Task[None] | None = None
        self._made_on: date | None = None

    def welcome(self, store: Store) -> None:
        """Look after a store that was opened, in the place of the one before."""
        self.close()
        self._watch = asyncio.get_running_loop().create_task(self._look_after(store))

    def close(self) -> None:
        """Begin no more backups."""
        if self._watch is not None:
            self._watch.cancel()

    async def _look_after(self, store: Store) -> None:
        used = asyncio.Event()
        store.on_commit.append(used.set)
        try:
            while True:
                await asyncio.sleep(self._delay)
                used.clear()
                if not await self._has_todays(store):
                    await asyncio.sleep(RETRY_SECONDS)
                    continue
                await used.wait()
        finally:
            store.on_commit.remove(used.set)

    async def _has_todays(self, store: Store) -> bool:
        """Make the day's backup if it is due, and tell whether nothing more is to do today."""
        if store.head_seq == 0 and store.audit_head.seq == 0:
            # An empty store: nothing is lost with it, and it may be a mistake.
            return True
        try:
            return await self._make_if_due(store)
        except Exception as error:  # noqa: BLE001 (it is tried again, and nobody waits for it)
            logger.bind(error=str(error)).warning("the day's backup could not be begun")
            return False

    async def _make_if_due(self, store: Store) -> bool:
        name = await store.read(lambda work: work.branches.first_zone())
        zone = zone_of(name or "UTC")
        today = datetime.fromtimestamp(self._clock.now_ms() / 1_000, zone).date()
        if self._made_on != today:
            newest = await self._newest()
            if newest is None or newest.astimezone(zone).date() != today:
                job = await self._jobs.ended(await self._jobs.launch(CHANNEL, ACTOR, self._run))
                if job is None or job.state is not JobState.DONE:
                    logger.bind(error=job.error if job else None).warning("the day's backup failed")
                    return False
            self._made_on = today
        return True
