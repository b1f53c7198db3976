"""Demo schools that several test modules look at: each is made once."""

import random
from datetime import date
from functools import cache

from rpcbackend.demo.school import School, make_school

TODAY = date(2026, 11, 23)
"""A Monday, the one of the frozen clock."""

PLANS = ((1, 1, 1), (2, 1, 7), (12, 1, 3), (40, 3, 5), (560, 1, 1))
"""Students, years, seed: from the tiniest school to the demo profile."""


def seeded() -> random.Random:
    return random.Random(1)  # noqa: S311 (must repeat itself)


@cache
def school_of(students: int, years: int, seed: int) -> School:
    return make_school(students=students, years=years, seed=seed, today=TODAY)
