"""Tell a caller that asked for it how far his call is, by `$/progress` notifications."""

from rpcbackend.clock import Clock
from rpcbackend.context import Connection
from rpcbackend.dispatch.call import Call, Proceed
from rpcbackend.dispatch.registry import Result
from rpcbackend.schema.progress import Progress as Told
from rpcbackend.schema.progress import ProgressValue

CHANNEL = "$/progress"

INTERVAL_SECONDS = 0.1
"""Reports that follow each other faster are left out: nobody reads faster."""


async def progress(call: Call, proceed: Proceed) -> Result:
    """Give the handler a way to report when the call came with `_meta.progressToken`.

    What it reports goes out as `begin`, any number of `report` and `end`, all before the reply; a
    call that reports nothing sends nothing. A job reports after the reply, until it is over; in a
    batch, whose replies go out together, its `begin` may come before them.
    """
    token = call.context.meta.progress_token
    if token is None:
        return await proceed(call)
    progress = Progress(token, call.context.connection, call.context.clock)
    call.context.report = progress.report
    if call.method.kind == "job":
        # It goes on after the reply, and ends what it has begun.
        call.context.end_report = progress.end
        return await proceed(call)
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
        now = self._clock.monotonic()
        is_first = self._next_at is None
        if self._next_at is not None and (now < self._next_at or not self._connection.is_writable):
            return
        self._next_at = now + INTERVAL_SECONDS
        self._send(
            ProgressValue(
                kind="begin" if is_first else "report",
                done=done,
                total=total,
                message=message,
                percentage=100 * done // total if total else 100,
            )
        )

    def end(self) -> None:
        """Say that it is over, if it ever began."""
        self._is_over = True
        if self._next_at is not None:
            self._send(ProgressValue(kind="end"))

    def _send(self, value: ProgressValue) -> None:
        told = Told(token=self._token, value=value)
        self._connection.notify(CHANNEL, told.model_dump_json(exclude_none=True).encode())
