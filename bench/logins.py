"""Whether the time of a refused login tells if there is such a user: known, unknown and disabled.

Whole calls in one process with real password hashes, in memory, so that no disk blurs a difference.
The kinds take turns at random. A day passes between two tries, so that nobody has to wait.
"""

import asyncio
import gc
import random
import time
from collections.abc import Sequence
from itertools import combinations
from math import sqrt
from statistics import NormalDist, median

from rpcbackend.app import Application
from rpcbackend.schema.users import Role, User, UserStatus
from rpcbackend.store import Proofs, Work
from rpcbackend.surroundings import Surroundings
from rpcbackend.testing import Client, FrozenClock, running_app

TRIES, USERS = 300, 20
"""Tries of each kind, and logins that they are spread over."""
DAY_SECONDS = 25 * 3_600
KINDS = ("known", "unknown", "disabled")


async def add_users(app: Application, clock: FrozenClock) -> None:
    """Add the users of two of the kinds, all with one password."""
    password_hash = await app.hashing.hash("a password of many words")

    async def unit(work: Work) -> None:
        for kind, status in (("known", UserStatus.ACTIVE), ("disabled", UserStatus.DISABLED)):
            for number in range(USERS):
                user = User(
                    id=work.new_id("usr"),
                    login=login_of(kind, number),
                    roles=[Role.OFFICE],
                    linked_person_id=None,
                    status=status,
                    has_mfa=False,
                    created_at=work.now.replace(microsecond=0),
                    version=1,
                )
                await work.users.put(user)
                await work.credentials.put(Proofs(user_id=user.id, password_hash=password_hash))

    await app.store.write(unit, actor="bench")
    clock.advance(DAY_SECONDS)


def login_of(kind: str, number: int) -> str:
    """Return a login; those of all kinds are equally long."""
    return f"{kind:_<8}{number:02}@school.example"


async def measure() -> dict[str, list[float]]:
    """Return how many milliseconds each refused login took, by kind."""
    took: dict[str, list[float]] = {kind: [] for kind in KINDS}
    order = list(KINDS) * (TRIES + 5)
    random.Random(1).shuffle(order)  # noqa: S311 (an order, no secret)
    clock = FrozenClock()
    async with running_app(surroundings=Surroundings(clock=clock)) as app:
        await app.open_store()
        await add_users(app, clock)
        gc.freeze()
        for turn, kind in enumerate(order):
            client = Client(app)
            params = {"login": login_of(kind, turn % USERS), "password": f"a wrong one {turn:05}"}
            began = time.perf_counter()
            reply = await client.start("auth.login", params)
            took[kind].append((time.perf_counter() - began) * 1_000)
            # A refusal of another kind would have gone another way.
            assert reply["error"]["data"]["code"] == "UNAUTHENTICATED"  # noqa: S101
            clock.advance(DAY_SECONDS)
    # The first ones are dearer, of whatever kind.
    return {kind: times[-TRIES:] for kind, times in took.items()}


def mann_whitney(one: Sequence[float], other: Sequence[float]) -> tuple[float, float]:
    """Return how often one of *one* is less than one of *other*, and the two-sided p-value.

    Mann and Whitney, 1947, in its normal approximation; 0.5 means that they cannot be told apart.
    """
    ranked = sorted((value, number) for number, each in enumerate((one, other)) for value in each)
    ranks = sum(rank for rank, (_, number) in enumerate(ranked, start=1) if number == 1)
    count = len(one) * len(other)
    less = ranks - len(other) * (len(other) + 1) / 2
    z = (less - count / 2) / sqrt(count * (len(one) + len(other) + 1) / 12)
    return less / count, 2 * (1 - NormalDist().cdf(abs(z)))


def main() -> None:
    """Measure and compare."""
    took = asyncio.run(measure())
    print(f"{'':>10}{'tries':>8}{'median':>9}{'MAD':>8}   ms a refused login")
    for kind, times in took.items():
        middle = median(times)
        spread = median(abs(each - middle) for each in times)
        print(f"{kind:>10}{len(times):8}{middle:9.2f}{spread:8.2f}")
    for one, other in combinations(KINDS, 2):
        less, p = mann_whitney(took[one], took[other])
        print(f"{one} before {other} in {less:.1%} of pairs, p = {p:.2f}")


if __name__ == "__main__":
    main()
