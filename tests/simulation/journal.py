"""The trace: what happened, line by line, as a hash of all of it and the last lines to read."""

import hashlib
from collections import deque
from collections.abc import Callable, Iterator

KEPT = 200
"""Lines that are kept to be read."""
SHOWN = 160
"""Characters of a line that are shown."""


class Journal:
    """Everything that happened in a simulated world, in its order.

    Args:
        now: Virtual time, in seconds.
        tell: Gets every line as it comes.
    """

    def __init__(self, now: Callable[[], float], tell: Callable[[str], None] | None = None) -> None:
        self._now, self._tell = now, tell
        self._sha256 = hashlib.sha256()
        self._tail: deque[tuple[float, str, str]] = deque(maxlen=KEPT)
        self.count = 0

    def note(self, who: str, what: str) -> None:
        """Add a line."""
        now = self._now()
        self.count += 1
        self._sha256.update(f"{now:.9f} {who} {what}\n".encode())
        self._tail.append((now, who, what))
        if self._tell is not None:
            self._tell(_show(now, who, what))

    def hash(self) -> str:
        """Return the hash of all lines so far."""
        return self._sha256.hexdigest()

    def tail(self, count: int = KEPT) -> Iterator[str]:
        """Go through the last lines."""
        for line in list(self._tail)[-count:]:
            yield _show(*line)


def _show(now: float, who: str, what: str) -> str:
    what = " ".join(what.split())
    return f"{now:12.6f}  {who:<12} {what[:SHOWN]}{'…' * (len(what) > SHOWN)}"
