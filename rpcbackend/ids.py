"""Where ids come from: prefixed, time-ordered, from an injected clock and random source."""

import random

from rpcbackend.clock import Clock
from rpcbackend.moments import MOMENT, RandomBits, Sequence

__all__ = ["Ids", "RandomBits"]

_LAST_COUNT = 0xFFF


CHANCE_BITS = 62


def chance_in(identifier: str) -> int:
    """Return the random bits of an id, 0 for a text that is none."""
    digits = identifier.rpartition("_")[2].replace("-", "")
    try:
        return int(digits, 16) & ((1 << CHANCE_BITS) - 1)
    except ValueError:
        return 0


class Ids:
    """Make prefixed UUIDv7 texts, strictly increasing within one process.

    RFC 9562 section 5.7, with the 12 bits of rand_a as a counter (section 6.2, method 1). When the
    wall clock steps back the last time is kept, so order never breaks. A call that has a moment of
    its own (`rpcbackend.moments`) draws from that, and order holds within it.

    Args:
        clock: Gives the 48-bit millisecond timestamp.
        bits: Gives the 62 bits of rand_b; the system's source unless a replay brings its own.
    """

    def __init__(self, clock: Clock, bits: RandomBits | None = None) -> None:
        self._clock = clock
        self._own = Sequence(bits or random.SystemRandom())
        # When it began tells one process from another, and takes nothing from a seeded source.
        self._mark_of_process = clock.now_ms() & 0xFFFFFFFF
        self._mark = 0

    def new(self, prefix: str) -> str:
        """Return the next id, such as `stu_0190b5a2-…` for the prefix `stu`."""
        moment = MOMENT.get()
        if moment is None:
            now_ms, sequence = self._clock.now_ms(), self._own
        else:
            # Also when it is over: what a job leaves after its call has ids of that call.
            now_ms, sequence = moment.now_ms, moment.sequence
        if now_ms > sequence.last_ms:
            sequence.last_ms, sequence.counter = now_ms, 0
        elif sequence.counter == _LAST_COUNT:
            sequence.last_ms, sequence.counter = sequence.last_ms + 1, 0
        else:
            sequence.counter += 1
        value = (
            sequence.last_ms << 80
            | 0x7 << 76
            | sequence.counter << 64
            | 0b10 << 62
            | sequence.bits.getrandbits(CHANCE_BITS)
        )
        digits = f"{value:032x}"
        return f"{prefix}_{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"

    def mark(self) -> int:
        """Return the next number, for a correlation id: most are never written out."""
        self._mark += 1
        return self._mark

    def correlation(self, mark: int | None = None) -> str:
        """Return what ties a reply to its log lines: when the process began, then a number.

        Within a moment it follows from that alone, so that a replay gives the same one.

        Args:
            mark: The number; the next one if there is none yet.
        """
        moment = MOMENT.get()
        if moment is None:
            return f"cor_{self._mark_of_process:08x}{mark or self.mark():08x}"
        return moment.mark
