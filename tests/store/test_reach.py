"""Where rows of a damaged table may be lost."""

import pytest

from rpcbackend.store.reach import Gap


@pytest.mark.parametrize(
    ("gap", "lost"),
    [
        (Gap((1, 3), (1, 9)), 5),
        (Gap((1, 3), (1, 4)), 0),
        (Gap((1, 3), (2, 9)), None),
        (Gap((1, "a"), (1, "b")), None),
        (Gap(None, (1, 9)), None),
        (Gap((1, 3), None), None),
    ],
)
def test_a_gap_between_numbers_tells_how_many_are_lost(gap: Gap, lost: int | None) -> None:
    assert gap.lost == lost


def test_a_gap_holds_what_lies_strictly_within() -> None:
    gap = Gap((1, 3), (1, 9))

    assert [gap.holds((1, n)) for n in (3, 4, 8, 9)] == [False, True, True, False]
    assert Gap(None, None).holds((0, 0))
