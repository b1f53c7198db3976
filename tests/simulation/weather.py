"""What goes wrong, and when: each kind of fault is armed for a seed or not, and fires at random.

The method is FoundationDB's BUGGIFY: a fault that is always there hides what only calm days show.
"""

import asyncio
import random
from collections import Counter
from collections.abc import Callable, Coroutine
from typing import Any

from tests.simulation.backend import Backend
from tests.simulation.disk import Disk

LEAST, MOST = 0.05, 0.25
"""How likely an armed fault is each time that it could happen."""

LOOK_SECONDS = 6.0
"""How often the weather could turn, on average."""

SHOWER_SECONDS = 8.0
"""A disk stays slow or full for up to this long."""

STEPS_TO_CRASH = 150
CLOCK_MS = 2 * 3600 * 1_000
"""A clock jumps up to two hours: summer time, or a person who sets it."""


class Chances:
    """Which faults a seed has, and how likely each of them is.

    Args:
        bits: Decide it.
    """

    def __init__(self, bits: random.Random) -> None:
        self._bits = bits
        self._chances: dict[str, float] = {}
        self.fired: Counter[str] = Counter()
        self.is_fair = True
        """Whether nothing goes wrong for now."""

    def strikes(self, fault: str) -> bool:
        """Tell whether the fault happens now, and count it if it does."""
        if fault not in self._chances:
            is_armed = self._bits.random() < 0.5
            self._chances[fault] = self._bits.uniform(LEAST, MOST) if is_armed else 0.0
        happens = not self.is_fair and self._bits.random() < self._chances[fault]
        self.fired[fault] += happens
        return happens


class Weather:
    """Lets things happen to the process and its disk.

    Args:
        chances: Which of them.
        disk: Slow, full or failing for a while.
        backend: Killed and restarted.
        bits: Decide when.
        jump: Sets the wall clock by so many milliseconds.
    """

    def __init__(
        self,
        chances: Chances,
        disk: Disk,
        backend: Backend,
        bits: random.Random,
        jump: Callable[[int], None],
    ) -> None:
        self._chances, self._disk, self._backend = chances, disk, backend
        self._bits, self._jump = bits, jump
        self._faults: dict[str, Callable[[], Coroutine[Any, Any, None]]] = {
            "crash at a step": self._crash_at_a_step,
            "crash at any time": self._crash,
            "orderly restart": self._restart,
            "slow disk": self._slow,
            "full disk": self._fill,
            "fsync fails, commit lost": self._fail_lost,
            "fsync fails, commit kept": self._fail_kept,
            "clock jumps": self._jump_clock,
        }

    async def blow(self) -> None:
        """Go on until cancelled."""
        async with asyncio.TaskGroup() as group:
            for name, fault in self._faults.items():
                group.create_task(self._repeat(name, fault), name=name)

    async def _repeat(self, name: str, fault: Callable[[], Coroutine[Any, Any, None]]) -> None:
        while True:
            await asyncio.sleep(self._bits.uniform(0, 2 * LOOK_SECONDS))
            if self._chances.strikes(name):
                await fault()

    async def _crash_at_a_step(self) -> None:
        self._disk.crash_in = self._bits.randint(1, STEPS_TO_CRASH)

    async def _crash(self) -> None:
        self._backend.kill()

    async def _restart(self) -> None:
        self._backend.restart()

    async def _slow(self) -> None:
        slowness = self._bits.choice((10.0, 100.0, 1_000.0))
        kind = self._bits.choice(("reads", "writes", "both"))
        self._disk.slowness_of_reads = 1.0 if kind == "writes" else slowness
        self._disk.slowness_of_writes = 1.0 if kind == "reads" else slowness
        await asyncio.sleep(self._bits.uniform(0, SHOWER_SECONDS))
        self._disk.slowness_of_reads = self._disk.slowness_of_writes = 1.0

    async def _fill(self) -> None:
        self._disk.is_full = True
        await asyncio.sleep(self._bits.uniform(0, SHOWER_SECONDS))
        self._disk.is_full = False

    async def _fail_lost(self) -> None:
        self._disk.failure = "lost"

    async def _fail_kept(self) -> None:
        self._disk.failure = "kept"

    async def _jump_clock(self) -> None:
        self._jump(self._bits.randint(-CLOCK_MS, CLOCK_MS))
