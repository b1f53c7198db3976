"""Keys that are guessed between two others."""

from hypothesis import given
from hypothesis import strategies as some

from rpcbackend.store.halving import Key, between

TEXTS = some.text(some.characters(min_codepoint=33, max_codepoint=126), max_size=60)


@given(some.tuples(some.integers(-5, 10), TEXTS), some.tuples(some.integers(-5, 10), TEXTS))
def test_a_guess_lies_between(one: Key, other: Key) -> None:
    low, high = sorted([one, other])

    middle = between(low, high)

    assert middle is None or low < middle < high


@given(some.integers(0, 2**50), some.integers(2, 2**50))
def test_between_numbers_that_are_no_neighbours_there_is_always_a_guess(low: int, by: int) -> None:
    assert between((1, low), (1, low + by)) is not None


@given(some.binary(min_size=16, max_size=16), some.binary(min_size=16, max_size=16))
def test_between_hashes_there_is_a_guess(one: bytes, other: bytes) -> None:
    low, high = sorted([one, other])

    middle = between((low,), (high,))

    assert middle is None or (low,) < middle < (high,)
