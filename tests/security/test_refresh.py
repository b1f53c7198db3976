"""Refresh tokens: one text for each counter, and what happens to each when it is shown."""

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rpcbackend.security.refresh import (
    GRACE_MS,
    PresentedRefresh,
    RefreshVerdict,
    judge_refresh,
    make_refresh,
    new_family,
    read_refresh,
)
from rpcbackend.security.tokens import TokenFault, TokenRefusedError

KEY = bytes(range(32))
FAMILY = bytes(range(16))
TOKEN = make_refresh(KEY, FAMILY, 7)
ROTATED_AT_MS = 1_800_000_000_000

ROTATE, REPEAT, REUSE = RefreshVerdict


@given(
    st.binary(min_size=32, max_size=32),
    st.binary(min_size=16, max_size=16),
    st.integers(min_value=0, max_value=2**48 - 1),
)
def test_a_token_reads_back_and_is_the_same_each_time(
    key: bytes, family: bytes, counter: int
) -> None:
    token = make_refresh(key, family, counter)

    assert read_refresh(key, token) == PresentedRefresh(family, counter)
    assert make_refresh(key, family, counter) == token
    assert len(token) == 75


def test_a_family_is_sixteen_random_bytes() -> None:
    assert len(new_family(os.urandom)) == 16
    assert new_family(os.urandom) != new_family(os.urandom)


def test_the_next_token_cannot_be_told_from_this_one() -> None:
    successor = make_refresh(KEY, FAMILY, 8)

    assert successor != TOKEN
    assert make_refresh(bytes(32), FAMILY, 8) != successor


def test_a_token_with_any_bit_flipped_is_refused() -> None:
    for place, known in enumerate(TOKEN):
        for bit in range(7):
            flipped = chr(ord(known) ^ 1 << bit)
            with pytest.raises(TokenRefusedError):
                read_refresh(KEY, TOKEN[:place] + flipped + TOKEN[place + 1 :])


def test_a_token_of_another_key_is_refused() -> None:
    with pytest.raises(TokenRefusedError) as refused:
        read_refresh(bytes(32), TOKEN)

    assert refused.value.fault is TokenFault.SIGNATURE


@pytest.mark.parametrize(
    "text",
    [
        *("", "rt_", TOKEN.removeprefix("rt_"), TOKEN[:-1], TOKEN + "A", TOKEN + "=", TOKEN + "\n"),
        *(f" {TOKEN}", TOKEN.upper(), "rt_" + "é" * 72, "rt_" + "\ud800" * 72, TOKEN * 100_000),
        "rt_" + "+/" * 36,
    ],
    ids=[
        *("nothing", "prefix", "no prefix", "cut", "longer", "padded", "line end"),
        *("space", "upper case", "letters", "surrogates", "megabytes", "other base64"),
    ],
)
def test_a_text_of_another_form_is_refused(text: str) -> None:
    with pytest.raises(TokenRefusedError) as refused:
        read_refresh(KEY, text)

    assert refused.value.fault is TokenFault.MALFORMED


@pytest.mark.parametrize(
    ("key", "family"), [(b"", FAMILY), (KEY + b"0", FAMILY), (KEY, b""), (KEY, FAMILY + b"0")]
)
def test_nothing_is_made_of_a_key_or_family_of_another_length(key: bytes, family: bytes) -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        make_refresh(key, family, 0)


@pytest.mark.parametrize(
    ("current", "presented", "age_ms", "verdict"),
    [
        (0, 0, 0, ROTATE),
        (7, 7, 0, ROTATE),
        (7, 7, 10**10, ROTATE),
        (7, 6, 0, REPEAT),
        (7, 6, GRACE_MS, REPEAT),
        (7, 6, GRACE_MS + 1, REUSE),
        (7, 6, -GRACE_MS, REPEAT),
        (7, 6, -GRACE_MS - 1, REUSE),
        (7, 5, 0, REUSE),
        (7, 0, 0, REUSE),
        (7, 8, 0, REUSE),
        (7, 2**48 - 1, 0, REUSE),
    ],
    ids=[
        *("first", "current", "current, long after"),
        *("parent at once", "parent within 10 s", "parent later"),
        *("parent, clock set back a little", "parent, clock set back much"),
        *("grandparent within 10 s", "the login's", "from the future", "the last of all"),
    ],
)
def test_only_the_newest_rotates_and_only_its_parent_is_forgiven(
    current: int, presented: int, age_ms: int, verdict: RefreshVerdict
) -> None:
    judged = judge_refresh(
        current_counter=current,
        rotated_at_ms=ROTATED_AT_MS,
        presented_counter=presented,
        now_ms=ROTATED_AT_MS + age_ms,
    )

    assert judged is verdict


def test_two_racers_with_one_token_get_the_same_successor() -> None:
    """The store lets one of them rotate first; here is what the second is told."""
    first = judge_refresh(
        current_counter=7, rotated_at_ms=0, presented_counter=7, now_ms=ROTATED_AT_MS
    )
    second = judge_refresh(
        current_counter=8,
        rotated_at_ms=ROTATED_AT_MS,
        presented_counter=7,
        now_ms=ROTATED_AT_MS + 1,
    )

    assert (first, second) == (ROTATE, REPEAT)
    assert make_refresh(KEY, FAMILY, 7 + 1) == make_refresh(KEY, FAMILY, 8)
