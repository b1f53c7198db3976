"""When the calls of a transcript came, and what time and chance each of them has to itself."""

from dataclasses import dataclass

from rpcbackend.clock import Clock
from rpcbackend.ids import CHANCE_BITS
from rpcbackend.moments import Moment, NamedBits

DRIFT_MS = 50
"""A wall clock that is further off than that was set, or the machine slept."""
IDS_OF_A_CALL = 50
"""Few calls make more; of the others not the last event is known, but one before it."""
LEAST_MS = 1.0
"""What is not further back than that is rounding."""


class Timeline:
    """Milliseconds since the start of a recording: the wall clock's, but finer and in order.

    Args:
        clock: Is compared with the elapsed time, and followed when it was set.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.started_ms = clock.now_ms()
        self._zero = self.read_at = clock.monotonic()
        """When `now` was asked last, in seconds of the clock."""
        self.latest: float | None = None
        """What would be then if the clock had never been put back; None: it was not."""
        self._last = 0.0

    def passed(self) -> float:
        """Return it without a look at the wall, for what goes out soon after something came in."""
        return (self._clock.monotonic() - self._zero) * 1_000

    def now(self) -> float:
        """Return it, to the microsecond."""
        before, self.read_at = self.read_at, self._clock.monotonic()
        t = (self.read_at - self._zero) * 1_000
        ahead = self._clock.now_ms() - self.started_ms - t
        if abs(ahead) > DRIFT_MS:
            self._zero -= ahead / 1_000
            t += ahead
        t = round(t, 3)
        latest = round(self._last + (self.read_at - before) * 1_000, 3)
        self._last = latest if latest > t + LEAST_MS else t
        self.latest = self._last if self._last > t else None
        return t


STEPS = "-/steps"
"""In the place of a connection, for what the process does by itself."""


@dataclass(slots=True)
class Calls:
    """Gives each call its moment: what it draws follows from its line's place in the transcript.

    Args:
        key: The seed of the transcript.
        started_ms: The zero of its times.
    """

    key: bytes
    started_ms: int
    _line: str = ""
    _t: float = 0.0
    _monotonic: float = 0.0
    _latest: float = 0.0
    _count: int = 0

    def begin(
        self,
        connection_id: str,
        number: int,
        t: float,
        monotonic: float,
        latest: float | None = None,
    ) -> None:
        """Begin with a line: the so manieth that came in on its connection.

        Args:
            connection_id: Of the line.
            number: Of the line.
            t: When it came.
            monotonic: The same, in seconds of the clock that others read.
            latest: When it would have come if the clock had never been put back.
        """
        self._line, self._count = f"{connection_id}/{number}", 0
        self._t, self._monotonic = t, monotonic
        self._latest = t if latest is None else latest

    def skip(self, count: int) -> None:
        """Go on behind so many calls of the line."""
        self._count += count

    def chances(self, connection_id: str, number: int, call: int) -> list[int]:
        """Return what the first ids have that a call of a line makes."""
        bits = NamedBits(self.key, f"{connection_id}/{number}/{call}")
        return [bits.getrandbits(CHANCE_BITS) for _ in range(IDS_OF_A_CALL)]

    def next(self) -> Moment:
        """Return the moment of its next call."""
        self._count += 1
        bits = NamedBits(self.key, f"{self._line}/{self._count}")
        return Moment(
            self.started_ms + int(self._t),
            self._monotonic,
            bits,
            latest_ms=self.started_ms + int(self._latest),
        )


class ReplayClock:
    """The clock of a replay: it stands where the transcript is.

    Args:
        started_ms: The zero of its times.
    """

    def __init__(self, started_ms: int) -> None:
        self._started_ms, self._t, self._latest = started_ms, 0.0, 0.0

    def set(self, t: float, latest: float | None = None) -> None:
        """Come to a time of the transcript, in milliseconds since its start.

        Args:
            t: As the wall said.
            latest: As it would have if it had never been put back; None: it was not.
        """
        self._t, self._latest = t, max(self._latest, t if latest is None else latest)

    def now_ms(self) -> int:
        """Milliseconds since the Unix epoch, UTC."""
        return self._started_ms + int(self._t)

    def monotonic(self) -> float:
        """Seconds since the start; never goes backwards."""
        return self._latest / 1_000
