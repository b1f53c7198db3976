"""Several databases, schools that a catalogue places, and schools that move while desks work.

The databases, and what copies a school, are the program's own; the catalogue, the fence and the
mover are what it would take (docs/scaling.md). A mark in `unfinished_copies` says that a school is
not served where it stands: a copy sets it in its target until it is proved, and a mover sets it in
the source before he copies. Each write looks for it in its own transaction.

`python -m tests.simulation.shards SEED --seeds N` runs many worlds.
"""

import argparse
import asyncio
import random
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from loguru import logger

from rpcbackend.ids import Ids
from rpcbackend.store import CopyFailedError, Store, Work, copy, driver, lane, open_store, sqlite
from tests.simulation.disk import Disk
from tests.simulation.history import ViolationError
from tests.simulation.journal import Journal
from tests.simulation.loop import SimulatedLoop
from tests.simulation.threads import Threads
from tests.simulation.world import WallClock

DATABASES, SCHOOLS, DESKS = 3, 2, 3
"""Desks of each school."""

COMMANDS, MOVES = 40, 4
"""Of each desk, and of all schools together."""

DELAY_SECONDS, PATIENCE_SECONDS = 0.02, 2.0
"""How long a message takes on average, and for how long an answer is waited for."""

LOST = 0.05
"""Of the messages, each way."""

DIES = 0.5
"""Of the movers, before they are done; another one goes on."""

_MARK = """
INSERT INTO unfinished_copies (school_id, source) VALUES (:school, 'moved')
ON CONFLICT (school_id) DO UPDATE SET source = excluded.source
"""
_MARKED = "SELECT 1 FROM unfinished_copies WHERE school_id = :school"
_DONE = "SELECT count(*) FROM events WHERE school_id = :school AND aggregate_id = :key"
_ALL = "SELECT aggregate_id FROM events WHERE school_id = :school"


class MovedError(Exception):
    """The school is not served here."""


@dataclass(slots=True)
class Catalogue:
    """Where each school is: the one place that says so, changed by who knows what it said."""

    places: dict[int, int] = field(default_factory=dict)
    """The database of each school."""
    goals: dict[int, int] = field(default_factory=dict)
    """Where those are brought that are under way."""

    def switch(self, school: int, was: int, place: int) -> None:
        """Let the school be elsewhere; a mover who comes too late changes nothing."""
        if self.places[school] == was and self.goals.get(school) == place:
            self.places[school] = place
            del self.goals[school]


class Shards:
    """One world.

    Args:
        seed: Decides everything.
        has_fence: Whether a write looks whether the school is served there.
    """

    def __init__(self, seed: int, *, has_fence: bool = True) -> None:
        self._seed, self._has_fence = seed, has_fence
        # Who is written to while he copies notices it, mostly.
        self._unfenced = () if has_fence else (CopyFailedError,)
        self._bits = self._bits_of("all")
        self.loop = SimulatedLoop(self._bits_of("loop"))
        self._clock = WallClock(self.loop)
        self._journal = Journal(self.loop.time)
        disk = Disk(self._bits_of("disk"), self._journal)
        self.threads = Threads(self.loop, disk, self._bits_of("threads"))
        self._ids = Ids(self._clock, self._bits_of("ids"))
        self._stores: dict[tuple[int, int], Store] = {}
        self._catalogue = Catalogue()
        self.accepted: Counter[str] = Counter()
        """Commands that took effect somewhere, as often as they did."""
        self.acknowledged: set[str] = set()
        self.told: Counter[str] = Counter()
        """What happened, for the figures."""

    def _bits_of(self, name: str) -> random.Random:
        return random.Random(f"{self._seed} {name}")  # noqa: S311 (a seed, no secret)

    def run(self) -> None:
        """Run it to its end.

        Raises:
            ViolationError: A promise was broken.
        """
        with _patched(self):
            try:
                self.loop.run_until_complete(self._main())
            finally:
                self.loop.close()

    async def _main(self) -> None:
        for school in range(1, SCHOOLS + 1):
            self._catalogue.places[school] = self._bits.randrange(DATABASES)
            for place in range(DATABASES):
                self._stores[place, school] = await open_store(
                    None, clock=self._clock, ids=self._ids, school=school
                )
        async with asyncio.TaskGroup() as group:
            for school in self._catalogue.places:
                for number in range(DESKS):
                    group.create_task(self._work(school, f"{school}.{number}"))
            group.create_task(self._move_some())
        await self._judge()
        for store in self._stores.values():
            await store.close()

    # A desk

    async def _work(self, school: int, name: str) -> None:
        bits, place = self._bits_of(name), self._catalogue.places[school]
        for number in range(COMMANDS):
            key = f"{name}.{number}"
            while key not in self.acknowledged:
                try:
                    async with asyncio.timeout(PATIENCE_SECONDS):
                        await self._send(bits, place, school, key)
                    self.acknowledged.add(key)
                    self.told["acknowledged"] += 1
                except MovedError:
                    self.told["refused, for the school had moved"] += 1
                    await self._wait(bits)
                    place = self._catalogue.places[school]
                except TimeoutError:
                    self.told["sent again, for no answer came"] += 1
            await self._wait(bits)

    async def _send(self, bits: random.Random, place: int, school: int, key: str) -> None:
        await self._carry(bits)
        # It goes on whatever becomes of the desk's patience.
        is_served = await asyncio.shield(asyncio.ensure_future(self._take(place, school, key)))
        await self._carry(bits)
        if not is_served:
            raise MovedError

    async def _take(self, place: int, school: int, key: str) -> bool:
        """Do a command where the school may be, and tell whether it is."""
        try:
            is_new = await self._stores[place, school].write(self._do(key), actor="desk")
        except MovedError:
            return False
        self.accepted[key] += is_new
        return True

    def _do(self, key: str) -> Any:
        async def unit(work: Work) -> bool:
            if self._has_fence and await work.tx.one(_MARKED):
                raise MovedError
            row = await work.tx.one(_DONE, key=key)
            if row is not None and row[0]:
                return False
            await work.record("x.y", ("a", key, 1), {})
            return True

        return unit

    async def _carry(self, bits: random.Random) -> None:
        await self._wait(bits)
        if bits.random() < LOST:
            await asyncio.Event().wait()

    async def _wait(self, bits: random.Random) -> None:
        await asyncio.sleep(bits.expovariate(1 / DELAY_SECONDS))

    # Who moves schools

    async def _move_some(self) -> None:
        bits = self._bits_of("moves")
        for _ in range(MOVES):
            await asyncio.sleep(bits.uniform(0, 2))
            school = bits.randint(1, SCHOOLS)
            was = self._catalogue.places[school]
            self._catalogue.goals[school] = bits.choice([n for n in range(DATABASES) if n != was])
            while school in self._catalogue.goals:
                mover = asyncio.create_task(self._move(school))
                if bits.random() < DIES:
                    await asyncio.wait([mover], timeout=bits.expovariate(2))
                    if mover.cancel():
                        self.told["movers that died"] += 1
                with suppress(asyncio.CancelledError, *self._unfenced):
                    await mover
            self.told["moved"] += 1

    async def _move(self, school: int) -> None:
        """Bring a school to its goal, from wherever a mover before has left it."""
        was, place = self._catalogue.places[school], self._catalogue.goals[school]
        source, target = self._stores[was, school], self._stores[place, school]
        await source.write(lambda work: work.tx.run(_MARK), actor="mover")
        if not await self._is_brought(source, target):
            await copy(source, target, lambda *_: None, is_anew=True)
        await asyncio.sleep(0)
        self._catalogue.switch(school, was, place)

    async def _is_brought(self, source: Store, target: Store) -> bool:
        """Tell whether a copy was proved; the mark of one that was not is there."""
        if await target.read(lambda work: work.tx.one(_MARKED)):
            return False
        heads = [await each.read(lambda work: work.events.head_seq()) for each in (source, target)]
        return heads[0] == heads[1] > 0

    # What must hold

    async def _judge(self) -> None:
        await asyncio.sleep(PATIENCE_SECONDS)
        kept: Counter[str] = Counter()
        for school, place in self._catalogue.places.items():
            rows = await self._stores[place, school].read(lambda work: work.tx.all(_ALL))
            kept.update(row[0] for row in rows)
        lost = self.acknowledged - kept.keys()
        twice = [key for key, times in (self.accepted | kept).items() if times > 1]
        if lost or twice:
            raise ViolationError(f"seed {self._seed}: lost {sorted(lost)}, at two places {twice}")
        if self.acknowledged != kept.keys():
            raise ViolationError(
                f"seed {self._seed}: {kept.keys() - self.acknowledged} is nobody's"
            )


@contextmanager
def _patched(world: Shards) -> Iterator[None]:
    """Put the simulation in the place of threads, and of the clock that the engine gives lanes."""
    places: list[tuple[Any, str, Any]] = [
        (driver, "Thread", world.threads.hire),
        (sqlite, "Lane", partial(lane.Lane, now=world.loop.time)),
    ]
    before = [getattr(module, name) for module, name, _ in places]
    for module, name, value in places:
        setattr(module, name, value)
    logger.disable("rpcbackend")
    try:
        yield
    finally:
        logger.enable("rpcbackend")
        for (module, name, _), value in zip(places, before, strict=True):
            setattr(module, name, value)


def main() -> None:
    """Run worlds, and say what they came to."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulation.shards")
    parser.add_argument("seed", type=int, nargs="?", default=1, help="the first one")
    parser.add_argument("--seeds", type=int, default=1, help="how many")
    given = parser.parse_args()
    told: Counter[str] = Counter()
    started = time.perf_counter()
    for seed in range(given.seed, given.seed + given.seeds):
        world = Shards(seed)
        world.run()
        told += world.told
    sys.stdout.write(f"{given.seeds} worlds in {time.perf_counter() - started:.0f} s\n")
    for what, times in told.most_common():
        sys.stdout.write(f"{times:9,}  {what}\n")


if __name__ == "__main__":
    main()
