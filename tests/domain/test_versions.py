"""Each change makes the next version, for whoever saw the last one."""

import pytest

from rpcbackend.domain.versions import next_version
from rpcbackend.errors import VersionConflictError
from tests.factories import make_student


@pytest.mark.parametrize(
    ("stored", "expected", "made"),
    [(None, None, 1), (None, 0, 1), (1, None, 2), (1, 1, 2), (41, 41, 42)],
)
def test_a_change_makes_the_next_version(
    stored: int | None, expected: int | None, made: int
) -> None:
    old = make_student(version=stored) if stored else None

    assert next_version(old, expected) == made


@pytest.mark.parametrize(("stored", "expected"), [(None, 1), (1, 2), (2, 1)])
def test_a_change_of_another_version_is_refused_with_the_current_one(
    stored: int | None, expected: int
) -> None:
    old = make_student(version=stored) if stored else None

    with pytest.raises(VersionConflictError) as refused:
        next_version(old, expected)

    assert refused.value.details == {"expected": expected, "current": stored or 0}
