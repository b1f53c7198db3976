"""What keeps answers, put together: memory, the ring, the count of questions, and the warmer."""

import asyncio
from collections.abc import Callable

from loguru import logger

from rpcbackend import __version__
from rpcbackend.clock import Clock
from rpcbackend.config import CacheSettings
from rpcbackend.context import Host
from rpcbackend.contract.shipped import contract_hash
from rpcbackend.dispatch.kept import Key
from rpcbackend.dispatch.registry import Registry
from rpcbackend.ids import Ids
from rpcbackend.jobs.stale_answers import forget_stale
from rpcbackend.jobs.warmer import Warmer
from rpcbackend.middleware.cache import Cache
from rpcbackend.resilience.answers import Answers
from rpcbackend.resilience.usage import Usage
from rpcbackend.schema.base import Params
from rpcbackend.store import Store


class Caching:
    """The answers of one process.

    Args:
        settings: How they are kept; None keeps none.
        host: The process, as handlers see it.
        registry: The channels.
        clock: Tells their age.
        ids: Makes ids.
        is_idle: Tells whether nobody is waiting for anything.
    """

    def __init__(
        self,
        settings: CacheSettings | None,
        host: Host,
        registry: Registry,
        *,
        clock: Clock,
        ids: Ids,
        is_idle: Callable[[], bool],
    ) -> None:
        self.answers: Answers | None = None
        self.ring: Cache | None = None
        self.warmer: Warmer | None = None
        self._keeps_nothing = settings is not None
        self._tidying: asyncio.Task[None] | None = None
        if settings is None or not settings.bytes:
            return
        self.answers = Answers(
            max_bytes=settings.bytes, ttl_seconds=settings.ttl_seconds, now=clock.monotonic
        )
        usage = Usage[Key, Params]() if settings.warm else None
        self.ring = Cache(self.answers, usage)
        if usage is not None:
            self.warmer = Warmer(
                host,
                ids,
                registry,
                # What is made ready was asked by nobody.
                ring=Cache(self.answers),
                answers=self.answers,
                usage=usage,
                is_idle=is_idle,
                build=f"{__version__} {contract_hash()}",
            )

    def welcome(self, store: Store) -> None:
        """Make ready what was asked most of a store that was opened, or let nothing lie there."""
        if self.warmer is not None:
            self.warmer.welcome(store)
        elif self._keeps_nothing:
            self._tidying = asyncio.create_task(_tidy(store))

    async def close(self) -> None:
        """Note what was asked, before the store closes; beside the last calls, on a slow disk."""
        if self._tidying is not None:
            await self._tidying
        if self.warmer is not None:
            await self.warmer.close()


async def _tidy(store: Store) -> None:
    """Remove the answers that an earlier process noted: here nobody would make use of them."""
    try:
        await forget_stale(store, b"")
    except Exception as error:  # noqa: BLE001 (nobody waits for it)
        logger.bind(error=str(error)).info("answers that were noted stay where they are")
