"""Who may work on what, for how long, within one process."""


class Leases:
    """Leases of things that are known by an id; they end by themselves.

    Held by the monotonic clock, so that whatever is done to the wall clock neither ends nor
    lengthens one.

    Args:
        seconds: How long one holds.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._ends: dict[str, float] = {}

    def take(self, id: str, now: float) -> None:  # noqa: A002 (what things are known by)
        """Hold a thing from now on; monotonic clock, in seconds."""
        self._ends[id] = now + self._seconds

    def give_back(self, id: str) -> None:  # noqa: A002 (what things are known by)
        """Hold a thing no longer."""
        self._ends.pop(id, None)

    def held(self, now: float) -> frozenset[str]:
        """Return the ids of what is held, and forget what has ended."""
        self._ends = {each: end for each, end in self._ends.items() if now < end}
        return frozenset(self._ends)
