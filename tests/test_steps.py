"""What the process does by itself is one transaction, and told to whoever records it."""

import pytest

from rpcbackend.moments import Moment, NamedBits, current_moment
from rpcbackend.schema.base import WireModel
from rpcbackend.schema.steps import BreakerFacts, NoFacts, StepName
from rpcbackend.steps import Begun, Step, Steps
from rpcbackend.store import Store, Work


class Kept:
    """Keeps what it is told."""

    def __init__(self) -> None:
        self.told: list[object] = []

    def began(self, name: str) -> Moment:
        """Return a moment."""
        return Moment(1_000, 0.0, NamedBits(b"", f"seven of {name}"))

    def step_began(self, name: StepName, facts: WireModel) -> Begun:
        """Keep what was begun."""
        self.told.append((name, facts))
        return Begun(7, self.began(name))

    def step_ended(self, number: int, seq: int | None) -> None:
        """Keep how it ended."""
        self.told.append((number, seq))


async def happen(work: Work) -> str:
    event_id = work.new_id("evt")
    await work.record("system.breaker_changed", ("host", "one", 1), {})
    return event_id


async def fail(work: Work) -> str:
    await happen(work)
    raise LookupError


async def test_a_step_is_told_with_its_facts_and_has_a_moment_of_its_own(store: Store) -> None:
    kept, facts = Kept(), BreakerFacts(changes=[])
    step = Step(name="breakers", actor="tests", run=happen, facts=lambda: facts)

    first = await Steps(kept).take(store, step)
    await store.write(happen, actor="tests")
    second = await Steps(kept).take(store, step)

    assert kept.told == [("breakers", facts), (7, 1), ("breakers", facts), (7, 3)]
    assert first == second
    assert current_moment() is None


async def test_a_step_that_fails_leaves_nothing_and_ends_all_the_same(store: Store) -> None:
    kept = Kept()

    with pytest.raises(LookupError):
        await Steps(kept).take(store, Step(name="plan", actor="tests", run=fail))

    assert kept.told == [("plan", NoFacts()), (7, None)]
    assert store.head_seq == 0


async def test_where_nothing_is_recorded_a_step_is_a_unit_of_work(store: Store) -> None:
    first = await Steps().take(store, Step(name="plan", actor="tests", run=happen))
    second = await Steps().take(store, Step(name="plan", actor="tests", run=happen))

    assert (first != second, store.head_seq) == (True, 2)
