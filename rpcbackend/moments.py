"""One call's own time and chance: what it does then depends on nothing that runs beside it.

While a process records, and while its transcript is replayed, each call keeps the time at which its
line arrived and draws its ids from a source of its own (docs/adr/0031-transcripts-that-replay.md).
"""

import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Protocol

from rpcbackend.clock import Clock

_BITS = 128


class RandomBits(Protocol):
    """Gives random bits: `random.SystemRandom` in service, a seeded source in replays."""

    def getrandbits(self, k: int, /) -> int:
        """Return *k* random bits as a non-negative integer."""
        ...


class NamedBits:
    """Bits that follow from a key and a name, such as that of a call: keyed BLAKE2b (RFC 7693).

    Args:
        key: 64 bytes at most.
        name: Others give other bits.
    """

    def __init__(self, key: bytes, name: str) -> None:
        self._key, self._name, self._count = key, name, 0

    def apart(self, name: str) -> "NamedBits":
        """Return others, which follow from the same key and a longer name."""
        return NamedBits(self._key, f"{self._name}/{name}")

    def getrandbits(self, k: int, /) -> int:
        """Return *k* bits, 128 at most."""
        self._count += 1
        text = f"{self._name}/{self._count}".encode()
        digest = hashlib.blake2b(text, key=self._key, digest_size=_BITS // 8).digest()
        return int.from_bytes(digest) >> (_BITS - k)


@dataclass(slots=True, eq=False)
class Sequence:
    """What the next id follows from."""

    bits: RandomBits
    last_ms: int = 0
    counter: int = 0


@dataclass(slots=True, eq=False)
class Moment:
    """When a call arrived, and what its ids follow from."""

    now_ms: int
    monotonic: float
    bits: NamedBits
    is_over: bool = False
    """Whether it was answered: what goes on from it, a job, lives in the time of everybody."""
    latest_ms: int = 0
    """The latest time there was when it arrived, and what has passed since, if that is later: the
    clock was put back."""
    sequence: Sequence = field(init=False)

    def __post_init__(self) -> None:
        self.sequence = Sequence(self.bits)

    @property
    def mark(self) -> str:
        """Its correlation id: it takes nothing from the ids, which no log level may change."""
        return f"cor_{self.bits.apart('correlation').getrandbits(64):016x}"


MOMENT: ContextVar[Moment | None] = ContextVar("MOMENT", default=None)


def current_moment() -> Moment | None:
    """Return that of the call that runs here, if calls have any."""
    moment = MOMENT.get()
    return None if moment is None or moment.is_over else moment


@contextmanager
def in_moment(begin: Callable[[], Moment] | None) -> Iterator[None]:
    """Do what nobody called for in a moment of its own, if there are any.

    Args:
        begin: Returns it; None while nothing is recorded.
    """
    if begin is None:
        yield
        return
    moment = begin()
    before = MOMENT.set(moment)
    try:
        yield
    finally:
        moment.is_over = True
        MOMENT.reset(before)


class MomentClock:
    """A clock whose wall stands still within a call; elapsed time goes on, for deadlines.

    Args:
        clock: Of those who are no call.
        is_still: Whether elapsed time stands still as well, and the wall goes never back, for those
            who judge what has expired: no call beside this one decides how late it is.
    """

    def __init__(self, clock: Clock, *, is_still: bool = False) -> None:
        self._clock, self._is_still = clock, is_still

    def now_ms(self) -> int:
        """Milliseconds since the Unix epoch, UTC."""
        moment = current_moment()
        if moment is None:
            return self._clock.now_ms()
        return max(moment.now_ms, moment.latest_ms) if self._is_still else moment.now_ms

    def monotonic(self) -> float:
        """Seconds since an arbitrary start; never goes backwards."""
        moment = current_moment() if self._is_still else None
        return self._clock.monotonic() if moment is None else moment.monotonic
