"""The program keeps its promises in every world, worlds repeat, and a bug would be found."""

import os
import subprocess
import sys

import pytest

from tests.simulation.planted import PLANTED, Bug, planted
from tests.simulation.seeds import SeedFailedError, simulate

ACTIONS = 8
"""Of each of the twenty clients: half a minute of their time, many more by `make simulate`."""

SEEDS_TO_FIND = 25
"""A bug that these many worlds do not show is too well hidden."""


@pytest.mark.parametrize("seed", range(1, 3))
def test_no_promise_is_broken_whatever_goes_wrong(seed: int) -> None:
    report = simulate(seed, actions=ACTIONS)

    assert report.ends[0] >= 1
    assert report.fates["acknowledged"] > 0


def test_the_same_seed_is_the_same_world_here_and_in_another_process() -> None:
    command = [sys.executable, "-m", "tests.simulation", "7", "--actions", "4"]
    elsewhere = subprocess.run(  # noqa: S603 (our own program)
        command,
        env=os.environ | {"PYTHONHASHSEED": "12345"},
        capture_output=True,
        encoding="utf-8",
        check=True,
        timeout=300,
    )

    worlds = [simulate(seed, actions=4).hash for seed in (7, 7, 8)]

    assert worlds[0] == worlds[1] != worlds[2]
    assert elsewhere.stdout.endswith(f"hash of the trace: {worlds[0]}\n")


@pytest.mark.parametrize("bug", PLANTED.values(), ids=PLANTED)
def test_a_bug_is_found_within_a_few_seeds(bug: Bug) -> None:
    with planted(bug):
        found = next(filter(None, map(_failure_of, range(1, SEEDS_TO_FIND + 1))), None)

    assert found is not None
    assert "ViolationError" in found
    assert "see it again: python -m tests.simulation" in found
    assert "the last steps:" in found


def _failure_of(seed: int) -> str | None:
    try:
        simulate(seed, actions=ACTIONS)
    except SeedFailedError as failed:
        return str(failed)
    return None
