"""Tells of hosts outside that are left alone, or well again: in the log, and as an event."""

import asyncio
from collections import deque
from collections.abc import Sequence
from typing import Final

from loguru import logger

from rpcbackend.outside.hosts import HostState
from rpcbackend.rpc_error import RpcError
from rpcbackend.schema.steps import BreakerChange, BreakerFacts
from rpcbackend.steps import Step, Steps
from rpcbackend.store import Store, Work

ACTOR: Final = "outside"
EVENT: Final = "system.breaker_changed"

MAX_WAITING: Final = 200
"""Changes that no store could take yet; the oldest are given up first."""


class BreakerNews:
    """Leaves an event for each change, in their order, in whichever store is open.

    What the store refuses, being full or read-only, is tried again with the next change.

    Args:
        steps: Takes what it does to the store.
    """

    def __init__(self, steps: Steps | None = None) -> None:
        self._steps = steps or Steps()
        self._waiting: deque[HostState] = deque(maxlen=MAX_WAITING)
        self._store: Store | None = None
        self._task: asyncio.Task[None] | None = None

    def note(self, state: HostState) -> None:
        """Tell of a change soon; see `Gate.on_change`."""
        told = logger.bind(host=state.host, retry_after_seconds=state.retry_after_seconds)
        if state.state == "closed":
            told.info("a host outside is well again")
        else:
            told.warning("a host outside failed too often and is left alone for a while")
        self._waiting.append(state)
        self._begin()

    def welcome(self, store: Store) -> None:
        """Leave them in this store from now on."""
        self._store = store
        self._begin()

    async def close(self) -> None:
        """Wait until those that can be are left."""
        if self._task is not None:
            await asyncio.wait({self._task})

    def _begin(self) -> None:
        is_free = self._task is None or self._task.done()
        if self._store is not None and self._waiting and is_free:
            self._task = asyncio.get_running_loop().create_task(self._leave(self._store))

    async def _leave(self, store: Store) -> None:
        while self._waiting:
            states = list(self._waiting)
            try:
                await self._steps.take(store, step_of(_facts_of(states)))
            except RpcError:
                return
            except Exception as bug:  # noqa: BLE001 (told)
                logger.opt(exception=bug).error("a change outside cannot be told")
                return
            for state in states:
                if self._waiting and self._waiting[0] is state:
                    self._waiting.popleft()


def step_of(facts: BreakerFacts) -> Step[None]:
    """Return what leaves the events of these changes."""

    async def unit(work: Work) -> None:
        for change in facts.changes:
            told = change.model_dump(mode="json", exclude={"host"})
            await work.record(EVENT, ("host", change.host, 1), told)

    return Step(name="breakers", actor=ACTOR, run=unit, facts=lambda: facts)


def _facts_of(states: Sequence[HostState]) -> BreakerFacts:
    return BreakerFacts(
        changes=[
            BreakerChange(
                host=state.host,
                state=state.state,
                since=state.since.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
                retry_after_ms=round(state.retry_after_seconds * 1_000),
            )
            for state in states
        ]
    )
