"""What handlers ask of the part that sends what is in the outbox."""

from collections.abc import Collection
from typing import Protocol

from rpcbackend.schema.outbox import DelayWarning


class Post(Protocol):
    """Sends what is in the outbox."""

    def warnings(self, channels: Collection[str]) -> list[DelayWarning]:
        """Return what to tell whoever has just sent something by these channels: which wait."""
        ...

    def hurry(self) -> None:
        """Try now what waits for a host to be reached again."""
        ...
