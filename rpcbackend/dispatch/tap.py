"""Where lines go out of a connection, and who may look at all of them on their way."""

from typing import Protocol

from rpcbackend.moments import Moment
from rpcbackend.steps import StepTap


class LineSink(Protocol):
    """Takes reply lines."""

    def send(self, line: bytes) -> None:
        """Queue one line, its line end included."""
        ...

    @property
    def is_writable(self) -> bool:
        """Whether the peer has read most of what it was sent."""
        ...

    @property
    def is_backed_up(self) -> bool:
        """Whether so much is unread that nothing should cause more."""
        ...

    async def writable(self) -> None:
        """Wait until the peer has read most of what it was sent."""
        ...


class Tap(StepTap, Protocol):
    """Looks at every line of a process, and at every step that it takes by itself.

    It is called on the loop: it must be quick, and must not raise.
    """

    def came(self, connection_id: str, line: bytes | None) -> None:
        """Take a line that came in; None stands for one that was too long to keep."""
        ...

    def moment(self) -> Moment:
        """Return that of the next call of the line that came last."""
        ...

    def went(self, connection_id: str, line: bytes) -> None:
        """Take a line that goes out."""
        ...

    def opened(self, key: bytes | None) -> None:
        """Hear that the store is open, and under which key."""
        ...


class Tapped:
    """A sink whose lines are looked at before they go.

    Args:
        sink: Takes them.
        tap: Looks at them.
        connection_id: Whose they are.
    """

    def __init__(self, sink: LineSink, tap: Tap, connection_id: str) -> None:
        self._sink, self._tap, self._id = sink, tap, connection_id

    def send(self, line: bytes) -> None:
        """Queue one line, its line end included."""
        self._tap.went(self._id, line)
        self._sink.send(line)

    @property
    def is_writable(self) -> bool:
        """Whether the peer has read most of what it was sent."""
        return self._sink.is_writable

    @property
    def is_backed_up(self) -> bool:
        """Whether so much is unread that nothing should cause more."""
        return self._sink.is_backed_up

    async def writable(self) -> None:
        """Wait until the peer has read most of what it was sent."""
        await self._sink.writable()
