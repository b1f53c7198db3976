"""A backend that is killed under load, again and again, has lost nothing and done nothing twice."""

import asyncio
import random
import statistics
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.clauses import clause
from tests.factories import KEY
from tests.faults.budget import FIGURES, IS_FULL, SECONDS
from tests.faults.checker import Checker
from tests.faults.deeds import Deed, deeds, make_school
from tests.faults.judging import look_through
from tests.faults.served import backend, started

SEED = 1
STORES, LIVES = (40, 25) if IS_FULL else (1, 6)
"""How many stores, and how often the backend of each is killed."""

MOST_REPLIES = 1_200 if IS_FULL else 300
"""How many replies a backend gives at most before its end is near."""

MOST_SECONDS = 0.03
"""How much longer it lives then: some commits."""

START_SECONDS = 0.5
"""How long those live that are killed while they start; every fourth is."""

REPLAYS = 10
"""Of the commands that were acknowledged, how many are sent again in each life."""


@dataclass
class Tally:
    """What happened in all lives."""

    kills: int = 0
    acknowledged: int = 0
    replayed: int = 0
    settled: int = 0
    ready_seconds: list[float] = field(default_factory=list)


async def live(
    directory: Path,
    checker: Checker,
    wanted: Iterator[Deed],
    chance: random.Random,
    tally: Tally,
) -> None:
    """Work for a while, then die."""
    began = time.perf_counter()
    async with backend(directory, checker) as process:
        tally.ready_seconds.append(time.perf_counter() - began)
        await process.serve(wanted, chance.randrange(MOST_REPLIES))
        with suppress(TimeoutError):
            async with asyncio.timeout(chance.uniform(0, MOST_SECONDS)):
                await process.serve(wanted)
        await process.kill()


async def live_briefly(directory: Path, chance: random.Random) -> None:
    """Die while it starts."""
    async with started(directory) as process:
        with suppress(TimeoutError):
            async with asyncio.timeout(chance.uniform(0, START_SECONDS)):
                await process.wait()


async def torment(directory: Path, chance: random.Random, tally: Tally) -> None:
    """Kill the backend of a fresh store many times, then check all that it ever said."""
    await make_school(directory)
    checker, rest, fresh = Checker(), list[Deed](), deeds()
    done: list[Deed] = []

    def wanted() -> Iterator[Deed]:
        # What was not answered, some of what was, and then what is new.
        yield from rest
        yield from chance.sample(done, min(REPLAYS, len(done)))
        for deed in fresh:
            done.append(deed)
            yield deed

    for number in range(LIVES):
        tally.kills += 1
        if number % 4 == 3:
            await live_briefly(directory, chance)
            continue
        await live(directory, checker, wanted(), chance, tally)
        rest = checker.bury()
    async with asyncio.timeout(SECONDS), backend(directory, checker) as process:
        await process.serve(iter(rest))
        assert checker.unanswered == 0
        assert await process.end() == 0
    checker.judge(await look_through(directory, KEY))
    tally.acknowledged += len(checker.acknowledged)
    tally.replayed += checker.replayed
    tally.settled += checker.settled


@clause("kill-loses-nothing")
async def test_a_backend_that_is_killed_under_load_loses_nothing_and_does_nothing_twice(
    tmp_path: Path,
) -> None:
    tally = Tally()

    for number in range(STORES):
        directory = tmp_path / f"{number}" / "data"
        directory.parent.mkdir()
        try:
            await torment(directory, random.Random(f"{SEED} {number}"), tally)  # noqa: S311 (a replayable choice)
        except AssertionError as failed:
            failed.add_note(f"seed {SEED}, store {number}: {directory}")
            raise

    FIGURES.tell("kills", **_figures(tally))
    assert tally.kills == STORES * LIVES
    assert tally.acknowledged > 0
    assert tally.replayed > 0


def _figures(tally: Tally) -> dict[str, Any]:
    ready = sorted(tally.ready_seconds)
    return {
        "kills": tally.kills,
        "acknowledged": tally.acknowledged,
        "lost": 0,
        "doubled": 0,
        "replies_that_differ": 0,
        "replayed": tally.replayed,
        "done_but_unheard_and_settled_by_their_key": tally.settled,
        "ready_again_after": f"{statistics.median(ready):.2f} s (median),"
        f" {ready[len(ready) * 99 // 100]:.2f} s (p99), {ready[-1]:.2f} s (most)",
    }
