"""Tell a caller that asked for it how far his call is, by `$/progress` notifications."""

from rpcbackend.clock import Clock
from rpcbackend.context import Connection
from rpcbackend.dispatch.call import Call, Proceed
from rpcbackend.dispatch.registry import Result
from rpcbackend.protocol.codec import Json

CHANNEL = "$/progress"

INTERVAL_SECONDS = 0.1
"""Reports that follow each other faster are left out: nobody reads faster."""


async def progress(call: Call, proceed: Proceed) -> Result:
    """Give the handler a way to report when the call came with `_meta.progressToken`.

    What it reports goes out as `begin`, any number of `report` and `end`, all before the reply; a
    call that reports nothing sends nothing.
    """
    token = call.context.meta.progress_token
    if token is None:
        return await proceed(call)
    progress = Progress(token, call.context.connection, call.context.clock)
    call.context.report = progress.report
    try:
        return await proceed(call)
    finally:
        progress.end()


class Progress:
    """The notifications of one call.

    Args:
        token: What the caller wants them to be known by.
        connection: The caller's.
        clock: Keeps them apart.
    """

    def __init__(self, token: str | int, connection: Connection, clock: Clock) -> None:
        self._token, self._connection, self._clock = token, connection, clock
        self._next_at: float | None = None
        self._is_over = False

    def report(self, done: int, total: int, message: str) -> None:
        """Say that *done* of *total* steps are done, and what comes now.

        Reports are left out when they come too fast, or while the peer does not read.
        """
        if self._is_over:
            # What the call asked for may go on for others who asked too.
            return
        value: dict[str, Json] = {"done": done, "total": total, "message": message}
        value["percentage"] = 100 * done // total if total else 100
        now = self._clock.monotonic()
        if self._next_at is None:
            self._send({"kind": "begin", **value})
        elif now >= self._next_at and self._connection.is_writable:
            self._send({"kind": "report", **value})
        else:
            return
        self._next_at = now + INTERVAL_SECONDS

    def end(self) -> None:
        """Say that it is over, if it ever began."""
        self._is_over = True
        if self._next_at is not None:
            self._send({"kind": "end"})

    def _send(self, value: dict[str, Json]) -> None:
        self._connection.notify(CHANNEL, {"token": self._token, "value": value})
