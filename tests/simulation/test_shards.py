"""A school that is moved between databases while its desks work loses nothing."""

import pytest

from tests.simulation.history import ViolationError
from tests.simulation.shards import COMMANDS, DESKS, MOVES, SCHOOLS, Shards

SEEDS_TO_FIND = 5


@pytest.mark.parametrize("seed", range(1, 6))
def test_whatever_is_lost_and_whoever_dies_a_write_is_in_one_place_and_stays(seed: int) -> None:
    world = Shards(seed)

    world.run()

    assert len(world.acknowledged) == SCHOOLS * DESKS * COMMANDS
    assert world.told["moved"] == MOVES
    assert world.told["refused, for the school had moved"] > 0


def test_without_the_fence_writes_are_lost() -> None:
    """What a mark that nobody looks for is worth; and that the judge would notice."""
    found = [_violation_of(Shards(seed, has_fence=False)) for seed in range(1, SEEDS_TO_FIND + 1)]

    assert any("lost ['" in each for each in found)


def _violation_of(world: Shards) -> str:
    try:
        world.run()
    except ViolationError as failed:
        return str(failed)
    return ""


def test_the_same_seed_is_the_same_world() -> None:
    worlds = [Shards(seed) for seed in (7, 7, 8)]
    for world in worlds:
        world.run()

    assert worlds[0].told == worlds[1].told != worlds[2].told
