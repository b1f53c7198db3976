"""How many wrong passwords are looked at, whoever counts them."""

import random
from collections.abc import Awaitable, Callable

from rpcbackend.accounts.guesses import OF_ALL, OF_SOURCE, note_guess, require_guess
from rpcbackend.accounts.tries import Source, Try
from rpcbackend.errors import RateLimitedError
from rpcbackend.resilience.gcra import Gcra
from rpcbackend.store import Store, Work

NOW_MS = 1_800_000_000_000


async def write(store: Store, unit: Callable[[Work], Awaitable[None]]) -> None:
    await store.write(unit, actor="tests")


async def wait_ms(store: Store, source: str, now_ms: int = NOW_MS) -> int:
    try:
        await store.read(lambda work: require_guess(work, source, now_ms))
    except RateLimitedError as refused:
        return refused.retry_after_ms or 0
    return 0


async def counters(store: Store) -> int:
    row = await store.read(
        lambda work: work.tx.one("SELECT count(*) FROM guesses WHERE school_id = :school")
    )
    return int(row[0]) if row else 0


async def test_what_others_miss_keeps_out_only_those_who_missed_themselves(store: Store) -> None:
    async def unit(work: Work) -> None:
        for number in range(OF_ALL.misses):
            await note_guess(work, f"192.0.2.{number}", NOW_MS)

    await write(store, unit)

    assert await wait_ms(store, "198.51.100.1") == 0
    assert await wait_ms(store, "192.0.2.7") == OF_ALL.interval_ms


async def test_a_source_that_missed_too_often_waits_and_nobody_else(store: Store) -> None:
    async def unit(work: Work) -> None:
        for _ in range(OF_SOURCE.misses):
            await require_guess(work, "192.0.2.1", NOW_MS)
            await note_guess(work, "192.0.2.1", NOW_MS)

    await write(store, unit)

    assert await wait_ms(store, "192.0.2.2") == 0
    assert await wait_ms(store, "192.0.2.1") == OF_SOURCE.interval_ms


async def test_what_is_paid_for_is_forgotten_at_the_next_miss(store: Store) -> None:
    await write(store, lambda work: note_guess(work, "192.0.2.1", NOW_MS))
    assert await counters(store) == 2

    await write(store, lambda work: note_guess(work, "192.0.2.2", NOW_MS + OF_SOURCE.span_ms))

    assert await counters(store) == 2


async def test_a_clock_that_was_wrong_makes_nobody_wait_longer_than_for_one_miss(
    store: Store,
) -> None:
    year_ms = 365 * 24 * 3_600_000
    await write(store, lambda work: work.guesses.put("192.0.2.1", NOW_MS + year_ms))

    assert await wait_ms(store, "192.0.2.1") == OF_SOURCE.interval_ms


async def test_the_rows_admit_what_one_limiter_in_memory_would(store: Store) -> None:
    """Whoever counts, over any span of time as many guesses are looked at."""
    chance = random.Random(7)  # noqa: S311 (a replayable choice)
    one, now_ms = Gcra(20 / 600, 20), NOW_MS
    told: list[tuple[bool, bool]] = []

    async def unit(work: Work) -> None:
        nonlocal now_ms
        for _ in range(300):
            now_ms += chance.choice((0, 0, 0, 999, 30_000, 45_001))
            should_pass = one.take("192.0.2.1", now_ms / 1_000) == 0
            try:
                await require_guess(work, "192.0.2.1", now_ms)
            except RateLimitedError:
                told.append((should_pass, False))
                continue
            told.append((should_pass, True))
            await note_guess(work, "192.0.2.1", now_ms)

    await write(store, unit)

    assert {passes for _, passes in told} == {True, False}
    assert all(expected == passes for expected, passes in told)


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
