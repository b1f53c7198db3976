"""Where ids come from: prefixed, time-ordered, from an injected clock and random source."""

import random
from typing import Protocol

from rpcbackend.clock import Clock

_LAST_COUNT = 0xFFF


class RandomBits(Protocol):
    """Gives random bits: `random.SystemRandom` in service, a seeded `random.Random` in replays."""

    def getrandbits(self, k: int, /) -> int:
        """Return *k* random bits as a non-negative integer."""
        ...


class Ids:
    """Make prefixed UUIDv7 texts, strictly increasing within one process.

    RFC 9562 section 5.7, with the 12 bits of rand_a as a counter (section 6.2, method 1). When the
    wall clock steps back the last time is kept, so order never breaks.

    Args:
        clock: Gives the 48-bit millisecond timestamp.
        bits: Gives the 62 bits of rand_b; the system's source unless a replay brings its own.
    """

    def __init__(self, clock: Clock, bits: RandomBits | None = None) -> None:
        self._clock = clock
        self._bits: RandomBits = bits or random.SystemRandom()
        self._last_ms = 0
        self._counter = 0

    def new(self, prefix: str) -> str:
        """Return the next id, such as `stu_0190b5a2-…` for the prefix `stu`."""
        now_ms = self._clock.now_ms()
        if now_ms > self._last_ms:
            self._last_ms, self._counter = now_ms, 0
        elif self._counter == _LAST_COUNT:
            self._last_ms, self._counter = self._last_ms + 1, 0
        else:
            self._counter += 1
        value = (
            self._last_ms << 80
            | 0x7 << 76
            | self._counter << 64
            | 0b10 << 62
            | self._bits.getrandbits(62)
        )
        digits = f"{value:032x}"
        return f"{prefix}_{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"

    def correlation(self) -> str:
        """Return a short random mark that ties an error reply to its log lines."""
        return f"cor_{self._bits.getrandbits(64):016x}"
