"""Queues what students are reminded of, once it is due, and decides when where nobody has."""

import asyncio

from loguru import logger

from rpcbackend.notices.reminders import plan_missing, queue_due
from rpcbackend.steps import Step, Steps
from rpcbackend.store import Store, Work

ACTOR = "reminders"

PLAN: Step[bool] = Step(name="plan", actor=ACTOR, run=plan_missing)
REMIND: Step[bool] = Step(name="remind", actor=ACTOR, run=queue_due)

LOOK_SECONDS = 30.0
"""How often somebody looks whether something is due: a look-up by an index."""

PLAN_SECONDS = 600.0
"""How often somebody looks for lessons of which nobody has decided when to remind.

There are some after an update, a restore, or when a branch changes its habits.
"""


class Reminders:
    """Looks after one store at a time.

    Args:
        delay_seconds: How long after its opening a store is left to those who wait for it.
        steps: Takes what is done to the store.
    """

    def __init__(self, *, delay_seconds: float, steps: Steps | None = None) -> None:
        self._delay, self._steps = delay_seconds, steps or Steps()
        self._watch: asyncio.Task[None] | None = None

    def welcome(self, store: Store) -> None:
        """Look after a store that was opened, in the place of the one before."""
        self.close()
        self._watch = asyncio.get_running_loop().create_task(self._look_after(store))

    def close(self) -> None:
        """Queue nothing more."""
        if self._watch is not None:
            self._watch.cancel()

    async def _look_after(self, store: Store) -> None:
        await asyncio.sleep(self._delay)
        while True:
            planned_at = store.clock.monotonic()
            await look(store, self._steps, is_to_plan=True)
            while store.clock.monotonic() < planned_at + PLAN_SECONDS:
                await asyncio.sleep(LOOK_SECONDS)
                await look(store, self._steps)


async def look(store: Store, steps: Steps | None = None, *, is_to_plan: bool = False) -> None:
    """Queue what is due; a store that is only read has rest.

    Args:
        store: Whose students are reminded.
        steps: Takes what is done to it.
        is_to_plan: Whether to decide first when, where nobody has.
    """
    if store.engine.read_only is not None:
        return
    steps = steps or Steps()
    try:
        # Mostly there is nothing to do, and a look-up costs no commit.
        while is_to_plan and await store.read(_is_missing):
            await steps.take(store, PLAN)
        while await store.read(_is_due):
            await steps.take(store, REMIND)
    except Exception as error:  # noqa: BLE001 (nobody waits for it, and it looks again)
        logger.bind(error=str(error)).warning("nobody can be reminded now")


async def _is_missing(work: Work) -> bool:
    return bool(await work.reminders.missing(work.now, 1))


async def _is_due(work: Work) -> bool:
    return bool(await work.reminders.due(work.now, 1))
