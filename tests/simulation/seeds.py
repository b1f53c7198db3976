"""Seeds: what each world came to, or which promise it broke and how to see it again."""

import tempfile
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tests.simulation.history import Operation
from tests.simulation.world import World

ACTIONS = 25
"""What each client does in a world."""

SHOWN = 60
"""Steps that a failure shows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What a world came to."""

    seed: int
    hash: str
    """Of the whole trace."""
    fates: Counter[str]
    """Commands by what became of them."""
    faults: Counter[str]
    ends: Counter[int]
    """Processes by their exit code."""
    proofs: int
    steps: int
    """Of the database."""
    lines: int
    """Of the trace."""
    virtual_seconds: float
    seconds: float


class SeedFailedError(AssertionError):
    """A world broke a promise; says which, how to see it again, and what happened last."""


def simulate(
    seed: int, *, actions: int = ACTIONS, tell: Callable[[str], None] | None = None
) -> Report:
    """Run the world of *seed*.

    Args:
        seed: Decides everything.
        actions: What each client does before it leaves.
        tell: Gets every line of the trace.

    Raises:
        SeedFailedError: A promise was broken.
    """
    started = time.perf_counter()
    with tempfile.TemporaryDirectory(dir=_memory()) as folder:
        world = World(seed, Path(folder), actions, tell)
        try:
            world.run()
        except BaseException as failed:
            raise SeedFailedError(_describe(world, actions, failed)) from failed
        finally:
            world.close()
    return Report(
        seed=seed,
        hash=world.journal.hash(),
        fates=Counter(_fate_of(operation) for operation in world.history.operations),
        faults=+world.chances.fired,
        ends=Counter(world.backend.ends),
        proofs=world.proofs,
        steps=world.disk.steps,
        lines=world.journal.count,
        virtual_seconds=world.loop.time(),
        seconds=time.perf_counter() - started,
    )


def _memory() -> Path | None:
    """Return a folder in memory, if the system has one: it counts what is written, not where."""
    memory = Path("/dev/shm")  # noqa: S108 (a place for a folder of our own)
    return memory if memory.is_dir() else None


def _describe(world: World, actions: int, failed: BaseException) -> str:
    while isinstance(failed, BaseExceptionGroup):
        failed = failed.exceptions[0]
    return "\n".join(
        [
            f"seed {world.seed}: {type(failed).__name__}: {failed}",
            f"see it again: python -m tests.simulation {world.seed} --actions {actions} --trace",
            "the last steps:",
            *world.journal.tail(SHOWN),
        ]
    )


def _fate_of(operation: Operation) -> str:
    if operation.must_stand:
        return "acknowledged"
    return "unknown" if operation.may_stand else "no effect"
