"""What handlers ask of the part that sends what is in the outbox."""

from collections.abc import Collection
from typing import Any, Protocol


class Post(Protocol):
    """Sends what is in the outbox."""

    def warnings(self, channels: Collection[str]) -> list[dict[str, Any]]:
        """Return what to tell whoever has just sent something by these channels: which wait."""
        ...

    def hurry(self) -> None:
        """Try now what waits for a host to be reached again."""
        ...
