"""How many wrong passwords are looked at."""

import pytest

from rpcbackend.accounts.tries import Source, Try
from rpcbackend.errors import RateLimitedError
from rpcbackend.guesses import ALL_MISSES, PEER_MISSES, PEER_SECONDS, Guesses
from rpcbackend.testing import FrozenClock


def test_what_others_miss_keeps_out_only_those_who_missed_themselves(clock: FrozenClock) -> None:
    guesses = Guesses(clock)
    for number in range(ALL_MISSES):
        guesses.miss(f"con_{number}")

    guesses.check("con_innocent")
    with pytest.raises(RateLimitedError):
        guesses.check("con_7")


def test_a_peer_that_missed_too_often_waits_and_nobody_else(clock: FrozenClock) -> None:
    guesses = Guesses(clock)
    for _ in range(PEER_MISSES):
        guesses.check("con_1")
        guesses.miss("con_1")

    guesses.check("con_2")
    with pytest.raises(RateLimitedError) as refused:
        guesses.check("con_1")

    assert refused.value.retry_after_ms == PEER_SECONDS / PEER_MISSES * 1_000


def test_a_try_does_not_show_what_was_typed() -> None:
    tried = Try(
        login="l0gin",
        source=Source("desk", 0),
        password_hash="h4sh",  # noqa: S106 (no secret)
        is_right=False,
        rehashed="r3hash",
        mfa_code="c0de",
        recovery_code="r3covery",
    )

    assert repr(tried) == "Try(source=Source(device='desk', now_ms=0), is_right=False)"
