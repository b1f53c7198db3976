"""The invented names, numbers and addresses."""

import pytest

from rpcbackend.demo import names
from rpcbackend.demo.names import email, full_name, phone
from tests.demo.schools import seeded


def test_mail_goes_to_nobody_whatever_the_name() -> None:
    assert [
        email("Zoë", "Brückner", 0),
        email("N'Golo", "D'Angelo-Müller", 7),
        email("小明", "王", 2),
    ] == [
        "zoe.bruckner.0@example.org",
        "ngolo.dangelomuller.7@example.org",
        "2@example.org",
    ]


@pytest.mark.parametrize(
    ("number", "expected"),
    [
        (0, "+493023125000"),
        (999, "+493023125999"),
        (1_042, "+496990009042"),
        (4_999, "+498999998999"),
        (5_000, "+493023125000"),
    ],
)
def test_telephone_numbers_stay_within_the_reserved_ranges(number: int, expected: str) -> None:
    assert phone(number) == expected


def test_the_first_students_bear_the_difficult_names() -> None:
    bits = seeded()

    assert [full_name(number, bits) for number in range(len(names.EDGE_NAMES))] == list(
        names.EDGE_NAMES
    )
