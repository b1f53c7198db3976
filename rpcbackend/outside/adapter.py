"""What a way to the world outside is: it takes one message, and tells what became of it."""

from typing import Protocol

from rpcbackend.store import Message


class Undelivered(Exception):  # noqa: N818 (each of its kinds says what it is)
    """A message was not delivered, as far as anybody knows.

    Args:
        reason: Why, in words for the office: never an address, a name, a secret or a body.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class TryAgainError(Undelivered):
    """Another try may deliver it.

    Args:
        reason: As above.
        retry_after_seconds: What the receiver asked for, if it did.
        is_unreached: Whether nobody was reached at all: it counts for the host, not the message.
    """

    def __init__(
        self,
        reason: str,
        *,
        retry_after_seconds: float | None = None,
        is_unreached: bool = False,
    ) -> None:
        super().__init__(reason)
        self.retry_after_seconds = retry_after_seconds
        self.is_unreached = is_unreached


class LeftAloneError(TryAgainError):
    """The host failed too often, so nobody was asked.

    Args:
        seconds: Until one may ask again.
    """

    def __init__(self, seconds: float) -> None:
        super().__init__(
            "the host failed too often and is left alone for a while",
            retry_after_seconds=seconds,
            is_unreached=True,
        )
        self.seconds = seconds


class RefusedError(Undelivered):
    """No other try can deliver it."""


class Adapter(Protocol):
    """One way out, such as mail; what it holds open is closed by `close`."""

    async def send(self, id: str, message: Message) -> str | None:  # noqa: A002 (its name)
        """Deliver one message and return what the receiver calls it.

        Args:
            id: The message's, the same on every try: the receiver knows a second delivery by it.
            message: What to send.

        Raises:
            TryAgainError: It was not delivered now, or nobody knows.
            RefusedError: It never will be.
        """
        ...

    async def close(self) -> None:
        """Let go of every connection."""
        ...
