"""Which recipients are left alone, and until when; knows no store."""

from rpcbackend.clock import Clock


class Rests:
    """The recipients whose host failed too often: while they rest, nothing is taken for them.

    Each message that was taken would cost two units of work, only to hear that.

    Args:
        clock: Tells the time.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._until: dict[str, float] = {}

    def begin(self, recipient: str, seconds: float) -> None:
        """Leave a recipient alone for so long."""
        self._until[recipient] = self._clock.monotonic() + seconds

    def end(self, recipient: str) -> None:
        """Leave it alone no more: it was asked."""
        self._until.pop(recipient, None)

    def hurry(self) -> None:
        """Let all rests be over: somebody wants to know."""
        self._until = dict.fromkeys(self._until, self._clock.monotonic())

    def lift(self) -> bool:
        """Forget the rests that are over, and tell whether there were any."""
        now = self._clock.monotonic()
        over = [recipient for recipient, until in self._until.items() if until <= now]
        for recipient in over:
            del self._until[recipient]
        return bool(over)

    def all(self) -> list[str]:
        """Return who is left alone."""
        return list(self._until)

    def wait(self) -> float | None:
        """Return the seconds until the first rest is over; None if there is none."""
        first = min(self._until.values(), default=None)
        return None if first is None else max(0.0, first - self._clock.monotonic())

    def forget(self) -> None:
        """Know of none: another process sends, or it is another store."""
        self._until.clear()
