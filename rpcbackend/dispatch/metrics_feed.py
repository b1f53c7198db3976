"""Carry figures to one subscriber, now and then: the last ones, never a pile of old ones."""

import asyncio
from typing import Protocol

from loguru import logger

from rpcbackend.monitor import Monitor

NOTIFICATION = "system.metrics"


class Subscriber(Protocol):
    """Who gets the figures."""

    def notify(self, method: str, params: bytes) -> None:
        """Send a notification with encoded params."""
        ...

    @property
    def is_writable(self) -> bool:
        """Whether he has read most of what he was sent."""
        ...


class Standing(Protocol):
    """Whether the subscriber may see them, asked again each time."""

    def known(self) -> object | None:
        """Return something if it is remembered that he may."""
        ...

    async def sight(self) -> object | None:
        """Return something if he may."""
        ...


class MetricsFeed:
    """Send the figures every few seconds as long as the subscriber may see them.

    While he does not read, he gets none: a reply must not wait behind them.

    Args:
        monitor: Knows the figures.
        standing: Whether he may see them.
        seconds: How often.
        subscriber: Gets them.
    """

    def __init__(
        self, monitor: Monitor, standing: Standing, *, seconds: float, subscriber: Subscriber
    ) -> None:
        self._monitor, self._standing = monitor, standing
        self._seconds, self._subscriber = seconds, subscriber
        self._stopped = asyncio.Event()

    def stop(self) -> None:
        """End `run`."""
        self._stopped.set()

    async def run(self) -> None:
        """Send until stopped."""
        while not self._stopped.is_set():
            try:
                if not await self._may_go_on():
                    return
                await self._send()
            except Exception:  # noqa: BLE001 (the next figures may be had)
                logger.opt(exception=True).error("the figures cannot be sent")
            try:
                async with asyncio.timeout(self._seconds):
                    await self._stopped.wait()
            except TimeoutError:
                pass

    async def _may_go_on(self) -> bool:
        return (self._standing.known() or await self._standing.sight()) is not None

    async def _send(self) -> None:
        if self._subscriber.is_writable:
            metrics = await self._monitor.metrics(has_buckets=False)
            if not self._stopped.is_set():
                self._subscriber.notify(NOTIFICATION, metrics.model_dump_json().encode())
