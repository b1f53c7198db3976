"""What the process does to its store by itself: each step has a name, and facts from outside.

While a process is recorded each of them has a moment of its own and is written down, so that a
replay takes the same step in its place (docs/adr/0056-what-was-outside-stays-so.md).
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Generic, Literal, Protocol, TypeVar

from rpcbackend.moments import Moment, in_moment
from rpcbackend.schema.base import WireModel
from rpcbackend.schema.steps import NoFacts, StepName
from rpcbackend.store import Store, Work

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Step(Generic[T]):
    """One unit of work that nobody called for."""

    name: StepName
    actor: str
    run: Callable[[Work], Awaitable[T]]
    facts: Callable[[], WireModel] = NoFacts
    """Returns all that it depends on beside the store."""


@dataclass(frozen=True, slots=True)
class Begun:
    """A step that was begun while the process is recorded."""

    number: int
    """From 1."""
    moment: Moment


class StepTap(Protocol):
    """Looks at every step, on the loop."""

    def began(self, name: str) -> Moment:
        """Hear that the process begins by itself what is due, and return its moment."""
        ...

    def step_began(self, name: StepName, facts: WireModel) -> Begun:
        """Hear that one begins."""
        ...

    def step_ended(self, number: int, seq: int | None) -> None:
        """Hear that it ended; *seq* is the last event then, None if nothing was done."""
        ...


Turn = Callable[[StepName | Literal["run_job"], WireModel], Awaitable[None]]
"""Waits until a step may be taken, or what lies between two of a job's may be done; given facts."""


async def _at_once(name: str, facts: WireModel) -> None:
    """Wait for nobody."""


class Steps:
    """Takes the steps of one process.

    Args:
        tap: Looks at them; None where nothing is recorded.
        is_led: Whether somebody else says when: who replays what was recorded.
        turn: Waits for him before those that the process itself must take, for it is in the midst
            of a job.
    """

    def __init__(
        self, tap: StepTap | None = None, *, is_led: bool = False, turn: Turn = _at_once
    ) -> None:
        self._tap, self.is_led, self.turn = tap, is_led, turn

    @property
    def began(self) -> Callable[[str], Moment] | None:
        """What is told that a job begins that nobody called for, if anything is."""
        return self._tap.began if self._tap is not None else None

    async def take(self, store: Store, step: Step[T]) -> T:
        """Do it, as one transaction, and return what it returns.

        Raises:
            RpcError: The store refuses; nothing was done.
        """
        if self._tap is None:
            return await store.write(step.run, actor=step.actor)

        async def unit(work: Work) -> tuple[T, int]:
            return await step.run(work), await work.events.head_seq()

        facts, seq = step.facts(), None
        await self.turn(step.name, facts)
        begun = self._tap.step_began(step.name, facts)
        try:
            with in_moment(lambda: begun.moment):
                result, seq = await store.write(unit, actor=step.actor)
        finally:
            self._tap.step_ended(begun.number, seq)
        return result
